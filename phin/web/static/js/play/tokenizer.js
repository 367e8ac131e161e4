// Phrase ⇄ rows of ids, and conditions, as phin/tokenizer.py.

import {
  CONDITIONS, DENSITY_EDGES, DURATION, FIELDS, LAI_NAMES, METRES, NO_CLOSING, NUM_FIELDS, PITCH, STEP, STEPS_PER_HONG,
  SYMBOLS, TECHNIQUE, TEMPO_EDGES, UNKNOWN, VELOCITY, VOICE,
} from "./tables.js"; // prettier-ignore
import { lastEnd, letRestruckStringsStop, letRing, melodyOf, phraseOf, sorted } from "./phrase.js";
import { refuse } from "./refusal.js";
import { general } from "./words.js";

export const NUM_SYMBOLS = SYMBOLS.count;
export const NUM_PITCHES = FIELDS[PITCH].highest - FIELDS[PITCH].lowest + 1;
export const NUM_INTERVALS = 2 * NUM_PITCHES - 1;
export const LONGEST_STEP = FIELDS[STEP].highest;
const MELODY_ID = NUM_SYMBOLS;

export const isMelodyNote = (ids) => ids[VOICE] === MELODY_ID && ids[PITCH] >= NUM_SYMBOLS;

/** The step from which the first note's step is counted: one bar before the first downbeat. */
const firstOrigin = (metre) => (metre ? -metre.bar : -4 * STEPS_PER_HONG);

/** The value of an id of a field; UNKNOWN where nobody knows. */
export const valueOf = (id, field) => (id >= NUM_SYMBOLS ? id - NUM_SYMBOLS + FIELDS[field].lowest : UNKNOWN);

/** A tune before its first note: {ids, onset, bar, given, closing}, a row each of START, notes and END. */
export const startOf = (metre) => ({
  ids: [new Array(NUM_FIELDS).fill(SYMBOLS.start)],
  onset: [firstOrigin(metre)],
  bar: metre.bar,
  given: 0,
  closing: NO_CLOSING,
});

/** The rows of a phrase. Throws Refusal where the vocabulary cannot hold it. */
export function encode(phrase) {
  const origin = firstOrigin(phrase.metre);
  let before = origin;
  const values = phrase.notes.map((note) => {
    const step = note.onset - before;
    before = note.onset;
    const duration = phrase.inferred.has("duration") ? UNKNOWN : note.duration;
    return [step, note.voice, note.technique, note.pitch, duration, note.velocity];
  });
  refuseWhatDoesNotFit(phrase, values);
  const ids = values.map((row) =>
    row.map((value, field) => (value === UNKNOWN ? SYMBOLS.unknown : value - FIELDS[field].lowest + NUM_SYMBOLS)),
  );
  const end = new Array(NUM_FIELDS).fill(SYMBOLS.pad);
  end[STEP] = SYMBOLS.end;
  const onset = [origin, ...phrase.notes.map((note) => note.onset)];
  return {
    ids: [new Array(NUM_FIELDS).fill(SYMBOLS.start), ...ids, end],
    onset: [...onset, onset.at(-1)],
    bar: phrase.metre ? phrase.metre.bar : 0,
    given: 0,
    closing: NO_CLOSING,
  };
}

/** The same tune, of which is told when its last stroke comes. */
export const closingTold = (encoded) => ({ ...encoded, closing: encoded.onset.at(-1) });

/**
 * The same tune told from its end: START, the notes from `note` on, START again, those before, `note` itself to be
 * said.
 */
export function futureFirst(encoded, note) {
  const future = [note + 1, encoded.ids.length - 1], past = [0, note + 2]; // prettier-ignore
  const told = (of) => [...of.slice(0, 1), ...of.slice(...future), ...of.slice(...past)];
  const ids = told(encoded.ids).map((row) => [...row]);
  ids[1][STEP] = SYMBOLS.unknown;
  return { ...encoded, ids, onset: told(encoded.onset), given: ids.length - note - 2 };
}

/** The phrase that note rows say, up to END. */
export function decode(rows, metre) {
  const over = rows.findIndex((ids) => ids[STEP] === SYMBOLS.end || ids[STEP] === SYMBOLS.pad);
  let onset = firstOrigin(metre), rings = false; // prettier-ignore
  const notes = (over < 0 ? rows : rows.slice(0, over)).map((ids) => {
    onset += valueOf(ids[STEP], STEP);
    const [voice, technique, pitch, duration, velocity] = [VOICE, TECHNIQUE, PITCH, DURATION, VELOCITY].map((field) =>
      valueOf(ids[field], field),
    );
    rings ||= duration === UNKNOWN;
    return { onset, duration, pitch, velocity, technique, voice };
  });
  const said = { metre, inferred: new Set(rings ? ["duration"] : []) };
  return phraseOf(letRestruckStringsStop(letRing(sorted(notes))), said);
}

/** Condition ids from what they mean; null, or a name that is not in the vocabulary, is 0. */
export function conditionIds(sources, { lai, tempo, metre, source, density }) {
  const place = (name, names) => (name === null ? 0 : names.indexOf(name) + 1);
  const among = (value, edges) => (value === null ? 0 : 1 + edges.filter((edge) => edge <= value).length);
  const ids = {
    lai: place(lai, LAI_NAMES),
    tempo: among(tempo, TEMPO_EDGES),
    metre: metre === null ? 0 : place(String(metre), METRES),
    source: place(source, sources),
    density: among(density, DENSITY_EDGES),
  };
  return CONDITIONS.map((name) => ids[name]);
}

/** Melody notes a quarter; null for a tune without melody, or one whose rhythm nobody wrote down. */
export function densityOf(phrase) {
  const melody = melodyOf(phrase);
  if (!melody.length || phrase.inferred.has("onset")) return null;
  return (melody.length * STEPS_PER_HONG) / (lastEnd(melody) - melody[0].onset);
}

function refuseWhatDoesNotFit(phrase, values) {
  for (const [field, { name, lowest, highest }] of FIELDS.entries()) {
    const mayBeUnknown = field !== STEP && field !== PITCH;
    const note = values.findIndex((row) => {
      return (row[field] < lowest || row[field] > highest) && !(mayBeUnknown && row[field] === UNKNOWN);
    });
    if (note < 0) continue;
    const title = phrase.title || "tune", value = values[note][field]; // prettier-ignore
    if (field === STEP) refuseGap(phrase, title, note, value);
    const reason = `note ${note + 1} has ${name} ${value}, and ${lowest} to ${highest} can be held`;
    refuse(title, reason, "shorten or move that note, or leave the tune out");
  }
}

function refuseGap(phrase, title, note, steps) {
  const longest = `${LONGEST_STEP / STEPS_PER_HONG} quarters can be held`;
  if (phrase.metre && phrase.metre.bar > LONGEST_STEP) {
    const reason = `a bar of its metre ${phrase.metre} lasts ${general(phrase.metre.bar / STEPS_PER_HONG)} quarters`;
    refuse(title, `${reason}, and ${longest}`, "write it in bars such as 2/4 or 4/4");
  }
  if (steps < 0) {
    const reason = `note ${note + 1} begins more than a bar before the first downbeat, and no pickup is so long`;
    refuse(title, reason, "move that note, or leave the tune out");
  }
  const quarters = general(steps / STEPS_PER_HONG, 4);
  const reason = `${quarters} quarters pass before note ${note + 1} begins, and ${longest}`;
  refuse(title, reason, "shorten that rest, or leave the tune out");
}
