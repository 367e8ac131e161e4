"""Bits per note: a ten-line reference, any batching, pieces that add up, and no gain from a drone."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phin.batch import Item, PhinBatch, collate
from phin.corpus.store import Store, Tune, write_store
from phin.data.dataset import EvaluationTunes
from phin.evaluation.metrics import BitsPerNote, TuneMeasures
from phin.evaluation.split_bits import model_bits
from phin.model.transformer import PhinTransformer
from phin.music.lai import label_lai
from phin.music.measures import MEASURES, measures
from phin.music.phrase import Phrase, Voice
from phin.tokenizer import END_ID, FIELDS, HEADLINE_FIELDS, NUM_FIELDS, PITCH, STEP, VELOCITY, Encoded
from tests.tiny import PHRASE, TOKENIZER, batch_of, item, melodies, tiny_model
from tests.tunes import wander, with_drone

TUNES = [wander(seed, num_notes=5 + 3 * seed) for seed in range(7)]


@pytest.fixture(scope="module")
def model() -> PhinTransformer:
    return tiny_model()


def store_of(folder: Path, phrases: Iterable[Phrase]) -> Store:
    tunes = [Tune(f"{k}", replace(p, source="essen"), label_lai(p), k, "test") for k, p in enumerate(phrases)]
    return write_store(folder, tunes, ["essen"], "nobody's", {})


@torch.no_grad()
def naive_bits(model: PhinTransformer, phrase: Phrase) -> np.ndarray:
    """Bits of each field of a tune: minus log2 of the probability of what comes next, row by row."""
    batch, bits = batch_of(phrase), np.zeros(NUM_FIELDS)
    logits = model(batch)[0].fields
    for time in range(batch.targets.shape[1]):
        for field in HEADLINE_FIELDS:
            id = int(batch.targets[0, time, field])
            if batch.targets[0, time, STEP] != END_ID or field == STEP:
                bits[field] -= math.log2(float(logits[field][0, time].softmax(dim=-1)[id]))
    return bits


@torch.no_grad()
def metric_of(model: PhinTransformer, batches: Sequence[PhinBatch]) -> BitsPerNote:
    metric = BitsPerNote()
    for batch in batches:
        metric.update(model(batch)[0], batch)
    return metric


def test_bits_per_note_are_those_of_the_naive_reference(model: PhinTransformer) -> None:
    """Fails: the number this project stands on is another number."""
    bits = metric_of(model, [batch_of(*TUNES)]).by_tune()
    expected = np.stack([naive_bits(model, tune) for tune in TUNES])
    headline = list(HEADLINE_FIELDS)
    np.testing.assert_allclose(bits.bits[:, headline], expected[:, headline], rtol=1e-9)
    np.testing.assert_allclose(bits.headline, expected.sum(axis=1), rtol=1e-9)
    assert bits.notes.tolist() == [len(tune) for tune in TUNES]
    result = metric_of(model, [batch_of(*TUNES)]).compute()
    notes = sum(map(len, TUNES))
    assert float(result[""]) == pytest.approx(expected.sum() / notes)
    assert result.keys() == {"", "step", "pitch", "duration"}
    for field in HEADLINE_FIELDS:
        assert float(result[FIELDS[field].name]) == pytest.approx(expected[:, field].sum() / notes)


@settings(max_examples=25)
@given(st.permutations(range(len(TUNES))), st.lists(st.integers(0, len(TUNES)), max_size=4))
def test_batching_changes_nothing(order: list[int], cuts: list[int]) -> None:
    """Fails: a faster evaluation gives a better score."""
    model = tiny_model()
    items = [item(TUNES[k], tune=k) for k in order]
    edges = sorted({0, len(items), *cuts})
    batches = [collate(items[start:stop]) for start, stop in pairwise(edges)]
    mine, whole = metric_of(model, batches).by_tune(), metric_of(model, [batch_of(*TUNES)]).by_tune()
    assert mine.tune.tolist() == whole.tune.tolist()
    assert mine.notes.tolist() == whole.notes.tolist()
    np.testing.assert_allclose(mine.bits, whole.bits, rtol=1e-9)


def test_a_model_that_knows_nothing_pays_the_logarithm_of_what_can_be_drawn(model: PhinTransformer) -> None:
    """Fails: symbols that can never come take a share, and bits are no bits."""
    batch = batch_of(PHRASE.melody)
    logits = model(batch)[0]
    blank = logits._replace(fields=tuple(torch.where(f.isneginf(), f, 0.0) for f in logits.fields))
    metric = BitsPerNote()
    metric.update(blank, batch)
    notes, result = len(PHRASE.melody), metric.compute()
    assert float(result["pitch"]) == pytest.approx(math.log2(37))
    assert float(result["duration"]) == pytest.approx(math.log2(384))
    assert float(result["step"]) == pytest.approx(math.log2(386) * (notes + 1) / notes), "the end is a step"


def test_pieces_of_a_tune_add_up_to_the_tune(model: PhinTransformer) -> None:
    """Fails: a long tune counts twice, or its second half not at all."""
    encoded = TOKENIZER.encode(TUNES[6])

    def piece(start: int, length: int) -> Item:
        window: Encoded = encoded.window(start, length)
        return replace(item(TUNES[6], tune=4), encoded=window)

    pieces = [piece(0, 9), piece(9, 9), piece(18, 9)]
    apart = [metric_of(model, [collate([one])]).by_tune() for one in pieces]
    together = metric_of(model, [collate(pieces[:2]), collate(pieces[2:])]).by_tune()
    assert together.tune.tolist() == [4]
    assert together.notes.tolist() == [len(TUNES[6])] == [sum(int(one.notes[0]) for one in apart)]
    np.testing.assert_allclose(together.bits, sum(one.bits for one in apart), rtol=1e-9)
    ends = sum(bool((one.encoded.ids[:, STEP] == END_ID).any()) for one in pieces)
    assert ends == 1


def test_the_headline_counts_step_pitch_and_duration_alone(model: PhinTransformer) -> None:
    """Fails: corpora whose velocities are constant look easier than they are."""
    bits = metric_of(model, [batch_of(PHRASE)]).by_tune()
    assert bits.bits[0, VELOCITY] > 0
    assert bits.headline[0] == pytest.approx(bits.bits[0, [STEP, PITCH, 4]].sum())


def test_a_drone_changes_nothing(model: PhinTransformer, tmp_path: Path) -> None:
    """Fails: striking one low string for ever, which is easy to foretell, improves the score."""
    plain = [wander(seed, num_notes=20) for seed in range(3)]
    scores = []
    for name, tunes in (("bare", plain), ("droned", [with_drone(tune) for tune in plain])):
        store = store_of(tmp_path / name, tunes)
        items = EvaluationTunes(store, TOKENIZER, [0, 1, 2])
        batch = collate([items[k] for k in range(len(items))])
        assert (batch.targets[..., 1][batch.is_note] == 4 + Voice.MELODY).all(), "melodies are handed out alone"
        scores.append(model_bits(model, [batch], progress=False))
    assert scores[0].bits.tolist() == scores[1].bits.tolist()
    assert scores[0].notes.tolist() == scores[1].notes.tolist()


def test_no_tunes_give_no_score() -> None:
    """Fails: an empty split divides by zero after an hour of training."""
    metric = BitsPerNote()
    assert metric.by_tune().bits.shape == (0, NUM_FIELDS)
    assert float(BitsPerNote.compute.__wrapped__(metric)[""]) == 0


def test_a_metric_that_is_reset_begins_anew(model: PhinTransformer) -> None:
    """Fails: each validation is averaged with all before it, and early stopping comes late."""
    metric = metric_of(model, [batch_of(*melodies(3))])
    metric.reset()
    with torch.no_grad():
        metric.update(model(batch_of(TUNES[0]))[0], batch_of(TUNES[0]))
    assert metric.by_tune().bits.tolist() == metric_of(model, [batch_of(TUNES[0])]).by_tune().bits.tolist()


def test_measures_of_tunes_are_their_means_however_they_are_batched() -> None:
    """Fails: a tune counts more because it stood in a small batch; or one without a measure spoils it for all."""
    tunes = [*TUNES, wander(99, num_notes=1)]
    whole, parts = TuneMeasures(), TuneMeasures()
    whole.update(tunes)
    for first in range(0, len(tunes), 3):
        parts.update(tunes[first : first + 3])
    expected = {name: np.nanmean([measures(tune)[name] for tune in tunes]) for name in ("diversity", "on_the_beat")}
    for metric in (whole, parts):
        found = metric.compute()
        assert list(found) == [measure.name for measure in MEASURES]
        for name, value in expected.items():
            assert float(found[name]) == pytest.approx(value)
        assert torch.isnan(found["techniques"]), "nobody said any"
    none = TuneMeasures()
    none.update([])
    assert all(torch.isnan(value) for value in none.compute().values())
