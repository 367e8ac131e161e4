// Rows as the decode step reads them, as phin/generation/rows.py: {ids, onset, melody, melodyBefore, motif, place}.

import { PITCH, STEP, SYMBOLS } from "./tables.js";
import { Heard } from "./limits.js";
import { MotifMemory } from "./motif.js";
import { isMelodyNote } from "./tokenizer.js";

/** The rows of the beginning of a tune: START, and notes if any. */
export function beginning(encoded) {
  const memory = new MotifMemory();
  let melody = 0;
  return encoded.ids.map((ids, place) => {
    const melodyBefore = melody, onset = encoded.onset[place]; // prettier-ignore
    if (isMelodyNote(ids)) melody = ids[PITCH];
    return { ids, onset, melody, melodyBefore, motif: Int32Array.from(memory.hear(ids, onset)), place };
  });
}

/** What was played by the end of a beginning; what stands before a second START is recalled, and not played. */
export function hear(rows) {
  const heard = new Heard(rows[0].onset);
  for (const { ids, onset, place } of rows) {
    if (!place) continue;
    if (ids[STEP] === SYMBOLS.start) heard.beginAgain(onset);
    else heard.hear(ids, onset);
  }
  return heard;
}

/** The row just drawn, as the step will read it, written over `row`; `heard` hears it now. */
export function after(row, ids, heard) {
  row.melodyBefore = heard.melody;
  row.motif = heard.hear(ids);
  row.ids = ids;
  row.onset = heard.onset;
  row.melody = heard.melody;
  row.place++;
  return row;
}
