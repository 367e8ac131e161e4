// Which slots of a cache hold which rows of a tune, as phin/generation/slots.py: made in blocks, written where they
// lie; under a window those are given up whose rows the tune does not see again.

const BLOCK = 64;

export class Slots {
  constructor(window = null) {
    this.window = window;
    this.used = 0;
    this.size = 0;
    this.onset = new Int32Array(0);
    this.place = new Int32Array(0); // -1: holds none
  }

  /** Makes room for `length` rows from `place` on; null where there is enough, else which slots are kept, in order. */
  roomFor(length, place) {
    if (this.used + length <= this.size) return null;
    const last = place + length - 1, kept = []; // prettier-ignore
    for (let slot = 0; slot < this.size; slot++) {
      const at = this.place[slot];
      if (this.window === null ? at >= 0 : at === 0 || at > last - this.window) kept.push(slot);
    }
    this.size = BLOCK * Math.ceil((kept.length + length) / BLOCK);
    const onset = new Int32Array(this.size), places = new Int32Array(this.size).fill(-1); // prettier-ignore
    kept.forEach((slot, to) => {
      onset[to] = this.onset[slot];
      places[to] = this.place[slot];
    });
    Object.assign(this, { onset, place: places, used: kept.length });
    return kept;
  }

  /** Puts rows into the slots that are free, and tells the first. */
  take(rows) {
    const first = this.used;
    for (const row of rows) {
      this.onset[this.used] = row.onset;
      this.place[this.used++] = row.place;
    }
    return first;
  }
}
