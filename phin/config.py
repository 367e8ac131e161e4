"""Hydra's side of the commands: where conf/ lies, and how a command's schema is known to it.

The only importer of the ConfigStore. A schema is a dataclass in the command's own file (`phin.cli`), made of those
that stand beside the classes they configure; a mistyped key is refused by name. Objects of other libraries
(optimizer, trainer, callbacks, logger) keep their `_target_`.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

RESUME_AUTO = "auto"
RUN_OF_ALL = "PHIN_RUN"
"""The variable of the environment in which a process tells those that it starts to train with it the run's folder."""


def register(command: str, schema: type) -> None:
    """Stores a command's schema under the name that conf/<command>.yaml begins its defaults with."""
    ConfigStore.instance().store(name=f"{command}_schema", node=schema)


def conf_dir() -> Path:
    """The folder of the YAML files: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def in_a_sweep() -> bool:
    """Whether this is a job of a sweep."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def run_folder(resume: str | None) -> str:
    """Where a run writes: its place in a sweep, the folder it resumes, or a new one named by date and time."""
    if os.environ.get("LOCAL_RANK", "0") != "0" and RUN_OF_ALL in os.environ:
        return os.environ[RUN_OF_ALL]
    if in_a_sweep():
        return str(HydraConfig.get().runtime.output_dir)
    if resume and resume != RESUME_AUTO:
        return str(resume)
    return f"runs/{datetime.now():%Y-%m-%d_%H-%M-%S}"


def choices(*groups: str) -> str:
    """A line a group: the files of settings that it can be."""
    return "\n".join(f"{group}: {', '.join(choices_of(group))}" for group in groups)


def choices_of(group: str) -> list[str]:
    """The files of settings that a group can be; none of what is no group."""
    return sorted(file.stem for file in (conf_dir() / group).glob("*.yaml")) if group.isidentifier() else []


def adapting(init: str | None, to_adapt: Any, from_nothing: Any) -> Any:
    """A setting that is one thing for a run that begins with a trained model, and another for one that does not."""
    return to_adapt if init else from_nothing


def cores_each(jobs: int | None) -> int:
    """Threads of each of so many jobs at once: 0, torch's own choice, for one alone; None and -1 mean one a core."""
    if jobs == 1:
        return 0
    return max(1, (os.cpu_count() or 1) // jobs) if jobs and jobs > 0 else 1


def plus(first: int, second: int) -> int:
    """A sum, for the number of a trial."""
    return first + second


# Here and not in `register`, so that a job of a sweep has them in its own process too.
OmegaConf.register_new_resolver("run_folder", run_folder, replace=True, use_cache=True)
for resolver in (adapting, choices, cores_each, plus):
    OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
