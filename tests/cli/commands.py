"""Commands run in this process as a person types them, and what makes training short."""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

TINY = [
    "data=midi_folder",
    "data.name=mine",
    "data.cache=cache",
    "data.workers=1",
    "data.held_out=0.2",
]
TRAINING = [
    "data.batch_notes=60",
    "model=tiny",
    "model.dim=16",
    "logger=csv",
    "trainer.max_steps=6",
    "trainer.val_check_interval=3",
    "callbacks.last.every_n_train_steps=2",
    "callbacks.samples.count=1",
    "callbacks.samples.lines=1",
    "~callbacks.progress",
    "threads=1",
]
WATCHED = [text for text in TRAINING if text != "~callbacks.progress"]
"""The same with bars, as a person sees it."""


def as_said_last(*settings: str) -> list[str]:
    """Settings of which some are said anew: each once, as a command takes it."""
    return list({text.partition("=")[0]: text for text in settings}.values())


@dataclass(frozen=True)
class Outcome:
    """What a person sees of a command."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        assert self.status == 1, self.err
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err + self.out
        return self.err.strip()


def phin(command: str, *arguments: str) -> Outcome:
    """Runs a console script in this process."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    before, sys.argv = sys.argv, [f"phin-{command}", *arguments]
    full_error = os.environ.get("HYDRA_FULL_ERROR")
    try:
        with redirect_stdout(out), redirect_stderr(err):
            import_module(f"phin.cli.{command}").main()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        sys.argv = before
        os.environ.pop("HYDRA_FULL_ERROR", None)
        if full_error is not None:
            os.environ["HYDRA_FULL_ERROR"] = full_error
    return Outcome(status, out.getvalue(), err.getvalue())


def all_files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*")}
