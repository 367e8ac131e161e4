"""Random numbers by counter: the same (seed, tune, step, field) gives the same noise, in any batch, on any machine.

Philox 4x32-10 (Salmon et al. 2011, doi 10.1145/2063384.2063405), in numpy, so that a torch-free runtime draws the
same notes.
"""

import numpy as np
from jaxtyping import Float, UInt64

_MULTIPLY = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
ROUNDS = 10

Words = UInt64[np.ndarray, "4 *counter"]


def philox(counter: Words, seed: int) -> Words:
    """Four random 32-bit words for every four-word counter, under a 64-bit seed."""
    a, b, c, d = (word.astype(np.uint64) & _LOW for word in counter)
    key = [seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF]
    for _ in range(ROUNDS):
        first, second = a * _MULTIPLY[0], c * _MULTIPLY[1]
        a, b, c, d = (
            (second >> _HALF) ^ b ^ np.uint64(key[0]),
            second & _LOW,
            (first >> _HALF) ^ d ^ np.uint64(key[1]),
            first & _LOW,
        )
        key = [(word + weyl) & 0xFFFFFFFF for word, weyl in zip(key, _WEYL, strict=True)]
    return np.stack([a, b, c, d])


def gumbel(seed: int, tunes: range | list[int], step: int, field: int, size: int) -> Float[np.ndarray, "tune id"]:
    """Standard Gumbel noise for one field of one row of each tune: argmax(logits + noise) samples the softmax."""
    numbers = np.asarray(tunes, dtype=np.uint64)
    blocks = np.arange(-(-size // 4), dtype=np.uint64)
    shape = (len(numbers), len(blocks))
    counter = np.empty((4, *shape), dtype=np.uint64)
    counter[0], counter[1], counter[2], counter[3] = blocks, field, step, numbers[:, None]
    words = philox(counter, seed).transpose(1, 2, 0).reshape(len(numbers), -1)[:, :size]
    uniform = (words.astype(np.float64) + 0.5) / 2**32  # strictly between 0 and 1
    return -np.log(-np.log(uniform))
