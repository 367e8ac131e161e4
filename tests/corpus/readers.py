"""Readers that misbehave on some of what they are given, for processes that import them by name."""

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np

from phin.corpus import intake
from phin.corpus.files import Unit


def read(what: str) -> str:
    """The name of this process and of what it read, unless the name says what goes wrong."""
    match what.split(":"):
        case ["hangs"]:
            time.sleep(600)
        case ["hangs in C"]:  # with the interpreter's lock held, deaf to any signal handler of Python's
            ctypes.PyDLL(None).sleep(600)
        case ["allocates"]:
            return str(len(bytearray(4 * 2**30)))
        case ["allocates in numpy"]:
            return str(np.ones(2**29).sum())
        case ["allocates bit by bit"]:
            return str(len([bytes(2**20) for _ in range(8192)]))
        case ["takes", megabytes]:
            return f"{os.getpid()} {len(bytearray(int(megabytes) * 2**20)) // 2**20}"
        case ["kills itself"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["segfaults"]:
            ctypes.string_at(1)
        case ["exits"]:
            os._exit(3)
        case ["raises"]:
            raise KeyError("a fault of the program")
        case ["notes", place, seconds]:
            Path(place).write_text(str(os.getpid()))
            time.sleep(float(seconds))
    return f"{os.getpid()} {what}"


def record_unless_its_name_says_otherwise(unit: Unit, min_notes: int) -> bytes:
    """Intake's own reading, of files that are not named for a misbehaviour."""
    read(unit.path.stem)
    return intake._record(unit, min_notes)


def record_slowly(unit: Unit, min_notes: int) -> bytes:
    """Intake's own reading, slow enough to be interrupted in its midst."""
    time.sleep(0.02)
    return intake._record(unit, min_notes)
