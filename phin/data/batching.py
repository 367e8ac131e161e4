"""Which tunes stand side by side, in training and in evaluation: like lengths together, so that little is padding."""

import numpy as np
from jaxtyping import Int

EVALUATION_ROWS = 2048
"""Rows, padding included, that are scored side by side."""


def epoch_batches(
    lengths: Int[np.ndarray, " tune"], batch_notes: int, seed: int, epoch: int
) -> list[Int[np.ndarray, " _"]]:
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
    batches = np.split(order, np.flatnonzero(np.diff(batch_of)) + 1)
    return [batches[place] for place in rng.permutation(len(batches))]


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
