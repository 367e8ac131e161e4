// What followed the last time the same motif was played, as phin/motif.py: of one tune, row after row.

import { DURATION, PITCH, READING } from "./tables.js";
import { isMelodyNote, LONGEST_STEP, NUM_INTERVALS, NUM_PITCHES } from "./tokenizer.js";

const { shortest_motif: SHORTEST, longest_motif: LONGEST } = READING;
const NUM_COLUMNS = 4; // step, interval, duration, agree
const BLOCK = 64; // notes for which room is made at once

export class MotifMemory {
  constructor() {
    this.heard = 0;
    this.columns = new Int32Array(NUM_COLUMNS); // what the last row recalls
    this.onset = new Int32Array(BLOCK);
    this.pitch = new Int32Array(BLOCK);
    this.duration = new Int32Array(BLOCK);
    this.shape = new Int32Array(BLOCK); // how far and how long from the note before; 0 where none is
    this.agree = new Int8Array(BLOCK); // intervals of the motifs up to it and up to the last note that agree
  }

  /** Takes in the next row, and tells what it recalls, in an array that the next call writes anew. */
  hear(ids, onset) {
    if (isMelodyNote(ids)) this.add(ids, onset);
    let then = 0, longest = 0; // prettier-ignore
    for (let note = 0; note < this.heard; note++) {
      if (this.agree[note] >= longest) {
        longest = this.agree[note];
        then = note;
      }
    }
    const step = this.onset[then + 1] - this.onset[then] - (onset - this.lastOnset);
    const isTold = longest >= SHORTEST && step >= 0 && step <= LONGEST_STEP;
    this.columns[0] = isTold ? step + 1 : 0;
    this.columns[1] = isTold ? this.pitch[then + 1] - this.pitch[then] + NUM_PITCHES : 0;
    this.columns[2] = isTold ? this.duration[then + 1] : 0;
    this.columns[3] = isTold ? longest : 0;
    return this.columns;
  }

  /** When the last melody note began; 0 before the first. */
  get lastOnset() {
    return this.onset[Math.max(this.heard - 1, 0)];
  }

  add(ids, onset) {
    if (this.heard >= this.onset.length) this.grow();
    const at = this.heard, before = Math.max(at - 1, 0); // prettier-ignore
    const time = onset - this.onset[before], interval = ids[PITCH] - this.pitch[before]; // prettier-ignore
    const shape = at ? 1 + time * NUM_INTERVALS + interval + NUM_PITCHES : 0;
    for (let note = at; note > 0; note--) {
      this.agree[note] = shape && this.shape[note] === shape ? Math.min(this.agree[note - 1] + 1, LONGEST) : 0;
    }
    this.agree[0] = 0;
    this.onset[at] = onset;
    this.pitch[at] = ids[PITCH];
    this.duration[at] = ids[DURATION];
    this.shape[at] = shape;
    this.heard = at + 1;
  }

  grow() {
    for (const name of ["onset", "pitch", "duration", "shape", "agree"]) {
      const more = new this[name].constructor(this[name].length + BLOCK);
      more.set(this[name]);
      this[name] = more;
    }
  }
}
