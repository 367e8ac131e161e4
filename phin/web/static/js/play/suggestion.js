// Which techniques a tune could be played with, and why, as phin/music/suggestion.py: learned from synthetic pieces.

import { STEPS_PER_HONG, SUGGESTION } from "./tables.js";
import { STEPS_PER_SLOT } from "./grid.js";
import { modulo } from "./words.js";

const STEP_AND_LEAP = 4;
const { qualities: QUALITIES, adds: ADDS, without: WITHOUT } = SUGGESTION;
const { threshold: THRESHOLD, ornament_threshold: ORNAMENT_THRESHOLD } = SUGGESTION;
export const NAMES = SUGGESTION.techniques.map((name) => name.toLowerCase().replaceAll("_", "-"));
export const PLAIN = NAMES.indexOf("plain");

/** What holds of each note of a melody, by QUALITIES. */
function qualities(melody) {
  return melody.map(({ onset, pitch }, note) => {
    const before = melody[note - 1], next = melody[note + 1]; // prettier-ignore
    const lasts = next ? next.onset - onset : STEPS_PER_HONG;
    const since = before ? onset - before.onset : STEPS_PER_HONG;
    const rise = before ? pitch - before.pitch : 0;
    const quick = since <= 2 * STEPS_PER_SLOT;
    const up = rise >= 1 && rise <= STEP_AND_LEAP, down = -rise >= 1 && -rise <= STEP_AND_LEAP; // prettier-ignore
    return [
      modulo(onset, STEPS_PER_HONG) === 0,
      modulo(onset, STEPS_PER_HONG) === STEPS_PER_HONG / 2,
      modulo(onset, 2 * STEPS_PER_SLOT) === STEPS_PER_SLOT,
      lasts <= STEPS_PER_SLOT,
      lasts >= STEPS_PER_HONG,
      lasts >= 2 * STEPS_PER_HONG,
      quick,
      since <= STEPS_PER_SLOT,
      up,
      down,
      rise === 0 && note > 0,
      Math.abs(rise) > STEP_AND_LEAP,
      up && quick,
      down && quick,
      (up || down) && lasts > STEPS_PER_SLOT,
      note === 0,
      note === melody.length - 1,
    ];
  });
}

/** For each note of a melody: what is suggested, with techniques by their place in NAMES; null is no answer. */
export function suggest(melody) {
  return qualities(melody).map((holds) => {
    const odds = NAMES.map((_, technique) => {
      return holds.reduce((sum, does, quality) => sum + (does ? ADDS[quality][technique] : 0), 0) + WITHOUT[technique];
    });
    const most = Math.max(...odds), shares = odds.map((each) => Math.exp(each - most)); // prettier-ignore
    const all = shares.reduce((sum, share) => sum + share, 0);
    const probability = shares.map((share) => share / all);
    const likeliest = probability.indexOf(Math.max(...probability));
    const ornaments = NAMES.map((_, at) => at).filter((at) => at !== PLAIN);
    ornaments.sort((a, b) => probability[b] - probability[a]);
    const any = ornaments.reduce((sum, at) => sum + probability[at], 0), [likeliestOrnament] = ornaments; // prettier-ignore
    const ifOrnamented = ornaments.map((at) => [at, probability[at] / any]);
    return {
      technique: probability[likeliest] >= THRESHOLD ? likeliest : null,
      ornament: ifOrnamented[0][1] >= ORNAMENT_THRESHOLD ? likeliestOrnament : null,
      likeliest,
      likeliestOrnament,
      probability,
      ifOrnamented,
      reason: (of) => reason(holds, of),
    };
  });
}

/** The two qualities of a note that speak most for a technique, against the mean of all. */
function reason(holds, technique) {
  const speaks = ADDS.map((adds, quality) => {
    return holds[quality] ? adds[technique] - adds.reduce((sum, add) => sum + add, 0) / adds.length : 0;
  });
  const best = speaks.map((_, place) => place).sort((a, b) => speaks[b] - speaks[a]).slice(0, 2); // prettier-ignore
  const said = best.filter((place) => speaks[place] > 0).map((place) => QUALITIES[place]);
  return said.join(" and ") || "nothing speaks for another";
}
