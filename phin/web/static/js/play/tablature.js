// A phrase as a page of tablature, as phin/music/tablature.py: a line a string, the fret in the slot where it is struck.

import { ACCOMPANIMENT } from "./tables.js";
import { finger } from "./fingering.js";
import { tuningOf } from "./fretboard.js";
import { beginOf, hongOf, SLOTS_PER_HONG, slotPlaces } from "./grid.js";
import { asText, barred, headerLines, pageLines } from "./page.js";
import { pitchName } from "./phrase.js";

/** The phrase as a page. Throws Unplayable where it cannot be fingered, and Refusal where a note lies off the slots. */
export function formatTablature(phrase) {
  const tuning = tuningOf(phrase);
  const fingering = finger(phrase, tuning);
  const begins = beginOf(phrase);
  const cells = frettedSlots(phrase, fingering, tuning, begins);
  const lines = headerLines({ ...phrase, tuning: String(tuning) });
  if (phrase.inferred.has("octave")) lines.push("octaves: inferred");
  lines.push("");
  const names = cells.map((_, at) => `${at + 1} ${pitchName(tuning.openPitch(at + 1))}`);
  for (const { words, start, end } of pageLines(phrase, begins, cells[0].length / SLOTS_PER_HONG)) {
    lines.push(...words);
    if (end <= start) continue;
    const part = cells.map((string) => string.slice(start * SLOTS_PER_HONG, end * SLOTS_PER_HONG));
    const widths = part[0].map((_, slot) => Math.max(...part.map((string) => string[slot].length)));
    part.forEach((string, at) => {
      lines.push(`${names[at].padEnd(4)} ${barred(string.map((text, slot) => centred(text, widths[slot])))}`);
    });
    lines.push("");
  }
  return asText(lines);
}

/** What stands in every slot of every string, string 1 first. */
export function frettedSlots(phrase, { string, fret }, tuning, begins) {
  const numSlots = hongOf(phrase, begins) * SLOTS_PER_HONG;
  const cells = Array.from({ length: tuning.numStrings }, () => new Array(numSlots).fill("-"));
  const parts = new Map();
  slotPlaces(phrase.notes, phrase.title, begins).forEach(({ slot, part, share }, note) => {
    const key = `${string[note]},${slot}`;
    if (!parts.has(key)) parts.set(key, new Array(share).fill("-"));
    const isUnder = phrase.notes[note].voice === ACCOMPANIMENT;
    parts.get(key)[part] = isUnder ? `(${fret[note]})` : String(fret[note]);
    cells[string[note] - 1][slot] = parts.get(key).join(",");
  });
  return cells;
}

/** A text in the middle of a width, as `:^` has it. */
function centred(text, width) {
  const before = Math.floor((width - text.length) / 2);
  return " ".repeat(before) + text + " ".repeat(width - text.length - before);
}
