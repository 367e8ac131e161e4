"""The bytes of a tune's file, or one line that says why they cannot be had."""

import os
import stat
from pathlib import Path

from phin.errors import Defect, InvalidTune

MOST_BYTES = 20_000_000
"""Of a file that is no MIDI."""


def bytes_of(path: str | Path, most: int = MOST_BYTES, refusal: type[InvalidTune] = InvalidTune) -> bytes:
    """All bytes of a file; raises `refusal` where it cannot be opened, is no file, or has more than `most`."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise refusal(path, Defect.UNREADABLE, "cannot be opened (it is a folder)", "name a file in it")
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            raise refusal(path, Defect.UNREADABLE, "cannot be opened (it is no file)", "check the path")
        with open(path, "rb") as file:
            data = file.read(min(status.st_size, most) + 1)
    except OSError as error:
        raise refusal(path, Defect.UNREADABLE, f"cannot be opened ({error.strerror})", "check the path") from error
    if len(data) > most:
        raise refusal(path, Defect.TOO_LARGE, f"has more than {most:,} bytes", "cut it into single tunes")
    return data
