"""A command that takes no time, for sweeps of it: its score is known; it fails, dies or is interrupted on demand."""

import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phin.cli.app import run
from phin.errors import InvalidConfig

NAME = "toy"
DEFAULTS = "defaults: [toy_schema, terminal, _self_, sweep: basic]\nhydra: {sweep: {dir: jobs}}\n"
INTERRUPT = Path("interrupt")
"""Where this file lies, the job after so many as it says is interrupted, once."""
RESULT = Path("drawn.txt")
"""What each job was given, a line a job."""


@dataclass
class Toy:
    """What a sweep's choices set, and two numbers."""

    x: float = 0.0
    kind: str = "good"
    threads: int = 0
    callbacks: dict[str, Any] = field(default_factory=dict)


def score(toy: Toy) -> float:
    """The squared distance of x from 1."""
    if INTERRUPT.is_file() and RESULT.read_text().count("\n") == int(INTERRUPT.read_text()):
        INTERRUPT.unlink()
        raise KeyboardInterrupt
    if toy.kind == "bad":
        raise InvalidConfig("kind=bad", "is refused", "take another")
    if toy.kind == "broken":
        raise RuntimeError("out of memory\nby two bytes")
    if toy.kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if toy.kind == "stopped":
        os.kill(os.getpid(), signal.SIGTERM)
    if toy.kind == "endless":
        with RESULT.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(600)
    with RESULT.open("a") as file:
        file.write(f"{toy.x} {toy.kind} {toy.threads}\n")
    return (toy.x - 1) ** 2


def main(*arguments: str) -> None:
    """As from a shell, in a folder whose conf/ holds DEFAULTS."""
    sys.argv = [f"phin-{NAME}", "--config-dir", "conf", *arguments]
    run(NAME, Toy, score)
