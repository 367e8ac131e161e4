"""Batches: an epoch takes each tune once, in an order that follows from seed and epoch, with little padding."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.data.batching import EVALUATION_ROWS, batches_of_like_length, epoch_batches, least_batch, num_batches

lengths_of_tunes = st.lists(st.integers(1, 300), min_size=1, max_size=120).map(np.array)


@given(lengths_of_tunes, st.integers(1, 1000), st.integers(0, 5))
def test_an_epoch_takes_every_tune_exactly_once(lengths: np.ndarray, batch_notes: int, epoch: int) -> None:
    """Some tunes would be learned twice and others never."""
    batches = epoch_batches(lengths, batch_notes, 0, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert all(len(batch) for batch in batches)


@given(lengths_of_tunes, st.integers(1, 1000), st.integers(0, 2**40), st.integers(0, 5))
def test_every_epoch_has_the_same_number_of_batches(
    lengths: np.ndarray, batch_notes: int, seed: int, epoch: int
) -> None:
    """The learning rate's schedule would end before training does, or after."""
    assert len(epoch_batches(lengths, batch_notes, seed, epoch)) == num_batches(lengths, batch_notes)


def test_no_batch_is_smaller_than_two_of_the_longest_tunes() -> None:
    """A sweep over smaller batches would train the same run again and again, and nobody would be told."""
    lengths = realistic_lengths()
    least = least_batch(lengths)
    assert least == 2 * lengths.max()
    assert num_batches(lengths, 1) == num_batches(lengths, least) > num_batches(lengths, least + 100)


def test_batches_are_a_sequence_of_parts() -> None:
    """Fails: a run that goes on, or one of several processes, is given other batches than those that were planned."""
    plan = epoch_batches(realistic_lengths(), 1024, 0, 0)
    every = [batch.tolist() for batch in plan]
    for some in (slice(3, None, 2), slice(-1, None), slice(0, 0)):
        assert [batch.tolist() for batch in plan[some]] == every[some]
    assert [batch.tolist() for batch in plan[1:3].followed_by(plan[-1:])] == [*every[1:3], every[-1]]
    assert plan[-1].tolist() == every[-1]
    with pytest.raises(IndexError):
        plan[len(plan)]


def realistic_lengths(seed: int = 0) -> np.ndarray:
    """Ten thousand lengths spread as those of the folk corpus are: 60 in the middle, few over 200, cut at 512."""
    return np.random.default_rng(seed).lognormal(np.log(60), 0.6, 10_000).clip(8, 512).astype(np.int64)


def test_an_epochs_order_follows_from_seed_and_epoch() -> None:
    """A run that is resumed would take up another order, and see some tunes twice."""
    lengths = realistic_lengths()

    def order(seed: int, epoch: int) -> list[list[int]]:
        return [batch.tolist() for batch in epoch_batches(lengths, 4096, seed, epoch)]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)
    assert {tuple(batch) for batch in order(1, 2)}.isdisjoint(tuple(batch) for batch in order(1, 3))


def padding(lengths: np.ndarray, batches: Sequence[np.ndarray]) -> float:
    """The share of rows that say nothing."""
    return 1 - lengths.sum() / sum(lengths[batch].max() * len(batch) for batch in batches)


@pytest.mark.parametrize("batch_notes", [1024, 2048, 4096, 8192])
def test_under_a_twentieth_of_an_epoch_is_padding(batch_notes: int) -> None:
    """A fifth of an evening's training would be spent on rows that say nothing."""
    lengths = realistic_lengths()
    for epoch in range(3):
        assert padding(lengths, epoch_batches(lengths, batch_notes, 0, epoch)) < 0.05


def test_under_a_twentieth_of_an_evaluation_is_padding() -> None:
    """Each validation would take a tenth longer than it need."""
    lengths = realistic_lengths()[:1200]
    assert padding(lengths, batches_of_like_length(lengths, EVALUATION_ROWS)) < 0.05


def test_batches_hold_about_as_many_notes_as_was_asked_for() -> None:
    """One batch in ten would fill the memory of the machine."""
    lengths = realistic_lengths()
    notes = np.array([lengths[batch].sum() for batch in epoch_batches(lengths, 4096, 0, 0)])
    assert abs(notes.mean() / 4096 - 1) < 0.05
    assert notes.max() < 4096 + lengths.max()


def test_batches_of_short_and_of_long_tunes_come_in_turn() -> None:
    """Training would hear only long tunes for a while, and forget the short ones."""
    lengths = realistic_lengths()
    means = [lengths[batch].mean() for batch in epoch_batches(lengths, 4096, 0, 0)]
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.25


@given(lengths_of_tunes, st.integers(1, 1000))
def test_evaluation_takes_every_piece_once_and_never_more_rows_than_asked_for(
    lengths: np.ndarray, batch_notes: int
) -> None:
    """A held-out tune would be left out of the figures, or be too much for the machine's memory."""
    batches = batches_of_like_length(lengths, batch_notes)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert all(len(batch) == 1 or lengths[batch].max() * len(batch) <= batch_notes for batch in batches)
    assert [lengths[batch[0]] for batch in batches] == sorted((lengths[batch[0]] for batch in batches), reverse=True)
