"""A public repository as it was at one commit → a folder with the files that are wanted, fetched once.

Nothing is fetched that was not asked for with its licence read (`data.download=true`). What was fetched is checked each
time it is used. One process at a time fetches a source, and what a killed one left behind goes when the next one does.
The commit is pinned, and the archive must name it; the machine that this was written on reaches no
repository, so it has been tried on local archives alone.
"""

import hashlib
import http.client
import logging
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout
from tqdm import tqdm

from phin.checksum import sha256_of
from phin.corpus.sources import Repository, Source
from phin.errors import MissingCorpus
from phin.writable import refuse_unwritable

log = logging.getLogger(__name__)

TIMEOUT = 60
"""Seconds without a byte after which fetching is given up."""
MARGIN = 4
"""An archive may be so many times as large as its entry in the registry says, packed and unpacked each."""
CHECKSUM = "checksum.txt"

_PIECE = 2**18


def fetched(source: Source, origin: Repository, cache: Path, download: bool, key: str, progress: bool) -> Path:
    """The folder of a repository's files. Raises MissingCorpus where it is not there and may not or cannot be fetched.

    The error for one that may not says the licence first, then both ways on; `key` is the setting that names a copy.
    """
    folder = cache / "downloads" / f"{source.name}-{origin.commit[:12]}"
    if _is_kept(folder):
        return folder
    if not download:
        raise MissingCorpus(
            source.name,
            f"is not on this machine. Licence: {source.licence.removesuffix('.')}",
            f"set data.download=true to fetch some {origin.megabytes} MB from {origin.url}, or {key}=DIR to a copy",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(source, folder.parent):
        if not _is_kept(folder):  # nor did the one that was waited for fetch it
            _fetch_into(folder, source, origin, key, progress)
    return folder


@contextmanager
def _alone(source: Source, downloads: Path) -> Iterator[None]:
    """While no other process fetches this source; what one that was killed left behind is then nobody's, and goes."""
    refuse_unwritable(downloads)  # where no file can be made, a lock looks as if another held it
    lock = FileLock(downloads / f".{source.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s: another run is fetching it; waiting for it", source.name)
        lock.acquire()
    try:
        for left in downloads.glob(f".{source.name}-*"):
            shutil.rmtree(left, ignore_errors=True)  # another user's stays
        yield
    finally:
        lock.release()


def _is_kept(folder: Path) -> bool:
    """Whether a repository's files are there already; MissingCorpus where they are others than were fetched."""
    if not folder.is_dir():
        return False
    expected = folder / CHECKSUM
    if not expected.is_file() or expected.read_text(encoding="utf-8") != content_checksum(folder):
        raise MissingCorpus(folder, "is not as it was fetched", "remove the folder, and fetch it again")
    return True


def _fetch_into(folder: Path, source: Source, origin: Repository, key: str, progress: bool) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{source.name}-") as desk:
        archive, files = Path(desk) / "archive", Path(desk) / "files"
        address = f"{origin.url}/archive/{origin.commit}.tar.gz"
        try:
            _fetch(address, archive, origin.megabytes * MARGIN * 2**20, progress)
            _unpack(archive, files, origin)
        except (OSError, http.client.HTTPException, tarfile.TarError, EOFError, zlib.error) as error:
            reason = getattr(error, "reason", None) or error
            what = f"could not be fetched ({' '.join(str(reason).split())})"
            raise MissingCorpus(address, what, f"try again, or set {key}=DIR to a copy of it") from None
        (files / CHECKSUM).write_text(content_checksum(files), encoding="utf-8")
        os.rename(files, folder)


def wanted(paths: Iterable[PurePosixPath], origin: Repository) -> list[PurePosixPath]:
    """Of a repository's files those of the source, in order; of several versions of one song, in one folder, one."""
    chosen = [path for path in paths if any(_matches(path, pattern) for pattern in origin.files)]
    chosen = sorted(path for path in chosen if not any(_matches(path, pattern) for pattern in origin.without))
    if not origin.prefer:
        return chosen
    by_folder: dict[PurePosixPath, list[PurePosixPath]] = {}
    for path in chosen:
        by_folder.setdefault(path.parent, []).append(path)

    def rank(path: PurePosixPath) -> int:
        found = (place for place, ending in enumerate(origin.prefer) if path.stem.endswith(ending))
        return next(found, len(origin.prefer))

    return [min(versions, key=rank) for versions in by_folder.values()]


def content_checksum(folder: Path) -> str:
    """The checksum of all files below a folder, but for the one that keeps it."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != CHECKSUM)
    return checksum({path.relative_to(folder).as_posix(): path for path in files})


def checksum(files: dict[str, Path]) -> str:
    """A hash of files' names and contents, whatever folder they lie in and in whatever order they come."""
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(f"{name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def _fetch(address: str, archive: Path, most: int, progress: bool) -> None:
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer, open(archive, "wb") as file:
        total = int(answer.headers.get("Content-Length") or 0) or None
        with tqdm(total=total, desc="fetching", unit="B", unit_scale=True, disable=not progress) as bar:
            while piece := answer.read(_PIECE):
                file.write(piece)
                bar.update(len(piece))
                if file.tell() > most:
                    raise OSError(f"it is larger than {most // 2**20} MB")


def _unpack(archive: Path, folder: Path, origin: Repository) -> None:
    """The wanted files, written by us under their names: no link, no path out of the folder, no endless file."""
    room = origin.megabytes * MARGIN * 2**20
    with tarfile.open(archive, "r:gz") as tar:
        if tar.pax_headers.get("comment") != origin.commit:
            raise OSError(f"it is not the archive of commit {origin.commit}")
        members = {PurePosixPath(*PurePosixPath(member.name).parts[1:]): member for member in tar if member.isfile()}
        for path in wanted((path for path in members if ".." not in path.parts), origin):
            member = members[path]
            room -= member.size
            content = tar.extractfile(member)
            if room < 0 or content is None:
                raise OSError("what is in it is larger than it should be")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, open(target, "wb") as file:
                shutil.copyfileobj(content, file)
    if not folder.is_dir():
        raise OSError("none of the files that were looked for is in it")


def _matches(path: PurePosixPath, pattern: str) -> bool:
    """Whether a path has the pattern's parts, one by one."""
    parts = PurePosixPath(pattern).parts
    return len(parts) == len(path.parts) and all(map(fnmatchcase, path.parts, parts))
