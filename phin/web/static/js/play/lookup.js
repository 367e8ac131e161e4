// What a row of notes looks up in the tables of a decode step, as phin/lookup.py. No weights are needed for it.

import { lcm } from "./divisors.js";
import { DURATION, NO_CLOSING, PITCH, READING, STEPS_PER_HONG } from "./tables.js";
import { NUM_PITCHES, NUM_SYMBOLS } from "./tokenizer.js";
import { modulo } from "./words.js";

const { longest_bar: LONGEST_BAR, bars_counted: BARS_COUNTED, hong_counted: HONG_COUNTED, lookups: LOOKUPS } = READING;
export const NUM_LOOKUPS = Math.max(...Object.values(LOOKUPS).map(([, stop]) => stop));
export const NUM_POSITIONS = READING.positions.length;
const [FIELDS_AT, INTERVAL, BEGAN, ENDS, METRE, MOTIF, COUNTDOWN, CONDITIONS_AT] = (
  ["fields", "interval", "began", "ends", "metre", "motif", "countdown", "conditions"].map((name) => LOOKUPS[name][0])
); // prettier-ignore

/**
 * The place of a moment in three tables is `moment // t[0] % t[1] + t[2]`: in the bar, the quarter, which of eight
 * bars.
 */
export function metreTable(bar) {
  const length = Math.min(bar, LONGEST_BAR);
  if (!length) return [[1, 1, 1], [1, STEPS_PER_HONG, 1], [0, 0, 0]]; // prettier-ignore
  return [[1, 1, length], [length, STEPS_PER_HONG, BARS_COUNTED], [1, 0, 1]]; // prettier-ignore
}

/** When a row's note ends; of a row that is no note, when it began. */
export const noteEnd = (ids, onset) => onset + Math.max(ids[DURATION] - NUM_SYMBOLS + 1, 0);

/** The interval from the second pitch id to the first, counted from 1; 0 where either is no pitch. */
export const interval = (pitch, before) => {
  return pitch >= NUM_SYMBOLS && before >= NUM_SYMBOLS ? pitch - before + NUM_PITCHES : 0;
};

/** How many whole hong are left to the last stroke, counted from 2; 1 where it is over, 0 where nobody says. */
function countdown(ends, closing) {
  if (closing === NO_CLOSING) return 0;
  return Math.min(Math.max(Math.floor((closing - ends) / STEPS_PER_HONG), -1), HONG_COUNTED - 1) + 2;
}

/** Writes the numbers of a row into `found` from `at` on, as far as they hang on no conditions but the metre. */
export function lookUp(found, at, row, of, metre, closing) {
  const { ids, onset } = row;
  for (let field = 0; field < ids.length; field++) found[at + FIELDS_AT + field] = ids[field];
  found[at + INTERVAL] = interval(ids[PITCH], row.melodyBefore);
  const ends = noteEnd(ids, onset);
  for (let table = 0; table < 3; table++) {
    found[at + BEGAN + table] = modulo(Math.floor(onset / of[0][table]), of[1][table]) + of[2][table];
    found[at + ENDS + table] = modulo(Math.floor(ends / of[0][table]), of[1][table]) + of[2][table];
  }
  found[at + METRE] = metre;
  found[at + COUNTDOWN] = countdown(ends, closing);
  for (let column = 0; column < row.motif.length; column++) found[at + MOTIF + column] = row.motif[column];
}

/** Writes what the START row looks up of its conditions. */
export function lookUpConditions(found, at, conditions) {
  for (let place = 0; place < conditions.length; place++) found[at + CONDITIONS_AT + place] = conditions[place] + 1;
}

/** Where a step from `onset` lands: in the tables of the metre at `(t[0] + step) // t[1] % t[2] + t[3]`, (4, 3). */
export function land(found, onset, bar, of) {
  const length = Math.min(bar, LONGEST_BAR);
  const period = length ? lcm(BARS_COUNTED * length, STEPS_PER_HONG) : STEPS_PER_HONG;
  for (let table = 0; table < 3; table++) {
    found[table] = modulo(onset, period);
    for (let number = 0; number < 3; number++) found[3 + 3 * number + table] = of[number][table];
  }
}
