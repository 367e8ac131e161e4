// BLAKE2b (RFC 7693) without a key: the seal of a MIDI file is made with it (phin/music/midi_seal.py).

const IV = new BigUint64Array([
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
]); // prettier-ignore
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const MIXED = [
  [0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15],
  [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14],
]; // prettier-ignore
const ROUNDS = 12;
const BLOCK = 128;

/** The hash of bytes, so many bytes of it. */
export function blake2b(bytes, size) {
  const h = IV.slice();
  h[0] ^= BigInt(0x01010000 ^ size);
  const blocks = Math.max(Math.ceil(bytes.length / BLOCK), 1);
  const padded = new Uint8Array(blocks * BLOCK);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  for (let block = 0; block < blocks; block++) {
    const isLast = block === blocks - 1;
    const words = Array.from({ length: 16 }, (_, word) => view.getBigUint64(block * BLOCK + 8 * word, true));
    compress(h, words, BigInt(isLast ? bytes.length : (block + 1) * BLOCK), isLast);
  }
  const out = new Uint8Array(64);
  const written = new DataView(out.buffer);
  h.forEach((word, place) => written.setBigUint64(8 * place, word, true));
  return out.slice(0, size);
}

const turned = (word, by) => BigInt.asUintN(64, (word >> by) | (word << (64n - by)));

function compress(h, words, count, isLast) {
  const v = new BigUint64Array(16);
  v.set(h);
  v.set(IV, 8);
  v[12] ^= count;
  if (isLast) v[14] = ~v[14];
  for (let round = 0; round < ROUNDS; round++) {
    const order = SIGMA[round % SIGMA.length];
    MIXED.forEach(([a, b, c, d], place) => {
      v[a] += v[b] + words[order[2 * place]];
      v[d] = turned(v[d] ^ v[a], 32n);
      v[c] += v[d];
      v[b] = turned(v[b] ^ v[c], 24n);
      v[a] += v[b] + words[order[2 * place + 1]];
      v[d] = turned(v[d] ^ v[a], 16n);
      v[c] += v[d];
      v[b] = turned(v[b] ^ v[c], 63n);
    });
  }
  for (let place = 0; place < 8; place++) h[place] ^= v[place] ^ v[place + 8];
}
