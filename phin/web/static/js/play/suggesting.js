// What is suggested for each note of a tune, as phin/web/errands.py tells it.

import { WRITING } from "./tables.js";
import { isMelody, melodyOf } from "./phrase.js";
import { refuse } from "./refusal.js";
import { NAMES, suggest } from "./suggestion.js";
import { places } from "./words.js";

/** {suggestions, said}: for each melody note how it is played and which ornament it would have, where that is likely
 * enough, and why. */
export function suggested(phrase) {
  const melody = phrase.notes.flatMap((note, at) => (isMelody(note) ? [at] : []));
  if (!melody.length) refuse(phrase.title || "tune", "has no melody", "give a tune with notes");
  const suggestions = suggest(melodyOf(phrase)).map((each, at) => {
    const { technique, ornament, likeliest, likeliestOrnament, probability, ifOrnamented, reason } = each;
    return {
      note: melody[at],
      technique: technique === null ? null : NAMES[technique],
      ornament: ornament === null ? null : NAMES[ornament],
      probabilities: Object.fromEntries(NAMES.map((name, place) => [name, places(probability[place], 4)])),
      if_ornamented: Object.fromEntries(ifOrnamented.map(([place, share]) => [NAMES[place], places(share, 4)])),
      why: reason(likeliest),
      why_ornament: reason(likeliestOrnament),
    };
  });
  return { suggestions, said: WRITING.suggested };
}
