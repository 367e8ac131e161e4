// What is suggested for each note of a tune, as phin/web/errands.py tells it.

import { WRITING } from "./tables.js";
import { isMelody, melodyOf } from "./phrase.js";
import { refuse } from "./refusal.js";
import { NAMES, suggest } from "./suggestion.js";
import { places } from "./words.js";

/** {suggestions, said}: for each melody note the likeliest technique, if one is likely enough, with why. */
export function suggested(phrase) {
  const melody = phrase.notes.flatMap((note, at) => (isMelody(note) ? [at] : []));
  if (!melody.length) refuse(phrase.title || "tune", "has no melody", "give a tune with notes");
  const suggestions = suggest(melodyOf(phrase)).map(({ technique, likeliest, probability, reason }, at) => {
    const shares = NAMES.map((name, place) => [name, places(probability[place], 4)]);
    return {
      note: melody[at],
      technique: technique === null ? null : NAMES[technique],
      probability: shares[likeliest][1],
      others: Object.fromEntries(shares.filter((_, place) => place !== likeliest)),
      why: reason(likeliest),
    };
  });
  return { suggestions, said: WRITING.suggested };
}
