"""Every form a tune can be read from: the endings of files, and who reads each. The one table of them."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from phin.errors import InvalidConfig, PhinError
from phin.music import abc, midi, notation, tablature
from phin.music.page import PageReading
from phin.music.perform import Curve
from phin.music.phrase import Phrase

FEWEST_NOTES = 1
"""Of a MIDI file that somebody opens; a corpus asks for more (`midi.MIN_NOTES`)."""


class Source(NamedTuple):
    """Tunes of a file, what was mended or guessed to read them, a line each, and the bends of its rows."""

    tunes: Sequence[Phrase]
    repairs: Sequence[str] = ()
    bends: Mapping[int, Curve] = {}


def _page(read: Callable[[Path], PageReading]) -> Callable[[Path], Source]:
    """A reader of pages, which hold one tune."""

    def source(path: Path) -> Source:
        reading = read(path)
        return Source([reading.phrase], reading.repairs)

    return source


def _midi(path: Path) -> Source:
    reading = midi.read_midi(path, min_notes=FEWEST_NOTES)
    return Source([reading.phrase], reading.repairs, reading.bends)


READERS: dict[str, Callable[[Path], Source]] = {
    ".txt": _page(notation.read_letters),
    ".tab": _page(tablature.read_tablature),
    ".mid": _midi,
    ".midi": _midi,
    ".abc": lambda path: Source(abc.read_abc(path)),
}
"""By ending. Each raises PhinError where the file is no tune."""


def read_tune(path: Path) -> Phrase:
    """The one tune of a file. Raises PhinError where it has none, or several, or nobody reads such files."""
    read = READERS.get(path.suffix.casefold())
    if read is None and os.path.isdir(path):
        raise PhinError(path, "is a folder", "name a file in it")
    if read is None:
        raise InvalidConfig(path, "is of no form that a tune is read from", f"take one of {', '.join(READERS)}")
    tunes = read(path).tunes
    if len(tunes) != 1:
        raise PhinError(path, f"holds {len(tunes)} tunes", "give a file with one: phin-convert --tune takes one out")
    return tunes[0]
