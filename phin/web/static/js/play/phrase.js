// A tune as notes, as phin/music/phrase.py: {onset, duration, pitch, velocity, technique, voice}, times in steps from
// the downbeat of the first full bar, sorted by onset and pitch; and what belongs to the piece beside them. Where it was
// not played on the grid, `deviation` has the ticks a quarter of its performance, and each note in `off` how far its
// onset and its duration lie from their steps (`Deviation`).

import { ACCOMPANIMENT, HONG_PER_LINE, MELODY, PAGE, STEPS_PER_HONG, UNKNOWN } from "./tables.js";
import { refuse } from "./refusal.js";
import { inArabic, quoted } from "./words.js";

export class Metre {
  constructor(numerator, denominator) {
    const whole = 4 * STEPS_PER_HONG;
    const isSmall = [numerator, denominator].every((number) => 1 <= number && number <= PAGE.largest_metre);
    if (!isSmall || (numerator * whole) % denominator) {
      const reason = "has no bar that the grid of 24 steps a quarter can hold";
      refuse(`metre ${numerator}/${denominator}`, reason, "use a time signature such as 2/4, 3/4 or 6/8");
    }
    Object.assign(this, { numerator, denominator, bar: Math.floor((numerator * whole) / denominator) });
    this.dividesALine = (HONG_PER_LINE * STEPS_PER_HONG) % this.bar === 0;
  }

  static parse(text) {
    const parts = inArabic(text).split("/");
    if (parts.length !== 2 || !parts.every((part) => /^\s*[+-]?\d+(_\d+)*\s*$/.test(part))) {
      refuse(`metre ${quoted(text)}`, "is not a time signature", "write it as 2/4");
    }
    return new Metre(...parts.map((part) => Number(part.replace(/_/g, ""))));
  }

  toString() {
    return `${this.numerator}/${this.denominator}`;
  }
}

/** How many hong lie before the one whose slot 4 is step 0. */
export const hongBeforeZero = (metre) =>
  metre?.dividesALine ? Math.max(Math.floor(metre.bar / STEPS_PER_HONG) - 1, 0) : 0;

const NOTHING_SAID = {
  ...{ metre: null, tempo: null, lai: null, title: "", source: "", tuning: null, hand: null },
  ...{ drone: [], words: [], deviation: null },
};

/** A phrase of notes that are sorted already; `said` is what else is known of it. */
export const phraseOf = (notes, said = {}) => ({ ...NOTHING_SAID, inferred: new Set(), ...said, notes });

export const sorted = (notes) => [...notes].sort((a, b) => a.onset - b.onset || a.pitch - b.pitch);
export const endOf = (note) => note.onset + note.duration;
export const isMelody = (note) => note.voice === MELODY;
export const melodyOf = (phrase) => phrase.notes.filter(isMelody);
export const lastEnd = (notes) => notes.reduce((latest, note) => Math.max(latest, endOf(note)), -Infinity);

const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
export const pitchName = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

/**
 * Notes in which those of UNKNOWN duration ring until their voice sounds again; the last of a voice one hong, or to
 * `end`.
 */
export function letRing(notes, end = null) {
  const rung = notes.map((note) => ({ ...note }));
  for (const voice of [MELODY, ACCOMPANIMENT]) {
    const mine = rung.filter((note) => note.voice === voice);
    if (!mine.length) continue;
    const onsets = [...new Set(mine.map(({ onset }) => onset))];
    const last = onsets.at(-1) + STEPS_PER_HONG;
    const stops = new Map(onsets.map((onset, place) => [onset, onsets[place + 1] ?? Math.max(last, end ?? last)]));
    for (const note of mine) if (note.duration === UNKNOWN) note.duration = stops.get(note.onset) - note.onset;
  }
  return rung;
}

/** Notes in which a pitch that is struck again stops first; of two strokes on one step one stays. */
export function letRestruckStringsStop(notes) {
  const mended = notes.map((note) => ({ ...note }));
  const next = new Map();
  for (let place = mended.length - 1; place >= 0; place--) {
    const note = mended[place];
    const other = next.get(note.pitch);
    if (other) note.duration = Math.min(note.duration, other.onset - note.onset);
    next.set(note.pitch, note);
  }
  return mended.filter(({ duration }) => duration > 0);
}

/** What breaks the contract of a phrase's notes, in words; null where nothing does. */
export function brokenRule(notes) {
  if (!notes.length) return null;
  if (notes.some(({ duration }) => duration < 1)) return "a note lasts less than a step";
  if (notes.some(({ pitch }) => pitch < 0 || pitch > 127)) return "a pitch is outside MIDI 0 to 127";
  const until = new Map();
  for (const note of notes) {
    if ((until.get(note.pitch) ?? -Infinity) > note.onset) return "a pitch sounds twice at once";
    until.set(note.pitch, endOf(note));
  }
  return null;
}
