"""Ctrl-C while a command is being loaded ends it at once, in one line; SIGTERM while it works ends it as Ctrl-C does.

As an exception Ctrl-C would end in a page of whatever file was being imported, or not at all: libraries try what they
can do without in a `try` that lets nothing through, and go on.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from phin.cli.screen import say
from phin.errors import Stopped, came_of


def begin_loading(said: str = "interrupted") -> None:
    """From now on Ctrl-C ends the program at once, where it would raise KeyboardInterrupt; until `loaded`."""
    is_ours = threading.current_thread() is threading.main_thread()
    if is_ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _EndAtOnce(said))


def loaded() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt again: something is at stake."""
    if isinstance(signal.getsignal(signal.SIGINT), _EndAtOnce):
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def loading(said: str) -> Iterator[None]:
    """Around imports that a command makes late; `said` is what Ctrl-C is answered by."""
    begin_loading(said)
    try:
        yield
    finally:
        loaded()


@contextmanager
def stoppable() -> Iterator[None]:
    """Around a command's work: SIGTERM, as a queue or `timeout` sends it, raises Stopped, so that nothing half written
    is left, where it would end the program on the spot.
    """
    is_main = threading.current_thread() is threading.main_thread()
    is_ours = is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if is_ours:
        signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def heard() -> Iterator[None]:
    """What libraries make of Ctrl-C or SIGTERM is that again: modules of C++ that are imported, an ImportError."""
    try:
        yield
    except Exception as error:
        asked = came_of(error, KeyboardInterrupt) or came_of(error, Stopped)
        if asked is None:
            raise
        raise asked from None


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped("stopped")


@dataclass
class _EndAtOnce:
    said: str

    def __call__(self, number: int, frame: FrameType | None) -> None:
        say(Path(sys.argv[0]).name, self.said)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # as who is interrupted ends: a shell then ends what called it, too
