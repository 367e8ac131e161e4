"""A sample of held-out tunes, as evaluation reads them: whole melodies, side by side or one alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from phin.batch import PhinBatch, collate
from phin.corpus.store import Store
from phin.data.batching import EVALUATION_ROWS, batches_of_like_length
from phin.data.dataset import EVALUATION_WINDOW, EvaluationTunes
from phin.errors import InvalidConfig
from phin.tokenizer import Tokenizer

SHOWN = range(24, 65)
"""Notes of a tune that is looked at alone, unless somebody chooses another: they can be told apart on one page."""


@dataclass(frozen=True)
class HeldOut:
    """Tunes of a store that no training saw, by number."""

    store: Store
    tokenizer: Tokenizer
    split: str
    tunes: Int[np.ndarray, " tune"]

    @classmethod
    def sample(cls, store: Store, tokenizer: Tokenizer, split: str, count: int, seed: int) -> "HeldOut":
        """So many tunes of a split, or all where it has no more, drawn evenly without return."""
        there = store.split(split)
        chosen = np.random.default_rng((seed, 0)).permutation(there)[:count]
        return cls(store, tokenizer, split, np.sort(chosen))

    @property
    def families(self) -> Int[np.ndarray, " tune"]:
        """Of each tune."""
        return self.store.families[self.tunes].astype(np.int64)

    @property
    def notes(self) -> int:
        """Melody notes of all of them."""
        return sum(len(self.store.phrase(tune).melody) for tune in self.tunes.tolist())

    def batches(self) -> Iterator[PhinBatch]:
        """All of them, the longest first; a tune beyond EVALUATION_WINDOW in pieces."""
        items = EvaluationTunes(self.store, self.tokenizer, self.tunes.tolist())
        for places in batches_of_like_length(items.lengths, EVALUATION_ROWS):
            yield collate([items[place] for place in places.tolist()])

    def alone(self, tune: int) -> PhinBatch:
        """One tune, its first EVALUATION_WINDOW notes."""
        return collate([EvaluationTunes(self.store, self.tokenizer, [tune])[0]])

    def chosen(self, id: str | None, seed: int) -> int:
        """The number of the tune with this id; without one, a tune of the split that SHOWN allows, in a lai if one is.

        Raises InvalidConfig where the split has no such tune.
        """
        there = self.store.split(self.split).tolist()
        if id is not None:
            found = [tune for tune in there if self.store.id(tune) == id]
            if not found:
                remedy = f"take one as {self.store.id(there[0])}, or leave it out"
                raise InvalidConfig(f"tune={id}", f"is no tune of the {self.split} split", remedy)
            return found[0]
        short = [tune for tune in there if len(self.store.phrase(tune).melody) in SHOWN]
        in_lai = [tune for tune in short if self.store.label(tune).lai]
        among = in_lai or short or [min(there, key=lambda tune: int(self.store.lengths[tune]))]
        return among[int(np.random.default_rng((seed, 1)).integers(len(among)))]


assert SHOWN.stop < EVALUATION_WINDOW
