"""Where something is to be written, tried before the work begins whose result it is."""

import tempfile
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout

from phin.errors import InvalidConfig, PhinError

IN_USE = ".in_use"
"""In a folder that one process at a time works in, while it does and after."""


def refuse_unwritable(folder: Path, asked: str | Path = "") -> None:
    """Raises PhinError where no file can be made in a folder, which was asked for as `asked`."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        # of a file that is to be made "no such file" says nothing: so /proc answers
        why = "" if isinstance(error, FileNotFoundError) else f" ({error.strerror or 'unknown error'})"
        in_it = f" in {folder}" if asked and str(asked).partition("=")[2] != str(folder) else ""
        remedy = "name a folder that you may write to"
        raise PhinError(asked or folder, f"no file can be made{in_it or ' there'}{why}", remedy) from None


def refuse_file(key: str, path: str) -> None:
    """Raises InvalidConfig or PhinError where no new file can be made, or where one lies that would be lost."""
    file = Path(path)
    if not path:
        raise InvalidConfig(f"{key}=", "is empty", "name a file, or leave it out")
    if file.exists():
        is_folder = " (a folder)" if file.is_dir() else ""
        raise InvalidConfig(f"{key}={path}", f"is there already{is_folder}", "name another, or remove that one")
    if not file.parent.is_dir():
        raise InvalidConfig(f"{key}={path}", f"there is no folder {file.parent}", "make it, or name another")
    refuse_unwritable(file.parent, f"{key}={path}")


def refuse_filled(key: str, path: str | Path) -> None:
    """Raises InvalidConfig where a folder is no new one, and holds something already."""
    if Path(path).is_dir() and any(Path(path).iterdir()):
        raise InvalidConfig(f"{key}={path}", "is there already", "name another folder, or remove that one")


def refuse_folder(key: str, path: str | Path) -> None:
    """Raises InvalidConfig or PhinError where no folder can be made, or none that can be written to."""
    whole = Path(path).absolute()
    nearest = next(folder for folder in (whole, *whole.parents) if folder.exists())
    if not nearest.is_dir():
        raise InvalidConfig(f"{key}={path}", f"{nearest.name} is a file", "name a folder")
    refuse_unwritable(nearest, f"{key}={path}")


def alone_in(key: str, folder: Path, doing: str) -> AcquireReturnProxy:
    """Makes a folder this process's own, as long as the lock is held. Raises InvalidConfig where it is another's, which
    is said to be `doing` that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(folder / IN_USE).acquire(timeout=0)
    except Timeout:
        reason = f"another process is {doing} in it"
        raise InvalidConfig(f"{key}={folder}", reason, "wait for it, or stop it") from None
