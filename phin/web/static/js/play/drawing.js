// A plan becomes tunes, as phin/web/drawing.py; and a first guess where each note lies, while the tune is not over.

import { DRAWING, FRET_DISTANCES, LIMITS, SYMBOLS, STEP, TECHNIQUES } from "./tables.js";
import { choose, fallsSilent } from "./choice.js";
import { reaches } from "./fingering.js";
import { isMelody } from "./phrase.js";
import { play } from "./play.js";
import { refuse } from "./refusal.js";
import { drawnNote, stream, tuneOf } from "./stream.js";
import { areOrnamented } from "./ornaments.js";
import { NAMES, PLAIN, suggest } from "./suggestion.js";
import { toJson } from "./tune.js";
import { fixed, grouped } from "./words.js";

/** `count` tunes from the plan's number on. */
export async function several(engine, plan, count) {
  const begins = plan.given?.beginning() ?? null;
  const draw = async (number) => finished(await play(engine, plan, plan.number + number, begins), plan);
  const tunes = [];
  for (let place = 0; place < count; place++) {
    const { played, faults } = await choose(draw, place, plan.given);
    tunes.push(told(played, faults, plan));
  }
  return tunes;
}

/** The tune of the plan's number; `hear` is told each note as it is drawn. */
export async function one(engine, plan, hear) {
  const begins = plan.given?.beginning() ?? null;
  const onRow = async (row, again) => {
    if (again) {
      const where = `seed ${plan.seed}, tune ${plan.number + 1}`;
      refuse(where, "goes on and on: it does not come to its end", "take another seed or number");
    }
    if (row.ids[STEP] !== SYMBOLS.end) await hear(drawnNote(row));
  };
  const played = finished(await play(engine, plan, plan.number, begins, onRow), plan);
  const fault = fallsSilent(played.phrase, plan.given); // what was heard is not drawn again: its faults are told
  return told(played, fault ? [fault] : [], plan);
}

/** A tune without end, until it has as many notes as are kept; what was played of it. */
export async function endless(engine, plan, hear) {
  const begins = plan.given?.beginning() ?? null, notes = []; // prettier-ignore
  for await (const note of stream(engine, plan, begins)) {
    notes.push(note);
    await hear(note);
    if (notes.length === LIMITS.most_notes) break;
  }
  const tune = tuneOf(notes, plan.request, plan.seed, plan.given?.phrase);
  const { phrase, changes } = plan.keep.finished(tune, plan.request);
  const said = [`broken off after ${grouped(LIMITS.most_notes)} notes`, ...changes];
  const leftOut = notes.reduce((bits, note) => bits + note.leftOut, 0) / notes.length;
  const scarce = notes.flatMap((note) => note.scarce);
  said.push(...awayLines(leftOut, scarce, plan.constraints.length > 0));
  return toJson(ornamented(phrase, plan.techniques), said);
}

/** How far constraints took a tune from the model, and where almost nothing was left to draw, in one line if anywhere. */
function awayLines(leftOut, scarce, isBound) {
  const away = `${fixed(Math.max(leftOut, 0), 2)} bits a note from what the model would play`;
  const said = isBound || leftOut >= DRAWING.much ? [away] : [];
  const times = scarce.length > 1 ? ` ${scarce.length} times, first` : "";
  if (scarce.length) said.push(`almost nothing was left to draw${times}: ${scarce[0]}`);
  return said;
}

const finished = (played, { given }) => (given ? { ...played, phrase: given.finished(played.phrase) } : played);

/** A tune that is kept, finished as it was wished, with what is to be said of it. */
function told({ phrase, leftOut, scarce }, faults, plan) {
  const { given, keep, request } = plan;
  const { phrase: done, changes } = keep.finished(phrase, request);
  const said = [...faults];
  if (given?.isAsItWas(phrase)) said.push("it came out as it was given");
  said.push(...changes);
  said.push(...awayLines(leftOut, scarce, plan.constraints.length > 0));
  if (given) said.push(...given.against(keep, request));
  return toJson(ornamented(done, plan.techniques), said);
}

/** The phrase, such a share of its melody notes with an ornament. */
function ornamented(phrase, techniques) {
  if (!techniques) return phrase;
  const notes = phrase.notes.map((note) => ({ ...note }));
  const melody = notes.filter(isMelody);
  const suggestions = suggest(melody);
  const plain = suggestions.map(({ probability }) => probability[PLAIN]);
  areOrnamented(plain, techniques).forEach((is, at) => {
    if (is) melody[at].technique = TECHNIQUES[NAMES[suggestions[at].likeliestOrnament]];
  });
  return { ...phrase, notes };
}

/** Follows a tune note by note: what a hand could do that does not know what comes. */
export class Hand {
  /** Where it is to `stay` at a fret, it does. */
  constructor(tuning, stay = null) {
    const ways = FRET_DISTANCES.map((_, fret) => fret).slice(1);
    Object.assign(this, { tuning, at: stay ?? 1, ways: stay === null ? ways : [stay], onset: null, struck: new Map() });
  }

  /** The string and fret of the next note; nulls where it is on no fret, or out of reach beside the others. */
  takes({ onset, pitch }) {
    if (onset !== this.onset) Object.assign(this, { onset, struck: new Map() });
    let best = null;
    for (const [string, fret] of this.tuning.positions(pitch)) {
      if (this.struck.has(string)) continue;
      const frets = [...this.struck.values(), fret].filter(Boolean);
      for (const hand of this.ways) {
        if (!frets.every((each) => reaches(hand, each))) continue;
        const found = [Math.abs(FRET_DISTANCES[hand] - FRET_DISTANCES[this.at]), string, fret, hand];
        if (best === null || isLess(found, best)) best = found;
      }
    }
    if (best === null) return [null, null];
    const [, string, fret, hand] = best;
    this.at = hand;
    this.struck.set(string, fret);
    return [string, fret];
  }
}

function isLess(one, other) {
  const at = one.findIndex((value, place) => value !== other[place]);
  return at >= 0 && one[at] < other[at];
}
