"""Files and folders that appear under their name whole, or not at all."""

import csv
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from phin.errors import CannotWrite, came_of

PARTIAL = ".partial"
"""What the name of a file ends with that is not whole; with a dot before it, it is hidden."""
WRITING = ".writing-"
"""What the name of a folder begins with from which files are moved where they belong."""


@contextmanager
def whole_file(path: str | Path, durable: bool = False) -> Iterator[Path]:
    """A name beside `path` to write to; it becomes `path` if the block ends well, and is removed if not.

    A `durable` one is on the disk before it takes the name, so that also a machine that loses its power has the one or
    the other. Raises CannotWrite where the system would not take it, also where a library says so in words of its own
    (torch raises a RuntimeError for a disk without room).
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        yield partial
        if durable:
            _flush(partial)
        os.replace(partial, path)
        if durable:
            _flush(path.parent)
    except (OSError, RuntimeError) as error:
        if (said := came_of(error, OSError)) is None:
            raise
        raise cannot_write(path, said) from error
    finally:
        with suppress(OSError):  # what stands in the way of the one stands in the way of the other
            partial.unlink()


def cannot_write(path: str | Path, said: OSError) -> CannotWrite:
    """What is raised where the system would not take a file."""
    reason = f"cannot be written ({said.strerror or 'unknown error'})"
    return CannotWrite(path, reason, "choose a folder that exists and has room")


def _flush(path: Path) -> None:
    """Waits until what was written of a file, or the names in a folder, are on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folder
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_partials(folder: Path) -> None:
    """Removes what processes that were killed left half written in a folder; nobody else may be writing there."""
    for partial in folder.glob(f".*{PARTIAL}"):
        partial.unlink()


def is_half_written(path: Path) -> bool:
    """Whether it lies in what a process that was killed left half written, or another is just writing."""
    return any(part.startswith(WRITING) or (part.startswith(".") and part.endswith(PARTIAL)) for part in path.parts)


@contextmanager
def whole_folder(path: str | Path, over: bool = False) -> Iterator[Path]:
    """A folder beside `path` to write into; it becomes `path` if the block ends well, and is removed if not.

    `path` must be empty or not there, unless it is to be written `over`: then what was there is gone at the end of a
    block that ends well, and is as it was otherwise. Raises CannotWrite where it cannot be made.
    """
    path = Path(os.path.realpath(path))  # a link is written through
    partial, before = (path.with_name(f".{path.name}.{os.getpid()}.{what}") for what in ("partial", "before"))
    try:
        partial.mkdir(parents=True)
        yield partial
        if over and path.is_dir():
            os.replace(path, before)
        try:
            os.replace(partial, path)
        except OSError:
            if before.is_dir():
                os.replace(before, path)
            raise
    except OSError as error:
        reason = f"cannot be written ({error.strerror or 'unknown error'})"
        raise CannotWrite(path, reason, "choose another: something is in the way there, or no room") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


@contextmanager
def whole_files(folder: str | Path) -> Iterator[Path]:
    """A folder to write files into; all of them are moved into `folder` if the block ends well, and none if not.

    `folder` is made if it is not there, and what else is in it stays. Raises CannotWrite where it cannot be written to.
    """
    folder = Path(folder)
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=WRITING) as desk:
            yield Path(desk)
            for file in Path(desk).iterdir():
                os.replace(file, folder / file.name)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        if is_new:
            with suppress(OSError):  # it holds something
                folder.rmdir()


def write_text(path: str | Path, text: str) -> None:
    """Writes a text as UTF-8; the file is there entirely or not at all. Raises CannotWrite as `whole_file` does."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows under a head of `columns`; the file is there entirely or not at all. Raises CannotWrite likewise."""
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
