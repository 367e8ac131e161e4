"""Calibration: errors as a loop has them, bits that add up to the model's, hong as a page has them."""

import math

import numpy as np
import pytest
import torch

from phin.evaluation.inside.calibration import (
    EDGES,
    LONG,
    NUM_BINS,
    NoteBits,
    Predictions,
    by_place,
    calibration,
    calibration_error,
    hong_numbers,
    predictions,
    surprise,
)
from phin.evaluation.metrics import BitsPerNote
from phin.music.grid import begin_of
from phin.music.phrase import STEPS_PER_HONG, Metre
from phin.tokenizer import FIELDS, HEADLINE_FIELDS, PITCH, STEP
from tests.tiny import PHRASE, batch_of, melodies, tiny_model
from tests.tunes import wander

RNG = np.random.default_rng(0)


def made(confidence: np.ndarray, came: np.ndarray) -> Predictions:
    """Predictions of these confidences: id 5 is likeliest, and comes or does not."""
    return Predictions(confidence, np.full(len(came), 5), np.where(came, 5, 6), np.arange(len(came)) % 7)


def test_the_error_is_how_far_sure_and_right_lie_apart_bin_by_bin() -> None:
    """Fails: a model that is half too sure and half too modest is called well calibrated."""
    confidence, came = RNG.random(500), RNG.random(500) < 0.4
    expected = 0.0
    for number in range(NUM_BINS):
        inside = [place for place in range(500) if number / 10 <= confidence[place] < (number + 1) / 10]
        expected += abs(sum(confidence[p] - came[p] for p in inside)) / 500
    assert calibration_error(confidence, came) == pytest.approx(expected)
    assert calibration_error(np.ones(3), np.ones(3, bool)) == 0


def test_who_is_as_right_as_sure_shows_no_more_error_than_chance() -> None:
    """Fails: noise is called a fault, or a fault noise."""
    confidence = RNG.random(4000)
    good = calibration("pitch", made(confidence, RNG.random(4000) < confidence), np.arange(7), 0)
    vain = calibration("pitch", made(confidence, RNG.random(4000) < confidence**2), np.arange(7), 0)
    assert good.error < 2 * good.by_chance
    assert vain.error > 8 * vain.by_chance
    assert good.labels == sum(each.labels for each in good.bins) == 4000
    for each in vain.bins:
        assert each.low <= each.came <= each.high
        assert each.lowest <= each.confidence < each.lowest + 0.1


def test_few_families_that_agree_are_not_called_certain() -> None:
    """Fails: three labels of two tunes, all right, have an interval without width."""
    few = calibration("step", made(np.full(3, 0.35), np.ones(3, bool)), np.arange(7), 0)
    assert np.isnan([few.bins[0].low, few.bins[0].high]).all()
    by_family = calibration("step", made(np.full(70, 0.35), np.arange(70) % 7 < 3), np.array([0, 1, 2, 3, 4, 5, 5]), 0)
    by_tune = calibration("step", made(np.full(70, 0.35), np.arange(70) % 7 < 3), np.arange(7), 0)
    assert by_family.bins[0].low != by_tune.bins[0].low, "whole families are drawn"


def test_predictions_are_the_likeliest_values_of_every_label() -> None:
    """Fails: padding counts as foretold, or a field as another."""
    model, phrases = tiny_model(), [PHRASE.melody, *(tune.melody for tune in melodies(2))]
    batch = batch_of(*phrases)
    by_field, _ = predictions(model, [batch])
    assert set(by_field) >= {"step", "voice", "pitch", "duration"}
    logits, _ = model(batch)
    found = by_field["pitch"]
    expected = []
    for row, phrase in enumerate(phrases):
        for note in range(len(phrase)):
            shares = logits.fields[PITCH][row, note].softmax(dim=-1)
            came = int(shares.argmax()) == int(batch.targets[row, note, PITCH])
            expected.append((float(shares.max().detach()), came, row))
    confidence, came, tune = zip(*expected, strict=True)
    np.testing.assert_allclose(found.confidence, confidence)
    assert found.came.tolist() == list(came)
    assert found.tune.tolist() == list(tune)
    assert len(by_field["step"].tune) == len(found.tune) + len(phrases), "the end is a step too"


def test_bits_of_notes_add_up_to_the_models() -> None:
    """Fails: the curve over the tune is of other bits than the headline."""
    model, batch = tiny_model(), batch_of(*(tune.melody for tune in melodies(4)))
    _, notes = predictions(model, [batch])
    metric = BitsPerNote()
    logits, _ = model(batch)
    metric.update(logits, batch)
    whole = metric.by_tune()
    for tune in range(4):
        inside = notes.tune == tune
        end = int(whole.notes[tune])
        of_end = -float(logits.fields[STEP][tune, end].log_softmax(dim=-1)[batch.targets[tune, end, STEP]].detach())
        assert notes.bits[inside].sum() == pytest.approx(whole.headline[tune] - of_end / math.log(2))
        assert notes.place[inside].tolist() == list(range(1, end + 1))
        assert (notes.notes[inside] == end).all()
    assert [FIELDS[f].name for f in HEADLINE_FIELDS] == ["step", "pitch", "duration"]


def test_stretches_are_means_over_their_notes_and_long_tunes_are_the_same_ones() -> None:
    """Fails: the curve falls because short tunes end, and is said to fall because the model listens."""
    place = np.concatenate([np.arange(1, 100), np.arange(1, 11)])
    tune, notes = np.repeat([0, 1], [99, 10]), np.repeat([99, 10], [99, 10])
    bits = np.stack([place, np.ones_like(place), np.zeros_like(place)], axis=1).astype(float)
    rows = by_place(NoteBits(bits, place, tune, notes), np.array([3, 4]))
    long = [row for row in rows if row.of == "long"]
    assert {row.tunes for row in long} == {1}
    assert (long[0].first, long[-1].last) == (1, LONG)
    every = {row.first: row for row in rows if row.of == "all"}
    assert (every[1].tunes, every[17].tunes) == (2, 1)
    assert every[5].step == pytest.approx(np.mean([5, 6, 7, 8]))
    assert every[5].bits == pytest.approx(7.5)
    assert every[9].step == pytest.approx(np.mean([*range(9, 17), 9, 10]))
    assert list(every) == [first for first in EDGES if first < 100]


@pytest.mark.parametrize("metre", [Metre(2, 4), Metre(4, 4), Metre(3, 4), None], ids=str)
def test_hong_are_counted_as_on_a_page(metre: Metre | None) -> None:
    """Fails: the picture shades the hong beside the surprising one."""
    tune = wander(0, num_notes=30, metre=metre)
    begins = begin_of(tune)
    expected = [1 + (onset - begins) // STEPS_PER_HONG for onset in tune.onset.tolist()]
    assert hong_numbers(tune).tolist() == expected


def test_a_tunes_surprises_are_all_of_its_bits() -> None:
    """Fails: a note is surprising in no hong."""
    model = tiny_model()
    with torch.no_grad():
        _, notes = predictions(model, [batch_of(PHRASE.melody)])
    found = surprise(PHRASE, notes.bits)
    assert sum(each.bits for each in found) == pytest.approx(notes.bits.sum())
    assert sum(each.notes for each in found) == len(PHRASE.melody)
    first = found[0]
    inside = hong_numbers(PHRASE) == first.hong
    assert first.pitch == pytest.approx(notes.bits[inside, 1].sum())
