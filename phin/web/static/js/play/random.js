// Random numbers by counter, as phin/generation/random.py: Philox 4x32-10 (Salmon et al. 2011), and Gumbel noise of it.

import { FIRST_IDS, SIZES, NUM_IDS } from "./tables.js";

const ROUNDS = 10;
const MULTIPLY = [0xd2511f53, 0xcd9e8d57];
const WEYL = [0x9e3779b9, 0xbb67ae85];

/** The high half of a product of two 32-bit words. */
function high(a, b) {
  const a1 = a >>> 16, a0 = a & 0xffff, b1 = b >>> 16, b0 = b & 0xffff; // prettier-ignore
  const middle = a1 * b0 + ((a0 * b0) >>> 16); // below 2 ** 53
  return (a1 * b1 + Math.floor(middle / 65536) + (((a0 * b1 + (middle % 65536)) / 65536) >>> 0)) >>> 0;
}

/** Four random words of a counter of four, under a key of two, written into `words`. */
export function philox(a, b, c, d, low, top, words) {
  for (let round = 0; round < ROUNDS; round++) {
    const ha = high(a, MULTIPLY[0]), la = Math.imul(a, MULTIPLY[0]) >>> 0; // prettier-ignore
    const hc = high(c, MULTIPLY[1]), lc = Math.imul(c, MULTIPLY[1]) >>> 0; // prettier-ignore
    a = (hc ^ b ^ low) >>> 0;
    b = lc;
    c = (ha ^ d ^ top) >>> 0;
    d = la;
    low = (low + WEYL[0]) >>> 0;
    top = (top + WEYL[1]) >>> 0;
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
