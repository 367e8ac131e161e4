"""The files below a folder in a fixed order, however many: of a folder's names some thousands are in memory at once."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import IO

RUN = 4096
"""Names that are sorted together in memory."""

_Entry = tuple[str, bool]
"""A name, and whether it is a folder's."""


def walk(folder: Path) -> Iterator[Path]:
    """All that lies below a folder, folders too, in the order of `sorted(folder.rglob("*"))`.

    A link to a folder is not gone into, nor is a folder that may not be read.
    """
    with ExitStack() as files:
        try:
            with os.scandir(folder) as entries:
                found = in_order(((entry.name, _is_folder(entry)) for entry in entries), files)
        except PermissionError:
            return
        for name, is_folder in found:
            yield folder / name
            if is_folder:
                yield from walk(folder / name)


def in_order(entries: Iterable[_Entry], files: ExitStack) -> Iterator[_Entry]:
    """The entries sorted; those of more than one run go to unnamed files, which last as long as `files`."""
    entries, runs = iter(entries), list[Iterator[_Entry]]()
    while run := sorted(islice(entries, RUN)):
        if len(run) < RUN and not runs:
            return iter(run)
        file = files.enter_context(tempfile.TemporaryFile("w+", encoding="ascii"))
        file.writelines(json.dumps(entry) + "\n" for entry in run)  # a name may have line breaks in it; JSON has none
        runs.append(_read_again(file))
    return merge(*runs)


def _read_again(file: IO[str]) -> Iterator[_Entry]:
    file.seek(0)
    for line in file:
        name, is_folder = json.loads(line)
        yield name, is_folder


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # gone meanwhile
        return False
