"""A sweep: what is refused where it begins, and which of its jobs failed, in whatever process they ran.

A job that fails writes why into its own folder and ends as if it had gone well, so that launchers and sweepers go on
with the others; the command reads those files when all is over.
"""

import multiprocessing
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import Any, ClassVar

from filelock import BaseFileLock
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, ListConfig, OmegaConf

from phin.errors import InvalidConfig, PhinError
from phin.whole_file import write_text
from phin.writable import IN_USE, alone_in, refuse_folder

FAILED = "failed.txt"
"""In a failed job's folder: a line that says why, its settings, and a traceback where it is no user's mistake."""
OF_A_SWEEP = ("multirun.yaml", "search.db", "optimization_results.yaml")
"""What Hydra and the search keep in a sweep's folder beside its jobs, whose folders are numbers."""
OF_SWEEPS = (
    "hydra/launcher/joblib",
    "hydra/launcher/submitit_local",
    "hydra/launcher/submitit_slurm",
    "hydra/sweeper/optuna",
)
"""What the extra `sweep` installs."""
_OF_OTHERS = ("hydra", "hydra_plugins", "optuna", "joblib", "submitit")
"""Libraries that say in an exception what they cannot do with what was typed."""
_OPTUNA_HAS_NO_BEST = ("No trials are completed", "Record does not exist")


class Refused(BaseException):
    """Carries a PhinError out of a callback, of whose Exceptions Hydra makes warnings."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@dataclass
class Begun:
    """A sweep of this process."""

    folder: Path
    settings: list[str]
    """As typed; those of every job are in it word for word."""
    failed_before: dict[Path, int]
    """What failed in this folder another time: when each file was written."""
    lock: BaseFileLock
    """Held while it runs."""

    def failed_jobs(self) -> list[str]:
        """A line for each job that failed now, by number, with the settings that are not every job's."""
        now = [file for file, written in _failed(self.folder).items() if self.failed_before.get(file) != written]
        now.sort(key=lambda file: (len(file.parent.name), file))
        return [self._line(file) for file in now]

    def _line(self, file: Path) -> str:
        reason, settings, *_ = file.read_text(encoding="utf-8").split("\n\n")
        own = [text for text in settings.splitlines() if text not in self.settings and not text.startswith("~")]
        label = f" ({' '.join(own)})" if own else ""
        return f"job {file.parent.name}{label}: {reason}"

    def ended_by(self, error: Exception) -> PhinError | None:
        """What is said where the sweep ended before its last job, or without any score; None where it should not."""
        if type(error).__module__.startswith(("joblib.", "submitit.")):
            reason = f"ended, since a job's process was killed, mostly for want of memory ({type(error).__name__})"
            return PhinError(self.folder, reason, f"go on with hydra.sweep.dir={self.folder}")
        if isinstance(error, ValueError) and str(error).startswith(_OPTUNA_HAS_NO_BEST):
            return PhinError(self.folder, "no trial of the search has a score", "mend what its jobs failed by")
        raised_in = extract_tb(error.__traceback__)[-1].filename
        if any(f"/{library}/" in raised_in for library in _OF_OTHERS):
            reason = f"cannot be begun: {' '.join(str(error).split()).rstrip('.')}"
            return PhinError(self.folder, reason, "mend the setting that it speaks of")
        return None

    def to_go_on(self) -> str:
        """What is said after `interrupted` or `stopped`."""
        return f". What is done stays; the same line with hydra.sweep.dir={self.folder} does the rest"


class Sweep(Callback):
    """Hears of Hydra that a sweep begins; conf/terminal.yaml names it."""

    begun: ClassVar[Begun | None] = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuses what cannot be swept. Raises Refused."""
        folder = Path(config.hydra.sweep.dir)
        try:
            if not config.hydra.sweep.dir:
                raise InvalidConfig("hydra.sweep.dir=", "is empty", "name a folder, or leave it out")
            refuse_folder("hydra.sweep.dir", folder)
            _refuse_others(folder)
            _refuse_devices(config)
            _refuse_jobs(config)
            lock = alone_in("hydra.sweep.dir", folder, "sweeping").lock
            if _is_search(config):
                _prepare_search(config, folder, lock)
            Sweep.begun = Begun(folder, list(config.hydra.overrides.task), _failed(folder), lock)
        except (PhinError, OSError) as error:
            raise Refused(error) from None


def interrupted() -> str:
    """What is said of Ctrl-C in this process."""
    return f"interrupted{Sweep.begun.to_go_on() if Sweep.begun else ''}"


def begin_job() -> None:
    """Forgets that this job failed another time; lets it start processes of its own, wherever it runs."""
    if (
        multiprocessing.get_start_method(allow_none=True) == "loky"
    ):  # joblib's, which processes that are no workers of it cannot be
        multiprocessing.set_start_method(None, force=True)
    (Path(HydraConfig.get().runtime.output_dir) / FAILED).unlink(missing_ok=True)


def keep_failure(reason: str, traceback: str = "") -> str:
    """Writes why this job failed, in one line, then its settings. Returns the reason.

    It is what the job returns: Optuna takes no text for a value, so the trial has failed, and says this text.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    write_text(folder / FAILED, "\n\n".join([reason, "\n".join(HydraConfig.get().overrides.task), traceback]))
    return reason


def _failed(folder: Path) -> dict[Path, int]:
    """The files of failed jobs, and when each was written."""
    return {file: file.stat().st_mtime_ns for file in folder.rglob(FAILED)}


def _is_search(config: DictConfig) -> bool:
    return config.hydra.sweeper._target_.endswith("OptunaSweeper")


def _refuse_devices(config: DictConfig) -> None:
    """On several devices Lightning starts the command once more for each, which would begin a sweep of its own."""
    devices = OmegaConf.select(config, "trainer.devices", default=1)
    if devices not in (1, "1") and not (isinstance(devices, ListConfig) and len(devices) == 1):
        raise InvalidConfig(f"trainer.devices={devices}", "cannot be in a sweep", "take one device a job")


def _refuse_jobs(config: DictConfig) -> None:
    """Counts that a launcher or a sweeper would stumble over, each in its own way."""
    for key, as_many_as_cores in (("launcher.n_jobs", True), ("sweeper.n_jobs", False), ("sweeper.n_trials", False)):
        count = OmegaConf.select(config.hydra, key, default=None)
        if count is None or (isinstance(count, int) and count >= 1) or (as_many_as_cores and count == -1):
            continue
        remedy = "take 1 or more, or -1 for one a core" if as_many_as_cores else "take 1 or more"
        raise InvalidConfig(f"hydra.{key}={count}", "is no number of them", remedy)


def _refuse_others(folder: Path) -> None:
    """Raises InvalidConfig where a folder holds other things, and nothing of a sweep that could be gone on with."""
    found = {file.name for file in folder.iterdir()} - {IN_USE, ".submitit"} if folder.is_dir() else set[str]()
    if all(name.isdecimal() for name in found) or not found.isdisjoint(OF_A_SWEEP):
        return
    raise InvalidConfig(f"hydra.sweep.dir={folder}", "holds other things than a sweep", "name a folder of its own")


def _prepare_search(config: DictConfig, folder: Path, lock: BaseFileLock) -> None:
    """Prepares a search that is kept on disk, so that it goes on."""
    if config.hydra.sweeper.storage is None:
        return
    from phin.cli.search import go_on

    try:
        go_on(config)
    except PhinError:
        lock.release()
        (folder / IN_USE).unlink(missing_ok=True)
        with suppress(OSError):  # what another search keeps there stays
            folder.rmdir()
        raise
