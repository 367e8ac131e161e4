// From the bytes of a MIDI file to a phrase, as phin/music/midi.py: what can be mended is mended and said, what cannot is
// refused. The quick way of phin/music/midi_line.py says the same of plain files, and is not needed here.

import { FILES, STEPS_PER_HONG, UNKNOWN } from "./tables.js";
import { quantise, silentBars } from "./grid.js";
import { findMelody } from "./melody.js";
import { midiScore } from "./midi_file.js";
import { AGAIN, DEFAULT_TEMPO, MAX_TICKS, refuseLengths, refuseSize, refuseTempo, refuseTicks } from "./midi_limits.js";
import { STORED, unseal } from "./midi_seal.js";
import { isPlainlyWritable, performed, writable } from "./midi_writing.js";
import { isMelody, lastEnd, Metre, phraseOf, sorted } from "./phrase.js";
import { Refusal, refuse } from "./refusal.js";
import { numBelow } from "./sorted_numbers.js";
import { counted, fixed, general } from "./words.js";

const { fewest_notes: MIN_NOTES, most_division: MAX_DIVISION, bend_cents: DEFAULT_BEND_CENTS } = FILES.midi;
const { RPN_COARSE, RPN_FINE, DATA_COARSE, DATA_FINE } = FILES.midi.wheel_range;

/** {phrase, repairs}: the tune in the bytes; `where` is what a refusal calls them. */
export async function readMidi(bytes, where) {
  refuseHeader(bytes, where);
  const { ticksPerQuarter, tracks, tempos, metres } = midiScore(bytes, where);
  const parts = tracks.filter(({ isDrum }) => !isDrum).map((track) => ({ ...track, bendCents: bendCents(track) }));
  const notes = parts.flatMap((each, part) => each.notes.map((note) => ({ ...note, part })));
  const drums = tracks.filter(({ isDrum }) => isDrum).reduce((sum, track) => sum + track.notes.length, 0);
  const repairs = [];
  refuseFew(notes.length, drums, where);
  if (drums) repairs.push(`${counted(drums, "drum stroke")} on channel 10 left out`);
  refuseTicks(notes, where);
  const tempo = tempoOf(tempos, notes, repairs, where);
  const metre = metreOf(metres, repairs);
  refuseLengths(notes, ticksPerQuarter, tempo, where);
  const stored = STORED.exec(latin1(bytes));
  const kept = stored && (await storedPhrase(stored, parts, ticksPerQuarter));
  if (kept) return { phrase: asItSays(kept, tempo, metre), repairs };
  if (stored) repairs.push("changed since it was written: its techniques and mode left out");
  sayBends(parts, repairs);
  const mended = withParts(mend(notes, ticksPerQuarter, repairs), notes);
  const begun = withoutSilence(mended, ticksPerQuarter, metre, repairs);
  const steps = quantise(sorted(begun), ticksPerQuarter);
  const voice = findMelody(steps.notes, parts);
  const read = steps.notes.map(({ part, ...note }, row) => ({ ...note, technique: UNKNOWN, voice: voice[row] }));
  const phrase = phraseOf(read, { metre, tempo, deviation: steps.deviation });
  refuseFew(read.filter(isMelody).length, 0, where);
  return { phrase, repairs };
}

function refuseHeader(bytes, where) {
  refuseSize(bytes.length, where);
  const begin = latin1(bytes.subarray(0, 4));
  const division = bytes[12] * 256 + bytes[13];
  if (begin === "") refuse(where, "is empty", AGAIN);
  if (begin === "RIFF") refuse(where, "is wrapped in RIFF", "save it as a standard MIDI file (.mid)");
  if (begin !== "MThd") refuse(where, "does not begin as MIDI does (MThd)", "check what kind of file it is");
  if (bytes.length < 14) refuse(where, "ends within its header", "copy or download it again");
  if (division === 0) refuse(where, "division is 0 ticks a quarter", AGAIN);
  if (division > MAX_DIVISION) {
    const reason = "counts time in film frames (SMPTE), not in beats";
    refuse(where, reason, "export it with ticks per quarter note");
  }
}

function refuseFew(numNotes, numDrums, where) {
  if (numNotes >= MIN_NOTES) return;
  if (numNotes) {
    const remedy = `give a tune of ${counted(MIN_NOTES, "note")} or more`;
    refuse(where, `has ${counted(numNotes, "note")}, fewer than ${MIN_NOTES}`, remedy);
  }
  if (numDrums) refuse(where, "has drums only", "add a melody on a channel other than 10");
  refuse(where, "has no notes", "export it again with its notes");
}

/** Bytes as text, a letter each. */
function latin1(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/** How far the wheel bends, in cents, by RPN 0: the last word on it, or the standard's where there is none. */
function bendCents({ bends, controls }) {
  if (!bends.length) return DEFAULT_BEND_CENTS;
  const state = { [RPN_COARSE]: 127, [RPN_FINE]: 127 };
  let semitones = Math.floor(DEFAULT_BEND_CENTS / 100), cents = DEFAULT_BEND_CENTS % 100; // prettier-ignore
  for (const [number, value] of controls) {
    if (number in state) state[number] = value;
    else if (state[RPN_COARSE] || state[RPN_FINE]) continue;
    else if (number === DATA_COARSE) [semitones, cents] = [value, 0];
    else if (number === DATA_FINE) cents = value;
  }
  return 100 * semitones + cents;
}

/** The phrase that stands beside the notes, if it is what was written there; what could not be written was not. */
async function storedPhrase(stored, parts, ticksPerQuarter) {
  const phrase = await unseal(stored, parts, ticksPerQuarter);
  if (phrase === null || isPlainlyWritable(phrase)) return phrase;
  try {
    performed(phrase, "");
    return phrase;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}

/** A tempo or metre set in another program holds; where the file says what was written, so does the phrase. */
function asItSays(phrase, tempo, metre) {
  const isKept = (phrase.tempo || DEFAULT_TEMPO) === (tempo || DEFAULT_TEMPO);
  const isIts = String(writable(phrase.metre)) === String(metre);
  return { ...phrase, tempo: isKept ? phrase.tempo : tempo, metre: isIts ? phrase.metre : metre };
}

/** The tempo that half of the tune's time is faster and half slower than; null where the file names none. */
function tempoOf(tempos, notes, repairs, where) {
  if (!tempos.length) return null;
  const [least, most] = edgesOf(tempos.map(([, tempo]) => tempo));
  for (const tempo of [least, most]) refuseTempo(tempo, where);
  const [first] = edgesOf(notes.map(({ onset }) => onset)), last = lastEnd(notes); // prettier-ignore
  let changes = tempos;
  if (changes.length === 1 && changes[0][0] <= first) return changes[0][1];
  if (changes[0][0] > first) changes = [[first, DEFAULT_TEMPO], ...changes]; // until then it is played at the standard's
  const within = (tick) => Math.min(Math.max(tick, first), last);
  const lasting = changes.map(([tick, tempo], place) => {
    return { tempo, time: (within(changes[place + 1]?.[0] ?? MAX_TICKS) - within(tick)) * tempo };
  });
  const heard = new Set(lasting.filter(({ time }) => time > 0).map(({ tempo }) => tempo));
  const half = lasting.reduce((sum, { time }) => sum + time, 0) / 2;
  let passed = 0;
  const { tempo: median } = lasting.sort((a, b) => a.tempo - b.tempo).find(({ time }) => (passed += time) >= half);
  if (heard.size > 1) {
    repairs.push(`${heard.size} tempos reduced to their median, ${fixed(60e6 / median, 1)} quarters a minute`);
  }
  return median;
}

/** The metre of the whole tune; null where the file names none, or more than one. */
function metreOf(changes, repairs) {
  const metres = [...new Set(changes.map(([, numerator, denominator]) => `${numerator}/${denominator}`))];
  if (metres.length > 1) repairs.push(`metre left out: it changes (${metres.slice(0, 4).join(", ")})`);
  if (metres.length !== 1) return null;
  try {
    return Metre.parse(metres[0]);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    repairs.push(`metre left out: ${metres[0]} has no bar on the grid`);
    return null;
  }
}

/** Says which notes are bent, and which turns of the wheel bend none: a phrase holds no bends. */
function sayBends(parts, repairs) {
  const bent = new Set();
  let leftOut = 0;
  for (const { notes, bends, bendCents: reach } of parts) {
    if (!bends.length) continue;
    const away = bends.map(([, wheel]) => wheel * reach !== 0);
    const numAway = [0];
    for (const isAway of away) numAway.push(numAway.at(-1) + isAway);
    const turns = bends.map(([tick]) => tick);
    const change = new Array(bends.length + 1).fill(0); // bent notes that a turn of the wheel begins or ends
    for (const { onset, duration, pitch } of notes) {
      const first = numBelow(turns, onset + 1), last = numBelow(turns, onset + duration); // prettier-ignore
      if (!(first && away[first - 1]) && numAway[last] <= numAway[first]) continue;
      const begins = Math.max(first - 1, 0);
      change[begins]++;
      change[Math.max(last, begins)]--;
      bent.add(onset * 128 + pitch);
    }
    let sounding = 0;
    away.forEach((isAway, turn) => {
      sounding += change[turn];
      if (isAway && sounding <= 0) leftOut++;
    });
  }
  if (bent.size) repairs.push(`${counted(bent.size, "bent note")}: the bends are no part of the phrase`);
  if (leftOut) repairs.push(`${counted(leftOut, "pitch bend")} between notes left out`);
}

/** One sounding note a pitch, each with a length; sorted by pitch. */
function mend(notes, ticksPerQuarter, repairs) {
  const least = Math.ceil(ticksPerQuarter / STEPS_PER_HONG);
  const empty = notes.filter(({ duration }) => duration === 0).length;
  if (empty) repairs.push(`${counted(empty, "note")} without length lengthened to a step`);
  const all = notes.map((note) => ({ ...note, duration: note.duration || least }));
  all.sort((a, b) => a.pitch - b.pitch || a.onset - b.onset || b.duration - a.duration);
  const kept = all.filter(({ onset, pitch }, place) => {
    return !place || pitch !== all[place - 1].pitch || onset !== all[place - 1].onset;
  });
  const doubled = all.length - kept.length;
  if (doubled) repairs.push(`${counted(doubled, "note")} doubling another in unison left out`);
  let cut = 0;
  kept.forEach((note, place) => {
    const next = kept[place + 1];
    if (!next || next.pitch !== note.pitch || note.duration <= next.onset - note.onset) return;
    note.duration = next.onset - note.onset;
    cut++;
  });
  if (cut) repairs.push(`${counted(cut, "note")} cut short where the same pitch is struck again`);
  return kept;
}

/** Mended notes, each of the part of the longest note that was struck there. */
function withParts(mended, notes) {
  const longest = new Map();
  for (const note of notes) {
    const key = note.onset * 128 + note.pitch, other = longest.get(key); // prettier-ignore
    if (!other || note.duration > other.duration) longest.set(key, note);
  }
  return mended.map((note) => ({ ...note, part: longest.get(note.onset * 128 + note.pitch).part }));
}

/** The notes moved by whole bars, so that the first lies in the first bar, where in its bar it was. */
function withoutSilence(notes, ticksPerQuarter, metre, repairs) {
  const [first] = edgesOf(notes.map(({ onset }) => onset));
  const silence = silentBars(first, metre, ticksPerQuarter);
  if (silence) repairs.push(`${general(silence / ticksPerQuarter)} quarters of silence before the first note left out`);
  return notes.map((note) => ({ ...note, onset: note.onset - silence }));
}

/** The least and the most of numbers. */
function edgesOf(numbers) {
  return numbers.reduce(([least, most], each) => [Math.min(least, each), Math.max(most, each)], [Infinity, -Infinity]);
}
