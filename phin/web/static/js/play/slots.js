// Which slots of a cache hold which rows of a tune, as phin/generation/slots.py: made in blocks, written where they lie.

const BLOCK = 64;

export class Slots {
  constructor() {
    this.used = 0;
    this.size = 0;
    this.onset = new Int32Array(0);
    this.place = new Int32Array(0); // -1: holds none
  }

  /** Makes room for `length` rows; whether there was too little. */
  makeRoom(length) {
    if (this.used + length <= this.size) return false;
    this.size = BLOCK * Math.ceil((this.used + length) / BLOCK);
    const onset = new Int32Array(this.size), place = new Int32Array(this.size).fill(-1); // prettier-ignore
    onset.set(this.onset);
    place.set(this.place);
    Object.assign(this, { onset, place });
    return true;
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
