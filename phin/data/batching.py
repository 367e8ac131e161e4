"""Which tunes stand side by side, in training and in evaluation: like lengths together, so that little is padding."""

from collections.abc import Sequence
from typing import SupportsIndex, overload

import numpy as np
from jaxtyping import Int

EVALUATION_ROWS = 2048
"""Rows, padding included, that are scored side by side."""


class Batches(Sequence[Int[np.ndarray, " _"]]):
    """Batches that are parts of one order, four bytes a tune and twelve a batch: a list of arrays has ten times that.

    `ends` says where in `order` each part ends, `places` which part each batch is.
    """

    def __init__(
        self, order: Int[np.ndarray, " tune"], ends: Int[np.ndarray, " part"], places: Int[np.ndarray, " batch"]
    ) -> None:
        self.order, self.ends, self.places = order, ends, places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, which: SupportsIndex) -> Int[np.ndarray, " _"]: ...
    @overload
    def __getitem__(self, which: slice) -> "Batches": ...
    def __getitem__(self, which: SupportsIndex | slice) -> "Int[np.ndarray, ' _'] | Batches":
        if isinstance(which, slice):
            return Batches(self.order, self.ends, self.places[which])
        part = int(self.places[which])
        return self.order[self.ends[part - 1] if part else 0 : self.ends[part]]

    def followed_by(self, other: "Batches") -> "Batches":
        """These, and then others of the same order."""
        return Batches(self.order, self.ends, np.append(self.places, other.places))


def epoch_batches(lengths: Int[np.ndarray, " tune"], batch_notes: int, seed: int, epoch: int) -> Batches:
    """All tunes, by place in `lengths`, cut into batches of about equally many notes and like lengths.

    A function of its arguments alone. Every epoch has the same number of batches, `num_batches`: tunes are shuffled,
    sorted by length within stretches of 32 batches (up one stretch, down the next; an epoch of few batches is one
    stretch), and cut where equal shares of the notes end. Of the default corpus under 5 % of rows are padding; where
    batches are so large that an epoch has five, each holds a fifth of all lengths, and a quarter may be.
    """
    rng = np.random.default_rng((seed, epoch, 1))
    count = num_batches(lengths, batch_notes)
    order = rng.permutation(len(lengths))
    stretches = np.array_split(order, round(count / 32) if count >= 128 else 1)
    snake = [
        stretch[np.argsort(lengths[stretch] * (1 if place % 2 == 0 else -1), kind="stable")]
        for place, stretch in enumerate(stretches)
    ]
    order = np.concatenate(snake)
    middle = np.cumsum(lengths[order]) - lengths[order] / 2
    batch_of = np.minimum((middle * count / lengths.sum()).astype(np.int64), count - 1)
    ends = np.append(np.flatnonzero(np.diff(batch_of)) + 1, len(order))
    return Batches(order.astype(np.int32), ends, rng.permutation(len(ends)).astype(np.int32))


def num_batches(lengths: Int[np.ndarray, " tune"], batch_notes: int) -> int:
    """Batches in an epoch; never so many that one could be empty."""
    return max(1, int(lengths.sum() // max(batch_notes, least_batch(lengths))))


def least_batch(lengths: Int[np.ndarray, " tune"]) -> int:
    """Notes of the smallest batches that an epoch is cut into: fewer could leave one of them without a tune."""
    return 2 * int(lengths.max())


def batches_of_like_length(lengths: Int[np.ndarray, " piece"], batch_notes: int) -> list[Int[np.ndarray, " _"]]:
    """All pieces, longest first, in batches of at most `batch_notes` padded rows (or one piece): for evaluation."""
    order = np.argsort(-lengths, kind="stable")
    batches, start = [], 0
    while start < len(order):
        size = max(1, batch_notes // max(int(lengths[order[start]]), 1))
        batches.append(order[start : start + size])
        start += size
    return batches
