// Random numbers by counter, as phin/generation/random.py: Philox 4x32-10 (Salmon et al. 2011), and Gumbel noise of it.

import { FIRST_IDS, SIZES, NUM_IDS } from "./tables.js";

const ROUNDS = 10;
const [MULTIPLY_A, MULTIPLY_C] = [0xd2511f53 | 0, 0xcd9e8d57 | 0];
const [WEYL_LOW, WEYL_TOP] = [0x9e3779b9 | 0, 0xbb67ae85 | 0];

/** The high half of a product of two 32-bit words: no part of it is more than 32 bits wide. */
function high(a, b) {
  const low = Math.imul(a & 0xffff, b & 0xffff) >>> 16;
  const middle = ((Math.imul(a >>> 16, b & 0xffff) >>> 0) + low) >>> 0;
  const other = ((Math.imul(a & 0xffff, b >>> 16) >>> 0) + (middle & 0xffff)) >>> 0;
  return (Math.imul(a >>> 16, b >>> 16) + (middle >>> 16) + (other >>> 16)) | 0;
}

/** Four random words of a counter of four, under a key of two, written into `words`. */
function philox(a, b, c, d, low, top, words) {
  for (let round = 0; round < ROUNDS; round++) {
    const ofA = high(a, MULTIPLY_A);
    const ofC = high(c, MULTIPLY_C);
    const nextB = Math.imul(c, MULTIPLY_C);
    const nextD = Math.imul(a, MULTIPLY_A);
    a = ofC ^ b ^ low;
    c = ofA ^ d ^ top;
    b = nextB;
    d = nextD;
    low = (low + WEYL_LOW) | 0;
    top = (top + WEYL_TOP) | 0;
  }
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
}

/** The noise of one tune of a seed, row after row, in one array that is written anew for each. */
export class Noise {
  /** `seed` is a whole number, or a BigInt; of fields that are not `learned` nothing is made, for none is drawn. */
  constructor(seed, tune, learned = SIZES.map(() => true)) {
    const whole = BigInt(seed);
    this.low = Number(whole & 0xffffffffn);
    this.top = Number((whole >> 32n) & 0xffffffffn);
    this.tune = tune;
    this.learned = learned;
    this.values = new Float32Array(NUM_IDS);
    this.words = new Uint32Array(4);
  }

  /** Standard Gumbel noise for the ids of all fields side by side of a row, counted from 0. */
  ofRow(row) {
    const { values, words } = this;
    for (let field = 0; field < SIZES.length; field++) {
      if (!this.learned[field]) continue;
      const first = FIRST_IDS[field], size = SIZES[field]; // prettier-ignore
      for (let block = 0; 4 * block < size; block++) {
        philox(block, field, row, this.tune, this.low, this.top, words);
        const stop = Math.min(4, size - 4 * block);
        for (let word = 0; word < stop; word++) {
          values[first + 4 * block + word] = -Math.log(-Math.log((words[word] + 0.5) / 4294967296));
        }
      }
    }
    return values;
  }
}
