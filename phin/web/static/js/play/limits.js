// What a step may draw, as phin/generation/limits.py: a number added to the logit of every id, -Infinity where it may
// not be; and what was heard of a tune so far. Of one tune: each is drawn by itself.

import { DRAWING, DURATION, MOST_RECALLED, NUM_FIELDS, PITCH, SIZES, STEP, SYMBOLS, UNKNOWN, VOICE } from "./tables.js";
import { MotifMemory } from "./motif.js";
import { isMelodyNote, NUM_SYMBOLS, valueOf } from "./tokenizer.js";

export const FORBIDDEN = -Infinity;
export const KIND = DRAWING.kinds;
const NUM_KINDS = Object.keys(KIND).length;
/** Where each table after the step begins among those of one kind; the pitch has one a voice. */
export const PLACES = {};
let placed = 0;
for (const [name, shape] of Object.entries(DRAWING.after)) {
  PLACES[name] = placed;
  placed += shape.reduce((product, size) => product * size, 1);
}
export const NUM_AFTER = placed;
const FIELD_NAMES = [null, "voice", "technique", "pitch", "duration", "velocity"];
const PITCHES = SIZES[PITCH];

export class Limits {
  constructor() {
    this.step = new Float32Array(SIZES[STEP]);
    this.after = new Float32Array(NUM_KINDS * NUM_AFTER);
    this.kind = new Uint8Array(SIZES[STEP]); // which note each step leads to
    this.kind[NUM_SYMBOLS] = KIND.together; // a step of nothing
    // step and pitch with which motifs played before would go on, and what that costs; 0 where there are fewer
    this.recalled = new Int32Array(2 * MOST_RECALLED);
    this.recalledCost = new Float32Array(MOST_RECALLED);
  }

  copyFrom(other) {
    for (const name of ["step", "after", "kind", "recalled", "recalledCost"]) this[name].set(other[name]);
  }

  /** What a step leads to; what says more of it holds. */
  leads(step, kind) {
    this.kind[step] = Math.max(this.kind[step], kind);
  }

  forbidPitch(kind, voice, pitch) {
    this.after[kind * NUM_AFTER + PLACES.pitch + voice * PITCHES + pitch] = FORBIDDEN;
  }

  forbidVoice(kind, voice) {
    this.after[kind * NUM_AFTER + PLACES.voice + NUM_SYMBOLS + voice] = FORBIDDEN;
  }

  forbidPitchOfAll(pitch, kinds = Object.values(KIND)) {
    for (const kind of kinds) for (const voice of [0, 1]) this.forbidPitch(kind, voice, pitch);
  }

  /** Limits nothing of notes that are given. */
  leaveGivenNotes() {
    this.after.fill(0, KIND.given * NUM_AFTER, (KIND.given + 1) * NUM_AFTER);
  }

  /** Where what is added to the logits of a field stands in `after`, given the fields before it in `ids`. */
  placeOf(ids, field) {
    const begins = this.kind[ids[STEP]] * NUM_AFTER + PLACES[FIELD_NAMES[field]];
    return field === PITCH && ids[VOICE] === NUM_SYMBOLS + 1 ? begins + PITCHES : begins;
  }

  /** The share of each field's probability that could be drawn, and whether anything could, given those before it. */
  left(ids, chances, shares) {
    let nothing = -1;
    for (let field = 0, first = 0; field < NUM_FIELDS; first += SIZES[field], field++) {
      const table = field === STEP ? this.step : this.after;
      const begins = field === STEP ? 0 : this.placeOf(ids, field);
      let share = 0, isLeft = ids[field] === SYMBOLS.unknown; // prettier-ignore
      for (let id = 0; id < SIZES[field]; id++) {
        if (table[begins + id] === FORBIDDEN) continue;
        share += chances[first + id];
        isLeft ||= id >= NUM_SYMBOLS || (field === STEP && id === SYMBOLS.end);
      }
      shares[field] = share;
      if (!isLeft && nothing < 0) nothing = field;
    }
    return nothing;
  }
}

export class Heard {
  /** `onset` is that of the START row; with a `memory` only so many melody notes are recalled. */
  constructor(onset) {
    this.onset = onset;
    this.melody = 0; // the last melody note's pitch id
    this.together = []; // pitch ids struck at the last onset, descending
    this.ends = new Float64Array(PITCHES).fill(onset); // when the last stroke of each pitch is over
    this.rings = false; // whether one rings until the next onset, for nobody knows how long
    this.hasEnded = false;
    this.numNotes = 0;
    this.memory = new MotifMemory();
  }

  /** Takes in the next row, and tells what it recalls; `onset` says when it begins, where its step does not. */
  hear(ids, onset = this.onset + ids[STEP] - NUM_SYMBOLS) {
    if (this.hasEnded || ids[STEP] === SYMBOLS.end) {
      this.hasEnded = true;
      return this.memory.hear(NOTHING, this.onset);
    }
    if (onset !== this.onset || this.numNotes === 0) {
      this.together = [];
      if (this.rings) this.ends = this.ends.map((end) => (end === Infinity ? onset : end));
    }
    this.onset = onset;
    this.together.push(ids[PITCH]);
    this.together.sort((a, b) => b - a);
    const lasts = valueOf(ids[DURATION], DURATION);
    this.ends[ids[PITCH]] = lasts === UNKNOWN ? Infinity : onset + lasts;
    this.rings ||= lasts === UNKNOWN;
    if (isMelodyNote(ids)) this.melody = ids[PITCH];
    this.numNotes++;
    return this.memory.hear(ids, onset);
  }

  /** The step at which all that was struck is over, where a pitch that is struck again stops first. */
  get until() {
    return this.ends.reduce((latest, end) => Math.max(latest, end));
  }

  /** The tune starts once more: what was told of its end is recalled, and not played. */
  beginAgain(onset) {
    this.onset = onset;
    this.ends.fill(onset);
    this.together = [];
    this.numNotes = 0;
  }
}

const NOTHING = new Array(NUM_FIELDS).fill(SYMBOLS.pad);
