"""Bits per note, the number this project stands on, and the measures of tunes: both gathered over batches."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from phin.batch import PhinBatch, label_masks
from phin.model.loss import field_nll
from phin.model.transformer import PhinLogits
from phin.music.measures import MEASURES, measures
from phin.music.phrase import Phrase
from phin.tokenizer import FIELDS, HEADLINE_FIELDS, NUM_FIELDS


class TuneBits(NamedTuple):
    """Bits of every tune, a row a tune: of each field (FIELDS) and of how many labels, how many notes, and the tune's
    number in its store.
    """

    bits: Float[np.ndarray, "tune field"]
    labels: Int[np.ndarray, "tune field"]
    notes: Int[np.ndarray, " tune"]
    tune: Int[np.ndarray, " tune"]

    @property
    def headline(self) -> Float[np.ndarray, " tune"]:
        """Bits of step, pitch and duration together."""
        return self.bits[:, list(HEADLINE_FIELDS)].sum(axis=1)


class BitsPerNote(Metric):
    """Bits of step, pitch and duration a melody note, by tune, however the tunes are batched.

    The end of a tune is a step like any other, and its bits count: the sum is the length of a code for the whole
    tune. Expects melodies without accompaniment (`EvaluationTunes` hands out nothing else), so that no drone can
    improve it.
    """

    full_state_update = False
    higher_is_better = False

    def __init__(self) -> None:
        super().__init__()
        for name in TuneBits._fields:
            self.add_state(name, default=[], dist_reduce_fx="cat")
        self.bits: list[Tensor]
        self.labels: list[Tensor]
        self.notes: list[Tensor]
        self.tune: list[Tensor]

    def update(self, logits: PhinLogits, batch: PhinBatch) -> None:
        """Adds the tunes of a batch."""
        self.bits.append(field_nll(logits, batch).sum(dim=1).double() / math.log(2))
        masks = label_masks(batch)
        self.labels.append(torch.stack([masks[field.name].sum(dim=1) for field in FIELDS], dim=1))
        self.notes.append(batch.is_note.sum(dim=1))
        self.tune.append(batch.tune)

    def compute(self) -> dict[str, Tensor]:
        """Bits a note in all (`""`) and by headline field."""
        tunes = self.by_tune()
        notes = max(int(tunes.notes.sum()), 1)
        whole = {"": torch.tensor(tunes.headline.sum() / notes)}
        by_field = {FIELDS[f].name: torch.tensor(tunes.bits[:, f].sum() / notes) for f in HEADLINE_FIELDS}
        return whole | by_field

    def by_tune(self) -> TuneBits:
        """A row a tune, by its number; pieces of one tune are added up."""
        if not len(self.tune):
            none = np.zeros(0, np.int64)
            return TuneBits(np.zeros((0, NUM_FIELDS)), np.zeros((0, NUM_FIELDS), np.int64), none, none)
        states = (self.bits, self.labels, self.notes, self.tune)
        joined = [torch.cat(list(state)) if isinstance(state, list) else state for state in states]
        pieces = TuneBits(*(tensor.cpu().numpy() for tensor in joined))
        numbers, place = np.unique(pieces.tune, return_inverse=True)

        def by_tune(column: np.ndarray) -> np.ndarray:
            total = np.zeros((len(numbers), *column.shape[1:]), dtype=column.dtype)
            np.add.at(total, place, column)
            return total

        return TuneBits(by_tune(pieces.bits), by_tune(pieces.labels), by_tune(pieces.notes), numbers)


class TuneMeasures(Metric):
    """The mean of each of MEASURES over tunes, however they are batched; NaN for one that no tune has.

    Of several processes each adds its own tunes, unless `sync_on_compute` says that they are not to be waited for.
    """

    full_state_update = False

    def __init__(self, sync_on_compute: bool = True) -> None:
        super().__init__(sync_on_compute=sync_on_compute)
        self.add_state("values", default=[], dist_reduce_fx="cat")
        self.values: list[Tensor]

    def update(self, tunes: Sequence[Phrase]) -> None:
        """Adds tunes, a row each."""
        if tunes:
            rows = [list(measures(tune).values()) for tune in tunes]
            self.values.append(torch.tensor(rows, dtype=torch.float64))

    def compute(self) -> dict[str, Tensor]:
        """By name."""
        states = self.values
        none = torch.full((1, len(MEASURES)), torch.nan, dtype=torch.float64)
        values = (torch.cat(list(states)) if len(states) else none) if isinstance(states, list) else states
        return {measure.name: values[:, place].nanmean() for place, measure in enumerate(MEASURES)}
