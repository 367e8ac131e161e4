"""What went wrong for the user, said in one line: where, what, remedy.

Every mistake a person can make ends in one of these; a command prints its line and exits non-zero (`phin.cli.app`).
A defect has a name (`Defect`), so that a report over thousands of files can count them.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

Cause = TypeVar("Cause", bound=BaseException)


def printable(name: str | Path) -> str:
    """A name as it can be printed and kept: bytes that are no letters, as old archives have them, as `\\udcff`."""
    return str(name).encode(errors="backslashreplace").decode()


class PhinError(Exception):
    """`where: reason. Remedy.` on one line."""

    def __init__(self, where: str | Path, reason: str, remedy: str) -> None:
        super().__init__(where, reason, remedy)
        self.where, self.reason, self.remedy = printable(where), reason, remedy

    def __str__(self) -> str:
        remedy = self.remedy.rstrip(".")
        return f"{self.where}: {self.reason}. {remedy[:1].upper()}{remedy[1:]}."


def to_install(extra: str) -> str:
    """What to type for what an extra of phin's installs: no index has phin, so it comes from the clone that runs."""
    clone, pip = Path(__file__).resolve().parents[1], f"{sys.executable} -m pip install"
    if (clone / "pyproject.toml").is_file():
        return f'{pip} -e "{clone}[{extra}]"'
    return f'{pip} ".[{extra}]" in a clone of phin'


class InvalidConfig(PhinError):
    """A setting that contradicts another, or that cannot be."""


class InvalidCheckpoint(PhinError):
    """A checkpoint that is missing, torn, or made for something else."""


class CannotWrite(PhinError):
    """A file or folder that there is no room for, no right to write, or something in the way of."""


class MissingCorpus(PhinError):
    """A corpus that is not where it was looked for."""


class Defect(StrEnum):
    """Why a tune cannot be taken in; the value is the name used in reports."""

    UNREADABLE = "unreadable"
    BROKE_READER = "broke the reader"
    TOO_SLOW = "too slow to read"
    TOO_HUNGRY = "too much memory to read"
    EMPTY = "empty"
    TOO_LARGE = "too large"
    TOO_SHORT = "too short"
    NO_NOTES = "no notes"
    DRUMS_ONLY = "drums only"
    BAD_DIVISION = "bad division"
    ABSURD_TICKS = "absurd ticks"
    ABSURD_TEMPO = "absurd tempo"
    NOTE_TOO_LONG = "note too long"
    GAP_TOO_LONG = "gap too long"
    RANGE_TOO_WIDE = "range too wide"
    BAD_NOTATION = "bad notation"


class InvalidTune(PhinError):
    """A tune that is refused, by the name of its defect."""

    def __init__(self, where: str | Path, defect: Defect, reason: str, remedy: str) -> None:
        super().__init__(where, reason, remedy)
        self.args = (where, defect, reason, remedy)  # so that it crosses process boundaries whole
        self.defect = defect


class InvalidMidi(InvalidTune):
    """A MIDI file that is refused."""


class Stopped(BaseException):
    """A command that was asked to stop (SIGTERM) and does, with nothing lost. No failure: nothing should mend it."""


def came_of(error: BaseException, kind: type[Cause]) -> Cause | None:
    """The error of a kind that this one is, or that it came up in handling; None where there was none."""
    met: BaseException | None = error
    while met is not None and not isinstance(met, kind):
        met = met.__context__
    return met
