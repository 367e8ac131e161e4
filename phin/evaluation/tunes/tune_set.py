"""Tunes that are measured together: those of a model, of a folder, of a corpus, of a baseline."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int

from phin.corpus.families import families
from phin.corpus.sources import MADE
from phin.corpus.store import Store
from phin.errors import InvalidConfig, PhinError
from phin.music import abc
from phin.music.grid import begin_of, hong_of
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG, Metre, Phrase
from phin.music.readers import READERS
from phin.whole_file import is_half_written

FORMS = (".mid", ".midi", ".abc", ".tab", ".txt")
"""What a tune is read from, that first which says most of it."""
assert set(FORMS) == set(READERS)


FEW = 64
"""Real tunes that close where others do: fewer are no measure, and real ones that close elsewhere are taken too."""


class Within(Enum):
    """In what tunes must close at the same place."""

    LINE = "that close at the same place of a line"
    BAR = "that close at the same place of the bar"
    NOTHING = "wherever they close"

    def steps(self, metre: Metre) -> int:
        """How long that is: a bar instead of a line, where bars do not divide one."""
        if self is Within.NOTHING:
            return 1
        return HONG_PER_LINE * STEPS_PER_HONG if self is Within.LINE and metre.divides_a_line else metre.bar


@dataclass(frozen=True)
class Alike:
    """What a real tune must be to stand beside others: in one of their metres, and closing where one of them does; in
    any metre that divides a line, where they have none.

    Where a tune closes says how it moves. Of folk's training tunes in 2/4 those that close on the downbeat run in
    sixteenths in 24 of a hundred steps, those that close a beat later in 60; and those that are whole lines long keep
    their rhythm from line to line, others less (`experiments/reading`).
    """

    closings: frozenset[tuple[Metre, int]]
    """Metres, and steps at which a last melody note begins."""
    within: Within

    @classmethod
    def to(cls, tunes: Sequence[Phrase], store: Store, split: str) -> "Alike":
        """To tunes: as narrowly as enough real ones of the split are."""
        closings = frozenset(_closing(tune) for tune in tunes if tune.metre is not None)
        real = [store.phrase(number) for number in store.split(split).tolist()]
        ways = [cls(closings, within) for within in Within]
        return next((way for way in ways if sum(map(way.takes, real)) >= FEW), ways[-1])

    def takes(self, tune: Phrase) -> bool:
        """Whether a tune is one of these. None is that was made by rule, or has no melody."""
        if tune.metre is None or tune.source in MADE or not tune.is_melody.any():
            return False
        if not self.closings:
            return tune.metre.divides_a_line
        return self._place(*_closing(tune)) in self._places

    @cached_property
    def _places(self) -> set[tuple[Metre, int]]:
        return {self._place(metre, step) for metre, step in self.closings}

    def _place(self, metre: Metre, step: int) -> tuple[Metre, int]:
        """A closing, as far as it counts."""
        return metre, step % self.within.steps(metre)

    @property
    def metres(self) -> set[Metre]:
        """Those that the others are in."""
        return {metre for metre, _ in self.closings}

    def __str__(self) -> str:
        return f"in the same metres {self.within.value}" if self.closings else "in any metre that divides a line"


def _closing(tune: Phrase) -> tuple[Metre, int]:
    assert tune.metre is not None
    return tune.metre, int(tune.melody.onset[-1])


@dataclass(frozen=True)
class TuneSet:
    """Tunes that each have a melody note, a name and a family; versions of one tune are not independent."""

    name: str
    tunes: list[Phrase]
    ids: list[str]
    family: Int[np.ndarray, " tune"]
    refused: list[str] = field(default_factory=list)
    """Files that were no tunes, and why, a line each."""

    def __len__(self) -> int:
        return len(self.tunes)


def drawn(name: str, tunes: Sequence[Phrase]) -> TuneSet:
    """New tunes, each a family of its own; one without a melody note is told as refused. Raises PhinError for none."""
    heard = [tune for tune in tunes if tune.is_melody.any()]
    if not heard:
        raise PhinError(name, "have no melody note", "draw others, with another seed or more of them")
    silent = [f"{tune.title}: has no melody note." for tune in tunes if not tune.is_melody.any()]
    return TuneSet(name, heard, [tune.title for tune in heard], np.arange(len(heard)), silent)


def read_folder(folder: str | Path, key: str = "tunes") -> TuneSet:
    """All tunes of a folder and those below it, in any form that is read; families are found by title and notes.

    Of files with one name and several endings, as phin-generate writes them, the first of FORMS that can be read is,
    and the others are told as refused, for they are one tune; what a command that was killed had half written is none.
    Raises PhinError, under the key that the folder was named by, where there is none, or where one was made by phin's
    own rules.
    """
    if not Path(folder).is_dir():
        reason = "is a file, and no folder" if Path(folder).is_file() else "is no folder"
        raise InvalidConfig(f"{key}={folder}", reason, "name one that holds tunes")
    tunes, ids, refused = list[Phrase](), list[str](), list[str]()
    there = (path for path in Path(folder).rglob("*") if path.suffix.casefold() in READERS and path.is_file())
    files = [path for path in there if not is_half_written(path.relative_to(folder))]
    is_read = dict[Path, Path]()
    for path in sorted(files, key=lambda path: (path.with_suffix(""), _form(path))):
        if (instead := is_read.get(path.with_suffix(""))) is not None:
            refused.append(f"{path}: {instead.name} is read, which has the same name.")
            continue
        try:
            found = _tunes_of(path)
        except PhinError as error:
            refused.append(str(error))
            continue
        if any(isinstance(each, Phrase) for each in found):
            is_read[path.with_suffix("")] = path
        name = path.relative_to(folder).as_posix()
        for number, tune in enumerate(found, start=1):
            if isinstance(tune, PhinError):
                refused.append(str(tune))
                continue
            if tune.source in MADE:
                reason = "was made by phin's own rules, and says nothing about music"
                raise PhinError(path, reason, "leave it out: nothing is measured on synthetic pieces")
            if tune.is_melody.any():
                tunes.append(tune)
                ids.append(name if len(found) == 1 else f"{name}#{number}")
            else:
                refused.append(f"{path}: has no melody note.")
    if not tunes:
        why = f" ({refused[0]})" if refused else ""
        remedy = f"give it files that end in {', '.join(READERS)}"
        raise PhinError(f"{key}={folder}", f"holds no tune that can be read{why}", remedy)
    return TuneSet(str(folder), tunes, ids, families(tunes), refused)


def _tunes_of(path: Path) -> Sequence[Phrase | PhinError]:
    """Those of a file. One bad tune of a collection costs itself alone."""
    return abc.read_each(path) if path.suffix.casefold() == ".abc" else READERS[path.suffix.casefold()](path).tunes


def _form(path: Path) -> int:
    return FORMS.index(path.suffix.casefold())


def held_out(store: Store, split: str, alike: Alike, most: int, seed: int, hong: int | None = None) -> TuneSet:
    """Real tunes of a split.

    Of more than `most`, so many are drawn; of longer ones than `hong`, the last so many are taken. Raises PhinError
    where there is none.
    """
    return _of_store(store, split, alike, most, seed, hong, f"held-out tunes ({split})")


def learned(store: Store, alike: Alike, most: int, seed: int, hong: int | None = None) -> TuneSet:
    """Training tunes, likewise."""
    return _of_store(store, "train", alike, most, seed, hong, "training tunes")


def last_hong(tune: Phrase, hong: int) -> Phrase:
    """The tune's end, of which most is told: its melody's last so many hong, to where its page ends."""
    melody = tune.melody
    begins = begin_of(melody)
    first = begins + (hong_of(melody, begins) - hong) * STEPS_PER_HONG
    kept = melody.onset >= first
    return melody if kept.all() else replace(melody, rows=melody.rows[kept], deviation=None, words=())


def _of_store(store: Store, split: str, alike: Alike, most: int, seed: int, hong: int | None, name: str) -> TuneSet:
    numbers = store.split(split)[np.argsort(np.random.default_rng(seed).random(len(store.split(split))))]
    tunes, ids, family = list[Phrase](), list[str](), list[int]()
    for number in numbers.tolist():
        if len(tunes) == most:
            break
        tune = store.phrase(number)
        if not alike.takes(tune):
            continue
        heard = tune.melody if hong is None else last_hong(tune, hong)
        if len(heard):  # nothing begins in an end that is one long note
            tunes.append(heard)
            ids.append(store.id(number))
            family.append(int(store.families[number]))
    if not tunes:
        said = ", ".join(sorted(map(str, alike.metres))) or "2/4"
        reason = f"has no real tune in {said} to set others beside"
        raise PhinError(f"the {split} split of {store.folder.name}", reason, "take another corpus, as data=folk")
    return TuneSet(name, tunes, ids, np.array(family))
