"""How sure the model is and how often right, by field; its bits by place in the tune; and where one tune surprises.

Every prediction is of a held-out note, its tune's notes before it and its own fields before it known.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from phin.batch import PhinBatch, label_masks
from phin.evaluation.intervals import interval_by_family
from phin.model.loss import field_nll
from phin.model.transformer import PhinTransformer
from phin.music.grid import BEAT
from phin.music.phrase import STEPS_PER_HONG, Phrase, hong_before_zero
from phin.tokenizer import FIELDS, HEADLINE_FIELDS, PITCH

NUM_BINS = 10
"""Of confidence, all as wide."""
TIMES = 200
"""Sets of outcomes drawn as the model says, for the error that chance alone would show."""
EDGES = (1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 1025)
"""First notes of the stretches that a tune's bits are read in."""
FEWEST = 5
"""Families that an interval is drawn from."""
LONG = 64
"""Notes of tunes that are read over all stretches up to there, so that these are of the same tunes."""


class Predictions(NamedTuple):
    """Of every label of a field: how likely the likeliest value was, its id, that of what came, its tune's number."""

    confidence: Float[np.ndarray, " label"]
    likeliest: Int[np.ndarray, " label"]
    real: Int[np.ndarray, " label"]
    tune: Int[np.ndarray, " label"]

    @property
    def came(self) -> Bool[np.ndarray, " label"]:
        """Whether the likeliest value is what came."""
        return self.likeliest == self.real


class NoteBits(NamedTuple):
    """Bits of every note: of step, pitch, duration; its place in its tune, from 1; its tune; and notes of its tune."""

    bits: Float[np.ndarray, "note 3"]
    place: Int[np.ndarray, " note"]
    tune: Int[np.ndarray, " note"]
    notes: Int[np.ndarray, " note"]


@torch.inference_mode()
def predictions(model: PhinTransformer, batches: Iterable[PhinBatch]) -> tuple[dict[str, Predictions], NoteBits]:
    """Of each field that has labels, by name; and of every note. Pieces of one tune count as tunes of their own where
    places are counted, since each begins without a past.
    """
    by_field: dict[str, list[tuple[np.ndarray, ...]]] = {field.name: [] for field in FIELDS}
    notes: list[tuple[np.ndarray, ...]] = []
    for batch in batches:
        logits, _ = model(batch)
        masks = label_masks(batch)
        tune = batch.tune[:, None].expand(batch.is_row.shape)
        for index, field in enumerate(FIELDS):
            mask = masks[field.name]
            if index == PITCH:  # of a tune whose octaves were made up, only the class is a label
                mask = mask & ~batch.octave_inferred[:, None]
            confidence, value = logits.fields[index].double().softmax(dim=-1).max(dim=-1)
            columns = (confidence, value, batch.targets[..., index], tune)
            by_field[field.name].append(tuple(column[mask].numpy() for column in columns))
        bits = field_nll(logits, batch)[..., list(HEADLINE_FIELDS)].double() / math.log(2)
        place, count = batch.is_note.cumsum(dim=1), batch.is_note.sum(dim=1, keepdim=True).expand(tune.shape)
        notes.append(tuple(column[batch.is_note].numpy() for column in (bits, place, tune, count)))
    joined = {name: _joined(columns) for name, columns in by_field.items()}
    return {name: Predictions(*columns) for name, columns in joined.items() if len(columns[0])}, NoteBits(
        *_joined(notes)
    )


def _joined(parts: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


class Bin(NamedTuple):
    """Labels that the model was about so sure of."""

    lowest: float
    labels: int
    confidence: float
    came: float
    """The share that the likeliest value came."""
    low: float
    high: float
    """95 %, by family; NaN where there are fewer than FEWEST."""


class Calibration(NamedTuple):
    """A field's reliability: bins that have labels, lowest first.

    `error` is the expected calibration error: the mean over labels of how far confidence and share lie apart in their
    bins (Naeini, Cooper and Hauskrecht 2015). Even a model that is exactly as right as it is sure shows some:
    `by_chance` is its mean over outcomes drawn as the model says, label by label.
    """

    field: str
    labels: int
    error: float
    by_chance: float
    confidence: float
    came: float
    bins: tuple[Bin, ...]


def calibration(field: str, found: Predictions, families: Int[np.ndarray, " tune"], seed: int) -> Calibration:
    """`families` is of every tune of the store, by number."""
    which = _bin_of(found.confidence)
    bins = []
    for number in np.unique(which).tolist():
        inside = which == number
        tunes, place = np.unique(found.tune[inside], return_inverse=True)
        came = np.bincount(place, weights=found.came[inside])
        interval = _interval(came, np.bincount(place), families[tunes])
        share, sure = float(found.came[inside].mean()), float(found.confidence[inside].mean())
        bins.append(Bin(number / NUM_BINS, int(inside.sum()), sure, share, *interval))
    rng = np.random.default_rng(seed)
    drawn = [calibration_error(found.confidence, rng.random(len(which)) < found.confidence) for _ in range(TIMES)]
    error = calibration_error(found.confidence, found.came)
    means = float(found.confidence.mean()), float(found.came.mean())
    return Calibration(field, len(which), error, float(np.mean(drawn)), *means, tuple(bins))


def _interval(
    total: Float[np.ndarray, " tune"], labels: Int[np.ndarray, " tune"], family: Int[np.ndarray, " tune"]
) -> tuple[float, float]:
    """By family; of fewer than FEWEST families none, for so few that agree would look certain."""
    if len(np.unique(family)) < FEWEST:
        return math.nan, math.nan
    return interval_by_family(total, labels, family.astype(np.int64))


def _bin_of(confidence: Float[np.ndarray, " label"]) -> Int[np.ndarray, " label"]:
    return np.minimum((confidence * NUM_BINS).astype(np.int64), NUM_BINS - 1)


def calibration_error(confidence: Float[np.ndarray, " label"], came: Bool[np.ndarray, " label"]) -> float:
    """The expected calibration error over NUM_BINS bins."""
    which = _bin_of(confidence)
    apart = np.bincount(which, weights=confidence - came, minlength=NUM_BINS)
    return float(np.abs(apart).sum() / len(which))


class Stretch(NamedTuple):
    """Notes of so many places in their tunes, and their bits each."""

    of: str
    first: int
    last: int
    tunes: int
    step: float
    pitch: float
    duration: float
    bits: float
    low: float
    high: float


def by_place(notes: NoteBits, families: Int[np.ndarray, " tune"]) -> list[Stretch]:
    """Bits per note over the place in the tune: of all tunes (`all`), and of those of LONG notes or more (`long`), the
    same ones throughout up to there. The end of a tune is no note and is not in it.
    """
    rows = []
    for name, chosen in (("all", notes.place > 0), ("long", (notes.notes >= LONG) & (notes.place <= LONG))):
        for first, after in zip(EDGES, (*EDGES[1:], EDGES[-1] + 1), strict=True):
            inside = chosen & (notes.place >= first) & (notes.place < after)
            tunes, place = np.unique(notes.tune[inside], return_inverse=True)
            if not len(tunes):
                continue
            total = np.bincount(place, weights=notes.bits[inside].sum(axis=1))
            low, high = _interval(total, np.bincount(place), families[tunes])
            step, pitch, duration = notes.bits[inside].mean(axis=0).tolist()
            last = min(after - 1, LONG) if name == "long" else after - 1
            together = step + pitch + duration
            rows.append(Stretch(name, first, last, len(tunes), step, pitch, duration, together, low, high))
    return rows


class HongBits(NamedTuple):
    """Bits of a hong's notes together, and how many they are. Hong are numbered as on a page (`phin.music.picture`)."""

    hong: int
    notes: int
    step: float
    pitch: float
    duration: float
    bits: float


def surprise(phrase: Phrase, bits: Float[np.ndarray, "note 3"]) -> list[HongBits]:
    """By hong, of those in which a note of the melody begins; slots 1 to 3 of a hong lead up to its beat."""
    hong = hong_numbers(phrase)[: len(bits)]
    found = []
    for number in np.unique(hong).tolist():
        step, pitch, duration = bits[hong == number].sum(axis=0).tolist()
        found.append(HongBits(number, int((hong == number).sum()), step, pitch, duration, step + pitch + duration))
    return found


def hong_numbers(phrase: Phrase) -> Int[np.ndarray, " note"]:
    """In which hong each melody note begins."""
    beats = (phrase.melody.onset + BEAT) // STEPS_PER_HONG  # of the beat that its hong ends with
    return (1 + hong_before_zero(phrase.metre) + beats).astype(np.int64)
