"""The journal: what was read of a corpus so far, a line a file, so that whoever was interrupted reads only the rest.

A line is the file's mark (a hash of its name, size, time of change, and how it was read), a checksum, and what came of
its tunes. Lines are only ever appended; one that was torn when a run was killed fails its checksum and is cut off. One
process writes at a time (`Journal` holds a lock), and what is in memory is two numbers a file.
"""

import base64
import hashlib
import json
import logging
import os
import zlib
from array import array
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Int, UInt64

from phin.corpus.reading import Reading
from phin.errors import Defect
from phin.music.lai import Family, LaiLabel
from phin.music.phrase import Inferred, LabelSource, Metre, Phrase
from phin.writable import refuse_unwritable

log = logging.getLogger(__name__)

NOT_TO_BE_FOUND = 0
"""The mark of a file whose reading says more about the machine than about the file: it is read again next time."""

PIECE = 2**15
"""Files that are looked up at a time."""
_HEAD = 8 + 1 + 16 + 1  # checksum, blank, mark, blank


class Journal:
    """The journal at `path`, opened by one process at a time: the next waits until it is closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(f"{path}.lock")

    def __enter__(self) -> "Journal":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        refuse_unwritable(self.path.parent)  # where no file can be made, a lock looks as if another held it
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            log.warning("%s: another run is reading these files; waiting for it", self.path)
            self._lock.acquire()
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self._lock.release()

    def append(self, mark: int, record: bytes) -> int:
        """Keeps what was read of a file, through to the system; where it lies."""
        place = self._end
        line = _line(mark, record)
        self._file.seek(place)
        self._file.write(line)
        self._file.flush()
        self._marks.append(mark)
        self._places.append(place)
        self._end += len(line)
        return place

    def read(self, place: int) -> list[Reading]:
        """What was read of the file whose record lies at `place`."""
        self._file.seek(place)
        return decode(self._file.readline()[_HEAD:])

    def places(self, marks: UInt64[np.ndarray, " file"]) -> Int[np.ndarray, " file"]:
        """Where the record of each file lies, -1 where there is none; of several the last counts."""
        found = np.full(len(marks), -1, dtype=np.int64)
        if not self._marks:
            return found
        known, places = np.frombuffer(self._marks, np.uint64), np.frombuffer(self._places, np.int64)
        order = np.argsort(known, kind="stable")
        for start in range(0, len(marks), PIECE):
            piece = marks[start : start + PIECE]
            last = order[np.searchsorted(known, piece, side="right", sorter=order) - 1]
            is_found = (known[last] == piece) & (piece != NOT_TO_BE_FOUND)
            found[start : start + PIECE][is_found] = places[last[is_found]]
        return found

    def keep_only(self, places: Int[np.ndarray, " file"]) -> None:
        """Leaves out the records of files that are gone or changed, once they take more room than the others."""
        begins = np.frombuffer(self._places, np.int64)
        lengths = np.diff(begins, append=self._end)
        pieces = (places[start : start + PIECE] for start in range(0, len(places), PIECE))
        used = sum(int(lengths[np.searchsorted(begins, piece)].sum()) for piece in pieces)
        if 2 * used >= self._end:
            return
        shorter = self.path.with_name(f".{self.path.name}.shorter")
        with open(shorter, "wb") as file:
            for place in places:
                self._file.seek(int(place))
                file.write(self._file.readline())
        self._file.close()
        os.replace(shorter, self.path)
        self._open()

    def _open(self) -> None:
        """Finds the lines that are whole, and cuts off what follows the last of them."""
        self.path.touch()
        self._marks, self._places, self._end = array("Q"), array("q"), 0
        self._file = open(self.path, "r+b")
        line = b"\n"
        for line in self._file:
            if _is_whole(line):
                self._marks.append(int(line[9:25], 16))
                self._places.append(self._end)
            self._end += len(line)
        if self._end and not _is_whole(line):
            self._end -= len(line)
            self._file.truncate(self._end)


def mark_of(*facts: Any) -> int:
    """The mark of a file of which these facts hold."""
    return int.from_bytes(hashlib.sha256(json.dumps(facts).encode()).digest()[:8]) or 1


def encode(readings: Sequence[Reading]) -> bytes:
    """What was read of a file as one line of text."""
    return json.dumps([_record(reading) for reading in readings], ensure_ascii=False, separators=(",", ":")).encode()


def decode(record: bytes) -> list[Reading]:
    """The readings that `encode` was given, of their phrases what a store keeps."""
    return [_reading(**fields) for fields in json.loads(record)]


def _line(mark: int, record: bytes) -> bytes:
    body = b"%016x %s" % (mark, record)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and int(line[:8], 16) == zlib.crc32(line[9:-1]) and len(line) > _HEAD
    except ValueError:
        return False


def _record(reading: Reading) -> dict[str, Any]:
    fields: dict[str, Any] = {"id": reading.id}
    if reading.repairs:
        fields["repairs"] = reading.repairs
    if reading.defect is not None:
        fields |= {"defect": reading.defect.value, "reason": reading.reason}
    if reading.phrase is not None:
        phrase, found = reading.phrase, reading.found
        fields |= {
            "rows": base64.b64encode(zlib.compress(phrase.rows.astype("<i4").tobytes(), level=1)).decode(),
            "metre": phrase.metre and str(phrase.metre),
            "tempo": phrase.tempo,
            "title": phrase.title,
            "source": phrase.source,
            "found": [found.root, found.family],
        }
        if phrase.inferred:
            fields["inferred"] = sorted(phrase.inferred)
        if phrase.techniques_from is not None:
            fields["techniques_from"] = phrase.techniques_from
    return fields


def _reading(
    id: str,
    repairs: Sequence[str] = (),
    defect: str | None = None,
    reason: str = "",
    rows: str | None = None,
    metre: str | None = None,
    found: Sequence[Any] = (None, None),
    inferred: Sequence[str] = (),
    techniques_from: str | None = None,
    **facts: Any,
) -> Reading:
    if rows is None:
        return Reading(id, None, tuple(repairs), Defect(defect) if defect else None, reason)
    notes = np.frombuffer(zlib.decompress(base64.b64decode(rows)), dtype="<i4").reshape(-1, 6)
    phrase = Phrase(
        notes,
        metre=Metre.parse(metre) if metre else None,
        inferred=frozenset(map(Inferred, inferred)),
        techniques_from=LabelSource(techniques_from) if techniques_from else None,
        **facts,
    )
    return Reading(id, phrase, tuple(repairs), found=LaiLabel(found[0], Family(found[1]) if found[1] else None))
