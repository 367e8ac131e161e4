// The six lai, and how a tune's is told, as phin/music/lai.py.

import { LAI, LAI_RULES, UNKNOWN } from "./tables.js";
import { letRing, melodyOf } from "./phrase.js";
import { modulo, rounded } from "./words.js";

const { pentatonic: PENTATONIC, pentatonic_share: SHARE, tonic_above_root: ABOVE, none: NONE } = LAI_RULES;
export const LAI_ROOTS = [...new Set(LAI.map(({ root }) => root))];

export const laiNamed = (name) => LAI.find((lai) => lai.name === name) ?? null;
export const fifthOf = (lai) => (lai.tonic + 7) % 12;
export const pentatonicSet = (root) => new Set(PENTATONIC.map((semitones) => (root + semitones) % 12));
const SETS = Array.from({ length: 12 }, (_, root) => [...pentatonicSet(root)].sort((a, b) => a - b));

/** How long each note of a melody sounds, as far as anybody wrote that down. */
function knownTime(melody, inferred) {
  if (inferred.has("onset")) return melody.map(() => 1);
  if (!inferred.has("duration")) return melody.map(({ duration }) => duration);
  return letRing(melody.map((note) => ({ ...note, duration: UNKNOWN }))).map(({ duration }) => duration);
}

/** Share of the melody's known time in each of the twelve sets, by root. */
function setShares(phrase) {
  const melody = melodyOf(phrase), times = knownTime(melody, phrase.inferred); // prettier-ignore
  const classes = new Array(12).fill(0);
  melody.forEach(({ pitch }, note) => (classes[pitch % 12] += times[note]));
  const sum = classes.reduce((total, time) => total + time, 0);
  return SETS.map((set) => set.reduce((total, each) => total + classes[each], 0) / Math.max(sum, 1));
}

/** The set's root and the family of a phrase by the rule, null where there is none: {root, family, lai}. */
export function labelLai(phrase) {
  const melody = melodyOf(phrase);
  if (!melody.length) return { root: null, family: null, lai: null };
  const shares = setShares(phrase);
  const final = melody.at(-1).pitch % 12;
  const familyOn = new Map(Object.entries(ABOVE).map(([family, above]) => [modulo(final - above, 12), family]));
  let best = null;
  const order = [...Array(12).keys()].sort((a, b) => {
    return familyOn.has(b) - familyOn.has(a) || modulo(a - final, 12) - modulo(b - final, 12);
  });
  const nine = (share) => rounded(share * 1e9) / 1e9;
  for (const root of order) if (best === null || nine(shares[root]) > nine(shares[best])) best = root;
  if (shares[best] < SHARE) return { root: null, family: null, lai: null };
  const family = familyOn.get(best) ?? null;
  return { root: best, family, lai: LAI.find((lai) => lai.root === best && lai.family === family) ?? null };
}

/** The phrase with the lai that was found in it, or with "none". */
export const named = (phrase, found) => ({ ...phrase, lai: found.lai ? found.lai.name : NONE });

/** Every note moved (phin/music/augment.py): any move but whole octaves clears the names of lai and tuning. */
export function transpose(phrase, semitones) {
  const inKey = modulo(semitones, 12) === 0;
  return {
    ...phrase,
    notes: phrase.notes.map((note) => ({ ...note, pitch: note.pitch + semitones })),
    lai: inKey || phrase.lai === null || phrase.lai === NONE ? phrase.lai : null,
    tuning: inKey ? phrase.tuning : null,
    drone: phrase.drone.map((pitch) => pitch + (semitones % 12)),
  };
}
