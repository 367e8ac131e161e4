// Which of the tunes that were drawn are kept, as phin/generation/choice.py with its usual settings: none that falls
// silent. Whether one was copied nobody can tell here: the corpus is not in a page.

import { DRAWING, MOST_TUNES, STEPS_PER_HONG } from "./tables.js";
import { beginOf } from "./grid.js";
import { endOf } from "./phrase.js";
import { general } from "./words.js";

const { tries: TRIES, most_rest: MOST_REST } = DRAWING;

/** Tune `place` of those that `draw` makes of numbers, as it is kept: {played, faults}. */
export async function choose(draw, place, given) {
  let kept = null;
  for (let attempt = 0; attempt <= TRIES && (kept === null || kept.faults.length); attempt++) {
    const played = await draw(place + attempt * MOST_TUNES);
    const fault = fallsSilent(played.phrase, given);
    if (kept === null || !fault) kept = { played, faults: fault ? [fault] : [] };
  }
  return kept;
}

/** What is wrong with a tune that rests longer than it may, in words; null where nothing is. */
export function fallsSilent(phrase, given) {
  let until = beginOf(phrase), longest = 0; // prettier-ignore
  for (const note of phrase.notes) {
    if (until < note.onset && !given?.rests(until, note.onset)) longest = Math.max(longest, note.onset - until);
    until = Math.max(until, endOf(note));
  }
  return longest > MOST_REST ? `it rests for ${general(longest / STEPS_PER_HONG, 3)} hong` : null;
}
