"""The tunes of the study, and how every arm meets them: in one order, transposed alike, told the same conditions."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path

import numpy as np
from jaxtyping import Int

from experiments.against_peers.plan import PLAN
from phin.batch import Item
from phin.corpus.intake import prepare
from phin.corpus.settings import FOLK
from phin.corpus.store import SPLITS, Store
from phin.data.batching import batches_of_like_length, epoch_batches
from phin.data.dataset import DataConfig, EvaluationTunes, TrainingTunes
from phin.errors import MissingCorpus
from phin.music.augment import transpose
from phin.music.phrase import Phrase
from phin.tokenizer import FIELDS, NUM_SYMBOLS, PITCH, Tokenizer
from phin.whole_file import whole_file

LEFT_OUT = Path(__file__).parent / "left_out.csv"
SCORED_NOTES = 2048
"""Notes, padding included, that are scored side by side."""


@dataclass(frozen=True)
class Example:
    """A tune as an arm meets it. All arms read the same conditions, `item.conditions`.

    `phrase` always has its metre, for whoever writes bar lines; where the metre is hidden among the conditions,
    phin's own rows, `item.encoded`, know of no bars.
    """

    phrase: Phrase
    item: Item

    @property
    def notes(self) -> int:
        return len(self.phrase)


class Melodies(Store):
    """A corpus's melodies alone, without the tunes that some arm cannot hold, on the corpus's own splits."""

    def __init__(self, store: Store, left_out: Sequence[str] = ()) -> None:
        super().__init__(store.folder)
        names = set(left_out)
        self.kept = np.array([self.id(tune) not in names for tune in range(len(self))])

    def split(self, name: str) -> Int[np.ndarray, " tune"]:
        tunes = super().split(name)
        return tunes[self.kept[tunes]]

    def phrase(self, tune: int) -> Phrase:
        return super().phrase(tune).melody

    @cached_property
    def lengths(self) -> Int[np.ndarray, " tune"]:
        return np.array([len(self.phrase(tune)) for tune in range(len(self))])


class Corpus:
    """What is learned from and what is held out."""

    def __init__(self, melodies: Melodies, config: DataConfig, held_out: int | None = None) -> None:
        self.melodies, self.config, self.num_held_out = melodies, config, held_out
        self.tokenizer = Tokenizer(sources=melodies.sources)
        if longer := [melodies.id(int(t)) for name in SPLITS for t in melodies.split(name) if self._too_long(int(t))]:
            raise MissingCorpus(
                longer[0], "is longer than a window, and no arm cuts tunes", f"leave it out: {LEFT_OUT}"
            )

    def _too_long(self, tune: int) -> bool:
        return bool(self.melodies.lengths[tune] > self.config.window)

    def training_batches(self, seed: int) -> Iterator[list[Example]]:
        """Batch after batch, epoch after epoch: phin's own tunes, transpositions and hidden conditions of this seed."""
        tunes = TrainingTunes(self.melodies, self.tokenizer, self.config, seed)
        train = self.melodies.split("train")
        for epoch in count():
            for batch in epoch_batches(self.melodies.lengths[train], self.config.batch_notes, seed, epoch):
                yield [self._example(tunes[epoch, int(train[place])]) for place in batch]

    def held_out(self, split: str) -> list[Example]:
        """A split's melodies (or as many as were asked for) as they were written, the lai and the density hidden."""
        numbers = self.melodies.split(split)[: self.num_held_out].tolist()
        tunes = EvaluationTunes(self.melodies, self.tokenizer, numbers)
        return [self._example(tunes[place]) for place in range(len(tunes))]

    def _example(self, item: Item) -> Example:
        """Puts the phrase beside phin's item of it, by as many semitones as that was moved."""
        phrase = self.melodies.phrase(item.tune)
        first = int(item.encoded.ids[1, PITCH]) - NUM_SYMBOLS + FIELDS[PITCH].lowest
        return Example(transpose(phrase, first - int(phrase.pitch[0])), item)


def folk_config(cache: str) -> DataConfig:
    """The default corpus."""
    return DataConfig("folk", list(FOLK), splits="folk", cache=cache, batch_notes=PLAN.batch_notes)


def folk(cache: str, held_out: int | None = None) -> Corpus:
    """The default corpus without the tunes listed in left_out.csv."""
    config = folk_config(cache)
    with open(LEFT_OUT, encoding="utf-8", newline="") as file:
        left_out = [row["tune"] for row in csv.DictReader(file)]
    return Corpus(Melodies(prepare(config), left_out), config, held_out)


def write_left_out(reasons: dict[str, str]) -> None:
    """left_out.csv from the tunes' ids and why they are left out."""
    with whole_file(LEFT_OUT) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("tune", "why"))
        table.writerows(reasons.items())


def side_by_side(examples: Sequence[Example]) -> list[list[Example]]:
    """Held-out tunes in batches of like length."""
    lengths = np.array([example.notes for example in examples])
    return [[examples[place] for place in batch] for batch in batches_of_like_length(lengths, SCORED_NOTES)]
