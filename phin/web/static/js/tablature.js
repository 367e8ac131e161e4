// Tablature: which fret of which string, slot by slot; string 1, the highest, on top.

import { HONG, SLOT } from "./music.js";

/** For each hong the rows of its strings, each with four cells: the frets struck in a slot, or "". */
export function boxesOf(notes, begins, numHong, numStrings) {
  const page = Array.from({ length: numHong }, () => Array.from({ length: numStrings }, () => ["", "", "", ""]));
  for (const { onset, string, fret } of notes) {
    if (string === null || string === undefined || string > numStrings) continue;
    const hong = page[Math.floor((onset - begins) / HONG)];
    if (!hong) continue;
    const slot = Math.floor(((((onset - begins) % HONG) + HONG) % HONG) / SLOT);
    const cell = hong[string - 1];
    cell[slot] = cell[slot] === "" ? String(fret) : `${cell[slot]} ${fret}`;
  }
  return page;
}
