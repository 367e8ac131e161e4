"""The training loader: it can stop anywhere and go on there, and what it hands out does not depend on who helps it."""

from collections import Counter
from dataclasses import fields
from itertools import islice

import numpy as np
import pytest
import torch

from phin.batch import PhinBatch, label_counts
from phin.corpus.store import Store
from phin.data.dataset import DataConfig, TrainingTunes
from phin.data.loader import TrainingLoader
from phin.tokenizer import Tokenizer

TOKENIZER = Tokenizer(sources=("essen", "han"))


def loader_of(
    store: Store, accumulate: int = 1, rank: int = 0, world_size: int = 1, seed: int = 0, **settings: object
) -> TrainingLoader:
    config = DataConfig(**{"batch_notes": 120, "window": 60, **settings})
    tunes = TrainingTunes(store, TOKENIZER, config, seed)
    return TrainingLoader(tunes, store.split("train"), config, accumulate, rank, world_size)


def same(one: PhinBatch, other: PhinBatch) -> bool:
    """Whether two batches are equal, number for number."""
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(PhinBatch)]
    return all(torch.equal(mine, theirs) for mine, theirs in pairs)


def all_same(some: list[PhinBatch], others: list[PhinBatch]) -> bool:
    return len(some) == len(others) and all(map(same, some, others))


def tunes_of(batches: list[PhinBatch]) -> list[int]:
    return [tune for batch in batches for tune in batch.tune.tolist()]


def test_an_epoch_hands_out_every_training_tune_once_and_no_other(store: Store) -> None:
    """A held-out tune would be trained on, or some tunes never."""
    loader = loader_of(store)
    assert len(loader) > 4
    for _ in range(3):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert sorted(tunes_of(batches)) == store.split("train").tolist()


def test_one_epoch_follows_another_also_for_who_never_asks_for_its_end(store: Store) -> None:
    """Lightning takes as many batches as the loader says it has, and no more: every second epoch would be empty."""
    to_the_end, by_length = loader_of(store), loader_of(store)
    for epoch in range(3):
        counted = list(islice(by_length, len(by_length)))
        assert all_same(counted, list(to_the_end))
        assert by_length.state_dict() == {"epoch": epoch, "handed_out": len(by_length)}


def test_epochs_differ_and_seeds_differ(store: Store) -> None:
    """Every epoch would bring the same batches in the same order."""
    loader = loader_of(store)
    first, second = list(loader), list(loader)
    assert tunes_of(first) != tunes_of(second)
    assert tunes_of(list(loader_of(store, seed=1))) != tunes_of(first)
    assert all_same(list(loader_of(store)), first)


@pytest.mark.parametrize("stop", [0, 1, 3, 6, 7, 8, 10])
def test_a_loader_goes_on_exactly_where_another_stopped(store: Store, stop: int) -> None:
    """A run that was interrupted would repeat batches or skip them, and end as another model."""
    uninterrupted = loader_of(store)
    assert len(uninterrupted) == 7  # so it stops before, within and at the end of an epoch, and within the next
    expected = [batch for _ in range(2) for batch in uninterrupted]

    interrupted, before = loader_of(store), []
    while len(before) < stop:
        before += islice(interrupted, stop - len(before))
    assert all_same(before, expected[:stop])

    resumed, after = loader_of(store), []
    resumed.load_state_dict(interrupted.state_dict())
    while len(after) < 14 - stop:
        after += resumed
    assert all_same(after, expected[stop:])


def test_a_stored_place_is_plain_numbers(store: Store) -> None:
    """A checkpoint could not be read again without running whatever is in it."""
    loader = loader_of(store)
    next(iter(loader))
    assert loader.state_dict() == {"epoch": 0, "handed_out": 1}
    assert all(type(value) is int for value in loader.state_dict().values())


@pytest.mark.parametrize("accumulate", [1, 2, 3, 5, 100])
def test_each_batch_knows_what_its_whole_step_counts(store: Store, accumulate: int) -> None:
    """Accumulated batches would pull unequally, and the last step of an epoch, which is shorter, too weakly."""
    batches = list(loader_of(store, accumulate))
    assert len(batches) == 7  # so that the last group is short
    for start in range(0, len(batches), accumulate):
        group = batches[start : start + accumulate]
        expected = sum(label_counts(batch) for batch in group)
        assert all(torch.equal(batch.step_counts, expected) for batch in group)
    assert all_same_but_counts(batches, list(loader_of(store)))


def all_same_but_counts(some: list[PhinBatch], others: list[PhinBatch]) -> bool:
    return all(torch.equal(one.ids, other.ids) for one, other in zip(some, others, strict=True))


def test_a_resumed_loader_has_the_steps_of_the_uninterrupted_one(store: Store) -> None:
    """After an interruption batches would be grouped into other steps, with other weights."""
    expected = list(loader_of(store, accumulate=2))
    resumed = loader_of(store, accumulate=2)
    resumed.load_state_dict({"epoch": 0, "handed_out": 4})
    assert all_same(list(resumed), expected[4:])


@pytest.mark.parametrize("world_size", [2, 3, 7, 9])
def test_processes_share_an_epoch_without_overlap(store: Store, world_size: int) -> None:
    """Two GPUs would learn from the same tunes, leave the last ones out, or wait for each other for ever."""
    whole = list(loader_of(store))
    shards = [list(loader_of(store, rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert {len(shard) for shard in shards} == {-(-len(whole) // world_size)}
    together = [batch for turn in zip(*shards, strict=True) for batch in turn]
    learned = [batch for batch in together if label_counts(batch).any()]
    assert Counter(tunes_of(learned)) == Counter(tunes_of(whole))
    assert all_same_but_counts(learned, whole)
    assert all_same_but_counts(together[: len(whole)], whole), "what has no labels comes last"


def test_a_process_that_has_no_batch_left_keeps_step_also_after_going_on(store: Store) -> None:
    """The last batch would be learned twice, once by a process that went on in the middle of an epoch."""
    last = loader_of(store, rank=1, world_size=2)
    last.load_state_dict({"epoch": 0, "handed_out": 3})
    (batch,) = list(last)
    assert not label_counts(batch).any()
    first = loader_of(store, rank=0, world_size=2)
    first.load_state_dict({"epoch": 0, "handed_out": 3})
    (own,) = list(first)
    assert label_counts(own).any()


def test_helpers_change_nothing(store: Store) -> None:
    """What a model learns would depend on the number of cores of the machine it was trained on."""
    alone, helped = loader_of(store), loader_of(store, loader_workers=2)
    helped.load_state_dict({"epoch": 1, "handed_out": 3})
    alone.load_state_dict({"epoch": 1, "handed_out": 3})
    assert all_same(list(alone), list(helped))


def test_no_batch_holds_many_more_notes_than_was_asked_for(store: Store) -> None:
    """Long tunes count as their windows: batches would be half empty, or too large for the machine."""
    loader = loader_of(store)
    notes = [int(batch.is_note.sum()) for batch in loader]
    assert loader.lengths.tolist() == np.minimum(store.lengths[store.split("train")], 60).tolist()
    assert max(notes) < 120 + 60
