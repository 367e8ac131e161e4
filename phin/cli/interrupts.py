"""Ctrl-C while a command is being loaded ends it at once, in one line.

As an exception it would end in a page of whatever file was being imported, or not at all: libraries try what they can
do without in a `try` that lets nothing through, and go on.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from phin.cli.screen import say


def begin_loading() -> None:
    """From now on Ctrl-C ends the program at once, where it would raise KeyboardInterrupt; until `loaded`."""
    is_ours = threading.current_thread() is threading.main_thread()
    if is_ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)


def loaded() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt again: something is at stake."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def loading() -> Iterator[None]:
    """Around imports that a command makes late."""
    begin_loading()
    try:
        yield
    finally:
        loaded()


def _end_at_once(number: int, frame: FrameType | None) -> None:
    say(Path(sys.argv[0]).name, "interrupted")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # as who is interrupted ends: a shell then ends what called it, too
