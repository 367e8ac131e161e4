// A phrase as a page of Thai letters, as phin/music/notation.py.

import { beginOf, hongOf, SLOTS_PER_HONG, slotName, slotPlaces } from "./grid.js";
import { DOWN, UP, written } from "./letters.js";
import { asText, barred, headerLines, letterIn, pageLines } from "./page.js";
import { melodyOf } from "./phrase.js";
import { refuse } from "./refusal.js";

/** The melody as a page. Throws Refusal where a note lies off the slots or has no letter. */
export function formatLetters(phrase) {
  const melody = { ...phrase, notes: melodyOf(phrase) };
  const begins = beginOf(melody);
  const slots = letteredSlots(melody, begins);
  const lines = headerLines(phrase);
  const text = slots.join("");
  if (!phrase.inferred.has("octave") && ![UP, DOWN, "*", ".", "8", "9"].some((mark) => text.includes(mark))) {
    lines.push("octaves: marked");
  }
  lines.push("");
  for (const { words, start, end } of pageLines(phrase, begins, slots.length / SLOTS_PER_HONG)) {
    lines.push(...words);
    if (end > start) lines.push(barred(slots.slice(start * SLOTS_PER_HONG, end * SLOTS_PER_HONG)));
  }
  return asText(lines);
}

/** The letters in every slot, whole hong of them. */
export function letteredSlots(melody, begins) {
  const where = melody.title || "phrase";
  if (!melody.notes.length) refuse(where, "has no melody, so there is nothing to write", "choose another tune");
  const places = slotPlaces(melody.notes, melody.title, begins);
  const slots = Array.from({ length: hongOf(melody, begins) * SLOTS_PER_HONG }, () => ["-"]);
  places.forEach(({ slot, part, share }, note) => {
    if (slots[slot].length !== share) slots[slot] = new Array(share).fill("-");
    const letter = letterIn(melody.notes[note].pitch, melody, slotName(slot));
    slots[slot][part] = written(letter, !melody.inferred.has("octave")); // of several at once the highest stays
  });
  return slots.map((slot) => slot.join(""));
}
