// From ticks to steps, and slots, hong and lines of a page, as phin/music/grid.py: four slots a hong, its beat is slot 4,
// eight hong a line.

import { HONG_PER_LINE, PAGE, STEPS_PER_HONG } from "./tables.js";
import { gcd } from "./divisors.js";
import { hongBeforeZero, melodyOf, sorted } from "./phrase.js";
import { refuse } from "./refusal.js";

export const SLOTS_PER_HONG = PAGE.slots_per_hong;
export const STEPS_PER_SLOT = STEPS_PER_HONG / SLOTS_PER_HONG;
const SLOTS_PER_LINE = SLOTS_PER_HONG * HONG_PER_LINE;
const BEAT = (SLOTS_PER_HONG - 1) * STEPS_PER_SLOT;
export const SHARES = PAGE.shares;

/** The nearest step to a tick; half a step rounds up. */
function nearestStep(tick, ticksPerQuarter) {
  return Math.floor((2 * STEPS_PER_HONG * tick + ticksPerQuarter) / (2 * ticksPerQuarter));
}

/**
 * {notes, deviation}: notes in steps, of notes in ticks that are sorted by onset and pitch. A note lasts a step at
 * least; of two strokes on one pitch the later moves to the next free step, and the earlier ends where it begins.
 */
export function quantise(notes, ticksPerQuarter) {
  const before = new Map(); // by pitch
  const steps = notes.map((note) => {
    const duration = Math.max(nearestStep(note.duration, ticksPerQuarter), 1);
    const placed = { ...note, onset: nearestStep(note.onset, ticksPerQuarter), duration, off: [note.onset, note.duration] };
    const one = before.get(note.pitch);
    if (one) {
      placed.onset = Math.max(placed.onset, one.onset + 1);
      one.duration = Math.min(one.duration, placed.onset - one.onset);
    }
    before.set(note.pitch, placed);
    return placed;
  });
  for (const note of steps) {
    const [onset, duration] = note.off;
    const far = (tick, step) => tick * STEPS_PER_HONG - step * ticksPerQuarter;
    note.off = [far(onset, note.onset), far(duration, note.duration)];
  }
  const isOnGrid = steps.every(({ off }) => off[0] === 0 && off[1] === 0);
  return { notes: sorted(steps), deviation: isOnGrid ? null : ticksPerQuarter };
}

/** {notes, ticksPerQuarter}: as they were performed; a phrase on the grid in a multiple of 24 ticks a quarter. */
export function toTicks(phrase, wanted = STEPS_PER_HONG) {
  const resolution = phrase.deviation ?? wanted;
  const off = (note, which) => (phrase.deviation === null ? 0 : note.off[which]);
  const tick = (step, far) => Math.floor((step * resolution + far) / STEPS_PER_HONG);
  const notes = phrase.notes.map((note) => ({
    ...{ onset: tick(note.onset, off(note, 0)), duration: tick(note.duration, off(note, 1)) },
    ...{ pitch: note.pitch, velocity: note.velocity },
  }));
  return { notes, ticksPerQuarter: resolution };
}

/** Ticks in a bar, or in as many bars as make whole ticks; in a quarter where there is no metre. */
export function wholeBars(metre, ticksPerQuarter) {
  const bar = (metre ? metre.bar : STEPS_PER_HONG) * ticksPerQuarter;
  return bar / gcd(bar, STEPS_PER_HONG);
}

/** Ticks of the whole bars of silence before a tune whose first note begins at tick `first`. */
export function silentBars(first, metre, ticksPerQuarter) {
  const bars = wholeBars(metre, ticksPerQuarter);
  return Math.floor((2 * STEPS_PER_HONG * first + ticksPerQuarter) / (2 * STEPS_PER_HONG * bars)) * bars;
}

/** The step at which slot 1 of hong 1 begins, before the `first` note. */
export function pageBegins(metre, first = 0) {
  const usual = -hongBeforeZero(metre) * STEPS_PER_HONG - BEAT;
  const line = HONG_PER_LINE * STEPS_PER_HONG;
  return usual + Math.min(Math.floor((first - usual) / line), 0) * line;
}

export const beginOf = (phrase) => pageBegins(phrase.metre, Math.min(0, ...phrase.notes.map(({ onset }) => onset)));

/** How many hong a page of a phrase has: to the last that is struck, or to where the last melody note ends. */
export function hongOf(phrase, begins) {
  const { notes } = phrase;
  if (!notes.length) return 1;
  const melody = melodyOf(phrase);
  const last = (melody.length ? melody : notes).at(-1);
  const rings = last.duration > STEPS_PER_HONG ? last.duration : 1;
  const end = Math.max(last.onset + rings, notes.at(-1).onset + 1);
  return Math.ceil((end - begins) / STEPS_PER_HONG);
}

/** Where notes stand on a page: {slot, part, share}, counted from 0. Throws Refusal where one begins off the slots. */
export function slotPlaces(notes, title, begins) {
  const within = new Map();
  const placed = notes.map(({ onset }) => {
    const slot = Math.floor((onset - begins) / STEPS_PER_SLOT);
    const step = onset - begins - slot * STEPS_PER_SLOT;
    within.set(slot, [...(within.get(slot) ?? []), step]);
    return { slot, step };
  });
  const shares = new Map();
  for (const slot of [...within.keys()].sort((a, b) => a - b)) {
    const share = SHARES.find((each) => within.get(slot).every((step) => step % (STEPS_PER_SLOT / each) === 0));
    if (share === undefined) {
      const reason = `${slotName(slot)}: its rhythm lies off the slots, and off halves and thirds of them`;
      refuse(title || "phrase", reason, "move its notes to slots (phin-convert --snap), or keep it as MIDI");
    }
    shares.set(slot, share);
  }
  return placed.map(({ slot, step }) => {
    const share = shares.get(slot);
    return { slot, part: Math.floor((step * share) / STEPS_PER_SLOT), share };
  });
}

/** A slot of a page, counted from 0, in words. */
export function slotName(slot) {
  const line = Math.floor(slot / SLOTS_PER_LINE), within = slot - line * SLOTS_PER_LINE; // prettier-ignore
  return `line ${line + 1}, hong ${Math.floor(within / SLOTS_PER_HONG) + 1}, slot ${(within % SLOTS_PER_HONG) + 1}`;
}
