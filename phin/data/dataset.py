"""Tunes of a store as items for batches: augmented for training, as they were written for evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int
from torch.utils.data import Dataset

from phin.batch import Item
from phin.corpus.settings import CorpusConfig, refuse_too_many, refuse_uncountable
from phin.corpus.store import Store
from phin.errors import InvalidConfig
from phin.music.augment import change_chan, named, random_transposition
from phin.music.lai import LAI, LaiLabel
from phin.music.phrase import Phrase
from phin.tokenizer import (
    CONDITIONS,
    DENSITY_CONDITION,
    LAI_CONDITION,
    METRE_CONDITION,
    NO_CLOSING,
    UNKNOWN_CONDITION,
    Encoded,
    Tokenizer,
)

EVALUATION_WINDOW = 1024
"""Notes that are scored in one piece; a longer tune is scored in pieces, each of which starts without a past."""


@dataclass
class DataConfig(CorpusConfig):
    """A corpus, and how training takes tunes from it."""

    batch_notes: int = 1024
    """Notes in a batch, about: each epoch is cut into the same number of batches, none of less than two long tunes."""
    window: int = 512
    """A longer tune is trained on in windows of this many notes, drawn anew each epoch."""
    transpose: bool = True
    """Training tunes are moved to other keys, drawn anew each epoch."""
    chan: float = 0.0
    """Probability that a tune's note values are doubled or halved."""
    drop_condition: float = 0.15
    """Probability that a condition of a training tune is hidden, each by itself; the lai's is below."""
    drop_lai: float = 0.5
    """Probability that a training tune's lai is hidden."""
    drop_closing: float = 0.5
    """Probability that a training tune hides when its last stroke comes, where the model counts down to it."""
    future: float = 0.0
    """Share of the tunes, of those that fit into a window, that are told from their end (`Encoded.future_first`): what
    infilling hears, at the cost of what they would have said."""
    loader_workers: int = 0
    """Processes that make batches ahead of training; 0: a thread does, one optimiser step ahead."""
    share: float = 1.0
    """Of the training families, whole ones, so many are learned from; a smaller share is part of every larger one."""
    overfit: int = 0
    """So many training tunes are all there is to learn and to validate; 0: no such trial."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("chan", "drop_condition", "drop_lai", "drop_closing", "future"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidConfig(f"data.{name}={getattr(self, name)}", "is no probability", "take 0 to 1")
        if not 0 < self.share <= 1:
            raise InvalidConfig(f"data.share={self.share}", "is no share of the tunes", "take above 0, to 1")
        if self.overfit and self.share != 1:
            reason = f"means nothing where {self.overfit} tunes are learned from"
            raise InvalidConfig(f"data.share={self.share}", reason, "leave it out, or data.overfit")
        for name in ("batch_notes", "window", "overfit"):
            refuse_uncountable(f"data.{name}", getattr(self, name))
        least = {"batch_notes": 1, "window": 2, "loader_workers": 0, "overfit": 0}
        for name, number in least.items():
            if getattr(self, name) < number:
                raise InvalidConfig(f"data.{name}={getattr(self, name)}", "is too small", f"take at least {number}")
        refuse_too_many("data.loader_workers", self.loader_workers)


Key = tuple[int, int]
"""Epoch and tune number: all that an item depends on besides the seed, so any worker makes the same one."""


class TrainingTunes(Dataset[Item]):
    """Augmented tunes with some conditions hidden, each a function of (seed, epoch, tune)."""

    def __init__(self, store: Store, tokenizer: Tokenizer, config: DataConfig, seed: int) -> None:
        self.store, self.tokenizer, self.config, self.seed = store, tokenizer, config, seed

    def __getitem__(self, key: Key) -> Item:
        epoch, tune = key
        rng = np.random.default_rng((self.seed, epoch, tune))
        phrase, found = self.augment(self.store.phrase(tune), self.store.label(tune), rng)
        drop = np.full(len(CONDITIONS), self.config.drop_condition)
        drop[LAI_CONDITION] = self.config.drop_lai
        hidden = rng.random(len(CONDITIONS)) < drop
        conditions = self.tokenizer.conditions(phrase)
        without_metre = replace(phrase, metre=None)
        if hidden[METRE_CONDITION] and self.tokenizer.holds(without_metre):
            phrase = without_metre  # its bars are hidden with it; a pickup longer than four quarters needs them
        else:
            hidden[METRE_CONDITION] = False
        encoded = self.tokenizer.encode(phrase).closing_told()
        if len(phrase) > self.config.window:
            start = int(rng.integers(len(phrase) - self.config.window + 1))
            encoded = encoded.window(start, self.config.window)
        elif self.config.future and rng.random() < self.config.future:
            begins = 1 + np.flatnonzero(np.diff(phrase.onset))
            encoded = encoded.future_first(int(rng.choice(begins))) if len(begins) else encoded
        if rng.random() < self.config.drop_closing:  # drawn last, so that nothing else hangs on it
            encoded = replace(encoded, closing=NO_CLOSING)
        return _item(phrase, encoded, np.where(hidden, UNKNOWN_CONDITION, conditions), found, tune)

    def augment(self, phrase: Phrase, found: LaiLabel, rng: np.random.Generator) -> tuple[Phrase, LaiLabel]:
        """The phrase as this epoch hears it, its lai named where it has one."""
        if self.config.transpose:
            phrase, found = random_transposition(phrase, found, rng)
        else:
            phrase = named(phrase, found)
        if self.config.chan and rng.random() < self.config.chan:
            numerator, denominator = (2, 1) if rng.random() < 0.5 else (1, 2)
            changed = change_chan(phrase, numerator, denominator)
            phrase = changed if changed is not None and self.tokenizer.holds(changed) else phrase
        return phrase, found


class EvaluationTunes(Dataset[Item]):
    """Melodies as they were written, each in pieces of `EVALUATION_WINDOW` notes (`held_out_item`)."""

    def __init__(self, store: Store, tokenizer: Tokenizer, tunes: Sequence[int]) -> None:
        self.store, self.tokenizer = store, tokenizer
        notes = {tune: len(store.phrase(tune).melody) for tune in tunes}
        self.pieces = [(tune, start) for tune in tunes for start in range(0, notes[tune], EVALUATION_WINDOW)]
        self.lengths = np.array([min(notes[tune] - start, EVALUATION_WINDOW) for tune, start in self.pieces], dtype=int)

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, place: int) -> Item:
        tune, start = self.pieces[place]
        return held_out_item(self.tokenizer, self.store.phrase(tune), self.store.label(tune), tune, start)


def held_out_item(
    tokenizer: Tokenizer, phrase: Phrase, found: LaiLabel | None = None, tune: int = 0, start: int = 0
) -> Item:
    """A piece of a tune's melody as it was written, from note `start` on; lai and density are hidden: both are read off
    the notes and would give some away.
    """
    melody = phrase.melody
    conditions = tokenizer.conditions(melody)
    conditions[[LAI_CONDITION, DENSITY_CONDITION]] = UNKNOWN_CONDITION
    encoded = tokenizer.encode(melody).window(start, EVALUATION_WINDOW)
    return _item(melody, encoded, conditions, found or LaiLabel(), tune)


def _item(
    phrase: Phrase, encoded: Encoded, conditions: Int[np.ndarray, " condition"], found: LaiLabel, tune: int
) -> Item:
    """A hidden metre hides the bar as well, else the one would tell the other."""
    if conditions[METRE_CONDITION] == UNKNOWN_CONDITION:
        encoded = replace(encoded, bar=0)
    return Item(
        encoded,
        conditions,
        lai=LAI.index(found.lai) if found.lai else -1,
        root=-1 if found.root is None else found.root,
        tune=tune,
        inferred=phrase.inferred,
        techniques_from=phrase.techniques_from,
    )
