"""How every command runs: Hydra composes its settings, a user's mistake becomes one line and a non-zero exit."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from phin.cli.screen import say, screen
from phin.cli.typed import understood
from phin.config import conf_dir, register
from phin.errors import InvalidConfig, PhinError, Stopped

_NOISE = ("To append to your", "full_key", "object_type", "reference_type", "Config search path", "provider=")


def run(command: str, schema: type, task: Callable[[Any], Any]) -> None:
    """Runs `task` with the command's settings as an object of `schema`; conf/<command>.yaml holds their defaults.

    Exits with 1 after one line on stderr where the user can mend what went wrong, with 130 on an interrupt.
    """
    register(command, schema)
    try:
        sys.argv = [sys.argv[0], *understood(sys.argv[1:], schema)]  # which is where Hydra reads it
    except PhinError as error:
        _leave(command, str(error))
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands every error on, and the lines below say it

    failures: list[Exception] = []

    def hydra_task(config: DictConfig) -> Any:
        try:
            return task(OmegaConf.to_object(config))
        except BrokenPipeError:
            raise  # nobody reads what it prints
        except (PhinError, HydraException, OmegaConfBaseException, OSError) as error:
            named = _named(error, command) if isinstance(error, OSError) else error
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                _leave_nothing(Path(HydraConfig.get().runtime.output_dir))
                if not _runs_here():
                    raise named from error.__cause__  # another process, or a search, must hear of it from Hydra
                job = " ".join(HydraConfig.get().overrides.task)
                named = _Job(f"job {HydraConfig.get().job.num} ({job}): {_line(named, command)}")
            failures.append(named)
            return None

    app = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=command)(hydra_task)
    try:
        with screen(f"phin-{command}"):
            app()
    except OverrideParseException as error:
        failures.append(_unread(error.override))
    except (PhinError, HydraException, OmegaConfBaseException) as error:
        failures.append(error)
    except KeyboardInterrupt:
        _leave(command, "interrupted", status=128 + signal.SIGINT)
    except Stopped as stopped:
        _leave(command, str(stopped), status=128 + signal.SIGTERM)
    for failure in failures[:-1]:  # of a sweep, each of its jobs
        say(f"phin-{command}", _line(failure, command))
    if failures:
        _leave(command, _line(failures[-1], command))


class _Job(Exception):
    """A job of a sweep that failed, and why, in one line."""


def _runs_here() -> bool:
    """Whether the jobs of a sweep run in this process one after the other, and nothing waits for their values."""
    config = HydraConfig.get()
    return config.launcher._target_.endswith("BasicLauncher") and config.sweeper._target_.endswith("BasicSweeper")


def _leave_nothing(folder: Path) -> None:
    """Removes the folder that a sweep made for its job, if nothing is in it."""
    with suppress(OSError):
        folder.rmdir()


def _line(failure: Exception, command: str) -> str:
    """What is said of a failure."""
    if isinstance(failure, PhinError | _Job):
        return str(failure)
    return f"{_in_one_line(failure)}. See phin-{command} --help."


def _named(error: OSError, command: str) -> PhinError:
    """What the system would not do, by the file it was about."""
    reason = f"cannot be used ({error.strerror or 'unknown error'})"
    return PhinError(error.filename or command, reason, "name a folder that you may write to")


def _unread(override: str) -> PhinError:
    """What to type instead of what Hydra's grammar does not take: mostly a path with Thai letters or blanks."""
    key, equals, value = override.partition("=")
    if not equals:
        return InvalidConfig(override, "is no setting", "write it as key=value, and quotes round a value with blanks")
    if value.startswith(("[", "{")):
        return InvalidConfig(override, "cannot be read", f"close its brackets, as \"{key}=[one,'two words']\"")
    plain = value.strip("'\"").replace("'", "\\'")
    remedy = f"put two pairs of quotes round all of it: \"{key}='{plain}'\""
    return InvalidConfig(override, "has letters, blanks or signs that can only stand in quotes", remedy)


def _in_one_line(error: BaseException) -> str:
    """What Hydra or OmegaConf said, with its cause, without their line breaks and the hint to add a key by force."""
    lines: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PhinError):  # met while an object of the settings was made
            return str(cause).rstrip(".")
        for line in str(cause).splitlines():
            text = line.strip().rstrip(".")
            useful = text and not text.startswith(_NOISE)
            if useful and text not in lines:
                lines.append(text)
        cause = cause.__cause__
    return "; ".join(lines)


def _leave(command: str, message: str, status: int = 1) -> NoReturn:
    say(f"phin-{command}", message)
    sys.exit(status)
