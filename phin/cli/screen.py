"""What a command says: one line of a mistake, and an end without a page where nothing more can be printed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from phin.errors import PhinError

READER_LEFT = 141
"""The status of a program whose reader has left, as in `phin-convert --help | head -1`: 128 and SIGPIPE's 13."""


def say(program: str, message: str) -> None:
    """One line on stderr, whatever stands in the names that it tells."""
    print(f"{program}: {message}".replace("\n", "\\n"), file=sys.stderr)


def of_a_file(error: OSError, command: str) -> PhinError:
    """What the system would not do, by the file it was about."""
    reason = f"cannot be used ({error.strerror or 'unknown error'})"
    return PhinError(error.filename or command, reason, "name what you may read, and where you may write")


def leave_unread() -> NoReturn:
    """Ends a program whose reader has left, without a word."""
    _to_nobody()
    sys.exit(READER_LEFT)


def _to_nobody() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python's last flush goes


@contextmanager
def screen(program: str) -> Iterator[None]:
    """Ends a program that cannot print: without a word where its reader has left, else with one line and a 1."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno is None:  # about a file, or Hydra's of a choice there is not
            raise
        if isinstance(error, BrokenPipeError):
            leave_unread()
        _to_nobody()
        say(program, f"the output cannot be written ({error.strerror}). Give it room, or another place to go.")
        sys.exit(1)
