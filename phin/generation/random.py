"""Random numbers by counter: the same (seed, tune, step, field) gives the same noise, in any batch, on any machine.

Philox 4x32-10 (Salmon et al. 2011, doi 10.1145/2063384.2063405), in numpy, so that a torch-free runtime draws the
same notes.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from jaxtyping import Float, UInt64

from phin.tokenizer import FIELDS

_MULTIPLY = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
ROUNDS = 10

Words = UInt64[np.ndarray, "4 *counter"]


def philox(counter: Words, seed: int) -> Words:
    """Four random 32-bit words for every four-word counter, under a 64-bit seed."""
    a, b, c, d = counter & _LOW
    multiplied, mixed = np.stack([a, c]), np.stack([b, d])
    shape = (2,) + (1,) * (counter.ndim - 1)
    key = np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], np.uint64).reshape(shape)
    multiply, weyl = (np.array(numbers, np.uint64).reshape(shape) for numbers in (_MULTIPLY, _WEYL))
    product = np.empty_like(multiplied)
    for _ in range(ROUNDS):
        # in a round the halves of a counter change places; here the constants do, so that nothing is moved
        np.multiply(multiplied, multiply, out=product)
        np.right_shift(product, _HALF, out=multiplied)
        multiplied ^= mixed[::-1]
        multiplied ^= key[::-1]
        np.bitwise_and(product, _LOW, out=mixed)
        key = (key + weyl) & _LOW
        multiply, key, weyl = multiply[::-1], key[::-1], weyl[::-1]
    return np.stack([multiplied[0], mixed[0], multiplied[1], mixed[1]])


def gumbel(seed: int, tunes: Sequence[int], first_row: int, rows: int = 1) -> Float[np.ndarray, "row tune id"]:
    """Standard Gumbel noise for some rows of each tune, for the ids of all fields side by side: argmax(logits + noise)
    samples the softmax.
    """
    counter = np.empty((4, rows, len(tunes), len(_BLOCK)), dtype=np.uint64)
    counter[0], counter[1] = _BLOCK, _FIELD
    counter[2] = np.arange(first_row, first_row + rows, dtype=np.uint64)[:, None, None]
    counter[3] = np.asarray(tunes, dtype=np.uint64)[:, None]
    words = np.moveaxis(philox(counter, seed), 0, -1).reshape(rows, len(tunes), -1)[..., _WORD]
    noise = words.astype(np.float64)
    noise += 0.5
    noise /= 2**32  # strictly between 0 and 1
    for _ in range(2):
        np.log(noise, out=noise)
        np.negative(noise, out=noise)
    return noise


_BLOCKS = [-(-field.size // 4) for field in FIELDS]  # of four words
_BLOCK = np.concatenate([np.arange(blocks, dtype=np.uint64) for blocks in _BLOCKS])
_FIELD = np.repeat(np.arange(len(FIELDS), dtype=np.uint64), _BLOCKS)
_WORD = np.concatenate(
    [4 * before + np.arange(field.size) for field, before in zip(FIELDS, accumulate([0, *_BLOCKS[:-1]]), strict=True)]
)
"""Which of the words of all blocks the ids of all fields take: the last block of a field has some too many."""


class Noise:
    """The random numbers of `tunes` side by side, row after row; made for several rows at once where tunes are few."""

    AT_ONCE = 16
    """Rows, of all tunes together: of so many the numbers on the way stay in the processor's cache."""

    def __init__(self, seed: int, tunes: Sequence[int]) -> None:
        self.seed, self.tunes = seed, list(tunes)
        self._rows = max(1, self.AT_ONCE // len(self.tunes))
        self._first, self._made = 0, np.zeros((0, len(self.tunes), len(_WORD)), np.float32)

    def of_row(self, row: int) -> Float[np.ndarray, "tune id"]:
        """For row `row` (from 0) of each tune, the ids of all fields side by side."""
        if not self._first <= row < self._first + len(self._made):
            self._first, self._made = row, np.empty((self._rows, len(self.tunes), len(_WORD)), np.float32)
            for first in range(0, len(self.tunes), self.AT_ONCE):
                some = slice(first, first + self.AT_ONCE)
                self._made[:, some] = gumbel(self.seed, self.tunes[some], row, self._rows)
        return self._made[row - self._first]
