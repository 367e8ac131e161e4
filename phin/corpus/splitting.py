"""Which tunes are held out: whole families, named by a list or told by a hash of the id of the family's first tune."""

import hashlib
from array import array
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float64, Int, Int8

from phin.corpus.store import SPLITS

TRAIN, VALIDATION, TEST = range(len(SPLITS))
"""Indices into SPLITS."""
LEFT_OUT = -1
"""The split of a training tune whose kin are held out by a list: none."""


class Splitting:
    """Tunes as they come, and in the end their splits; of a tune there stay ten bytes, and not its id.

    `listed` has the ids of held-out tunes and their splits; without it, `held_out` is the share of the families that
    go to validation and to testing, each.
    """

    def __init__(self, listed: Mapping[str, str] | None, held_out: float) -> None:
        self._listed, self._held_out = listed, held_out
        self._places, self._named, self._made = array("d"), array("b"), array("B")

    def add(self, id: str, is_made: bool) -> None:
        """The next tune, and whether phin made it."""
        self._made.append(is_made)
        if self._listed is None:
            self._places.append(place_of(id))
        else:
            self._named.append(SPLITS.index(self._listed.get(id, "train")))

    def __len__(self) -> int:
        return len(self._made)

    @property
    def is_made(self) -> Bool[np.ndarray, " tune"]:
        """Whether phin made each tune."""
        return np.array(self._made, dtype=bool)

    @property
    def names_none(self) -> bool:
        """Whether there is a list, and no tune is on it."""
        return self._listed is not None and set(self._named) <= {TRAIN}

    def splits(self, family: Int[np.ndarray, " tune"]) -> Int8[np.ndarray, " tune"]:
        """The split of each tune, as TRAIN, VALIDATION, TEST or LEFT_OUT; families are numbered by their first tune.

        What phin makes itself is trained on and never measured, unless there is nothing else; so only families with
        other tunes in them are split.
        """
        if self._listed is None:
            of_family = np.full(len(family), TRAIN, dtype=np.int8)
            counts = (family == np.arange(len(family))) & self.is_made.all()
            counts[family[~self.is_made]] = True  # of those that may be measured, some are
            of_family[counts] = split_families(np.frombuffer(self._places)[counts], self._held_out)
            split = of_family[family]
        else:
            split = np.array(self._named, dtype=np.int8)
        if not self.is_made.all():
            split[self.is_made] = TRAIN
        holds_out = np.zeros(len(family), dtype=bool)
        holds_out[family[split != TRAIN]] = True
        split[(split == TRAIN) & holds_out[family]] = LEFT_OUT
        return split


def split_families(place: Float64[np.ndarray, " family"], held_out: float = 0.1) -> Int8[np.ndarray, " family"]:
    """The split of each family by the place of its first tune's id (`place_of`): the first `held_out` of the way from
    0 to 1 is testing, the next validation.

    Of a few families, one at least is held out for validation and one for testing: where a split of three or more
    families would be empty, the split that has most gives it the family whose place lies nearest. Fewer than three
    families all go to training.
    """
    if len(place) < len(SPLITS):
        return np.full(len(place), TRAIN, dtype=np.int8)
    split = np.where(place < held_out, TEST, np.where(place < 2 * held_out, VALIDATION, TRAIN)).astype(np.int8)
    for empty in (TEST, VALIDATION, TRAIN):
        kinds, first, counts = np.unique(split, return_index=True, return_counts=True)
        if empty not in kinds:
            most = kinds[np.lexsort((first, -counts))[0]]
            candidates = np.where(split == most, place, np.nan)
            split[np.nanargmax(candidates) if empty == TRAIN else np.nanargmin(candidates)] = empty
    return split


def place_of(id: str) -> float:
    """A number from 0 to 1 that depends on the id alone."""
    return int.from_bytes(hashlib.sha256(f"phin:{id}".encode()).digest()[:8]) / 2**64
