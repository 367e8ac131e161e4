// What a tune without end is drawn from, as phin/generation/verses.py: its theme, which is its first verse, and its
// latest verses, told as one tune.

import { DRAWING, HONG_PER_LINE, READING, STEP, STEPS_PER_HONG, SYMBOLS } from "./tables.js";
import { lcm } from "./divisors.js";
import { LONGEST_STEP, NUM_SYMBOLS } from "./tokenizer.js";

/** Steps in a verse, in bars of so many steps (0: unknown). */
export function verseOf(bar) {
  const line = STEPS_PER_HONG * HONG_PER_LINE;
  const whole = bar ? lcm(line, READING.bars_counted * bar) : line;
  return whole * Math.ceil((DRAWING.fewest_lines * line) / whole);
}

/** Whether a tune whose last note begins there has to be moved back before it goes on. */
export const isFull = (onset, verse) => onset >= DRAWING.most_heard * verse;

/** [What is heard of a tune, by how many steps its latest verses were moved back]. */
export function latest(tune, verse) {
  const last = tune.onset.at(-1);
  if (!isFull(last, verse)) return [tune, 0];
  const moved = (Math.floor(last / verse) - DRAWING.most_heard + 1) * verse;
  const theme = tune.onset.findIndex((onset) => onset >= verse);
  const later = tune.onset.findIndex((onset) => onset >= moved + verse);
  const onset = [...tune.onset.slice(0, theme), ...tune.onset.slice(later).map((each) => each - moved)];
  const ids = [...tune.ids.slice(0, theme), ...tune.ids.slice(later)];
  const step = onset[theme] - onset[theme - 1];
  ids[theme] = ids[theme].with(STEP, step <= LONGEST_STEP ? step + NUM_SYMBOLS : SYMBOLS.unknown);
  return [{ ...tune, ids, onset }, moved];
}

/** A tune and the rows that were drawn after it. */
export function goneOn(tune, drawn) {
  const ids = [...tune.ids], onset = [...tune.onset]; // prettier-ignore
  for (const row of drawn) {
    ids.push(row);
    onset.push(onset.at(-1) + row[STEP] - NUM_SYMBOLS);
  }
  return { ...tune, ids, onset };
}
