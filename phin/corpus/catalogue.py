"""The files of a corpus and their marks, on the disk: a corpus is taken in without all of their names in memory."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from phin.corpus.files import Unit


class Catalogue:
    """Files as they are found, and then all of them in that order, as often as one likes, but once at a time.

    They lie in an unnamed file in `folder`, or where the system keeps such if nothing can be put there: whoever only
    looks whether a corpus is prepared needs no room in the cache.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._file = tempfile.TemporaryFile("w+", encoding="ascii", dir=folder)
        except OSError:
            self._file = tempfile.TemporaryFile("w+", encoding="ascii")
        self._length = 0

    def __enter__(self) -> "Catalogue":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._length

    def add(self, unit: Unit, mark: int) -> None:
        """The next file, and what its reading depends on, as a hash (`phin.corpus.journal.mark_of`)."""
        path = None if unit.path is None else str(unit.path)
        self._file.write(json.dumps([path, unit.source, unit.id, unit.pieces, mark]) + "\n")
        self._length += 1

    def __iter__(self) -> Iterator[tuple[Unit, int]]:
        """Each file with its mark."""
        self._file.seek(0)
        for line in self._file:
            path, source, id, pieces, mark = json.loads(line)
            yield Unit(Path(path) if path else None, source, id, tuple(pieces) if pieces else None), mark

    def units(self) -> Iterator[Unit]:
        """Each file."""
        return (unit for unit, _ in self)
