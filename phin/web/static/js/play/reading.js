// What a decode step reads, made of rows and of what a cache holds, as phin/generation/reading.py; written into arrays
// that stay, so that a note makes no garbage. Whole numbers go into the halves of 64-bit words.

import { CONDITIONS } from "./tables.js";
import { land, lookUp, lookUpConditions, metreTable, noteEnd, NUM_LOOKUPS, NUM_POSITIONS } from "./lookup.js";
import { PITCH } from "./tables.js";

/** Whole numbers as a graph takes them, and what writes them: 64 bits, whose halves are `words`. */
export class Longs {
  constructor(...shape) {
    this.shape = shape;
    this.size = shape.reduce((product, size) => product * size, 1);
    this.values = new BigInt64Array(this.size);
    this.words = new Int32Array(this.values.buffer);
  }

  put(at, value) {
    this.words[2 * at] = value;
    this.words[2 * at + 1] = value < 0 ? -1 : 0;
  }

  /** Writes numbers from `at` on. */
  write(numbers, at = 0) {
    for (let place = 0; place < numbers.length; place++) this.put(at + place, numbers[place]);
  }
}

const METRE = CONDITIONS.indexOf("metre");

/** Arrays for `length` rows after `size` slots, in as many streams. */
export class Reading {
  constructor(streams, length, size) {
    Object.assign(this, { streams, length, seen: size + length });
    const rows = streams.length;
    this.lookups = new Longs(rows, length, NUM_LOOKUPS);
    this.position = new Longs(rows, NUM_POSITIONS, length);
    this.sees = new Uint8Array(rows * length * this.seen);
    this.began = new Longs(rows, this.seen);
    this.melody = new Longs(1);
    this.landing = new Longs(1, 4, 3);
    this.looked = new Int32Array(NUM_LOOKUPS);
    this.landed = new Int32Array(12);
  }

  write(rows, slots, { bar, closing }) {
    const { streams, length, seen, looked, position } = this;
    const of = metreTable(bar), metre = streams[0].conditions[METRE], last = rows[length - 1]; // prettier-ignore
    for (let time = 0; time < length; time++) {
      const row = rows[time];
      for (let stream = 0; stream < streams.length; stream++) {
        looked.fill(0);
        lookUp(looked, 0, row, of, metre, closing);
        if (row.place === 0) lookUpConditions(looked, 0, streams[stream].conditions);
        this.lookups.write(looked, (stream * length + time) * NUM_LOOKUPS);
        const at = stream * NUM_POSITIONS * length + time;
        position.put(at, row.place);
        position.put(at + length, noteEnd(row.ids, row.onset));
        position.put(at + 2 * length, row.onset);
        position.put(at + 3 * length, row.melody);
        position.put(at + 4 * length, row.ids[PITCH]);
        this.see((stream * length + time) * seen, row, rows, slots);
      }
    }
    for (let stream = 0; stream < streams.length; stream++) {
      for (let slot = 0; slot < slots.size; slot++) this.began.put(stream * seen + slot, slots.onset[slot]);
      for (let time = 0; time < length; time++) this.began.put(stream * seen + slots.size + time, rows[time].onset);
    }
    this.melody.put(0, last.melody);
    land(this.landed, last.onset, bar, of);
    this.landing.write(this.landed);
  }

  /** Which of the rows in the slots, then of the rows themselves, a row sees. */
  see(at, row, rows, slots) {
    const { sees } = this;
    for (let slot = 0; slot < slots.size; slot++) {
      const place = slots.place[slot];
      sees[at + slot] = place >= 0 && place <= row.place ? 1 : 0;
    }
    for (let other = 0; other < this.length; other++) {
      sees[at + slots.size + other] = rows[other].place <= row.place ? 1 : 0;
    }
  }
}
