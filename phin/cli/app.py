"""How every command runs: Hydra composes its settings, a user's mistake becomes one line and a non-zero exit."""

import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import hydra
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from phin.cli.explained import explained
from phin.cli.interrupts import heard, loaded, stoppable
from phin.cli.screen import leave_unread, of_a_file, say, screen
from phin.cli.sweep import OF_SWEEPS, Refused, Sweep, begin_job, interrupted, keep_failure
from phin.cli.typed import nearest, number_like, understood
from phin.config import choices_of, conf_dir, in_a_sweep, register
from phin.errors import InvalidConfig, PhinError, Stopped, to_install

OF_EXTRAS = {**dict.fromkeys(("onnx", "onnxscript", "onnxruntime"), "export"), "executorch": "mobile"}
"""What an extra installs that exported models need, by module."""
KINDS = {
    "Integer": ("no whole number", "one, as 4"),
    "Float": ("no number", "one, as 0.5"),
    "bool": ("neither yes nor no", "true or false"),
}
"""What a setting is not, and what to take instead, by the kind of value that OmegaConf wants."""
_OF_ANOTHER_KIND = re.compile(
    r"override (?P<typed>\S+=.*); Value .*(could not be converted to|is not a valid) (?P<kind>\w+)"
)
_UNKNOWN = re.compile(r"Could not override '(?P<key>[^']+)'; Key '[^']+' (is )?not in (?P<kind>'?\w+'?)")
_NOT_TAKEN_OUT = re.compile(r"Error merging override (?P<typed>~\S+);")
_NO_CHOICE = re.compile(r"In '.*': Could not load '(?P<group>\w+)/(?P<name>\w+)'")
_NOISE = ("To append to your", "full_key", "object_type", "reference_type", "Config search path", "provider=")


def run(command: str, schema: type, task: Callable[[Any], Any]) -> None:
    """Runs `task` with the command's settings as an object of `schema`; conf/<command>.yaml holds their defaults.

    Exits with 1 after one line on stderr where the user can mend what went wrong, with 130 on an interrupt.
    """
    register(command, schema)
    OmegaConf.register_new_resolver("settings", partial(explained, schema), replace=True)  # conf/terminal.yaml: --help
    try:
        sys.argv = [sys.argv[0], *understood(sys.argv[1:], schema)]  # which is where Hydra reads it
    except PhinError as error:
        _leave(command, str(error))
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands every error on, and the lines below say it

    line_of = partial(_line, command=command, schema=schema)
    failures: list[Exception] = []
    Sweep.begun = None

    def hydra_task(config: DictConfig) -> Any:
        if in_a_sweep():
            begin_job()
        try:
            with heard():
                return task(OmegaConf.to_object(config))
        except BrokenPipeError:
            leave_unread()  # here, or Hydra has a word to say
        except (PhinError, HydraException, OmegaConfBaseException, OSError) as error:
            named = of_a_file(error, command) if isinstance(error, OSError) else error
            if in_a_sweep():
                return keep_failure(line_of(named))
            failures.append(named)
            return None
        except Exception as error:
            if not in_a_sweep():
                if (missing := _missing(error)) is None:
                    raise
                failures.append(missing)
                return None
            first_line = f"{type(error).__name__}: {error}".partition("\n")[0]
            return keep_failure(first_line, traceback.format_exc())

    app = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=command)(hydra_task)
    try:
        loaded()
        with stoppable(), heard(), screen(f"phin-{command}"):
            app()
    except OverrideParseException as error:
        failures.append(_unread(error.override))
    except (PhinError, HydraException, OmegaConfBaseException) as error:
        failures.append(error)
    except Refused as refused:
        failures.append(refused.error)
    except KeyboardInterrupt as error:
        of_a_run = "" if Sweep.begun else "".join(f". {said}." for said in error.args)
        _leave(command, f"{interrupted()}{of_a_run}", status=128 + signal.SIGINT)
    except Stopped as stopped:
        of_a_sweep = f"stopped{Sweep.begun.to_go_on()}" if Sweep.begun else ""
        _leave(command, of_a_sweep or str(stopped), status=128 + signal.SIGTERM)
    except Exception as error:
        ended = Sweep.begun.ended_by(error) if Sweep.begun else None
        if ended is None:
            raise
        failures.append(ended)
    finally:
        if Sweep.begun:
            Sweep.begun.lock.release()  # another process may go on with it
    failed_jobs = Sweep.begun.failed_jobs() if Sweep.begun else []
    lines = [*failed_jobs, *map(line_of, failures)]
    for line in lines[:-1]:
        say(f"phin-{command}", line)
    if lines:
        _leave(command, lines[-1])


def _line(failure: Exception, command: str, schema: type) -> str:
    """What is said of a failure."""
    if isinstance(failure, PhinError):
        return str(failure)
    if isinstance(failure, MissingConfigException) and failure.missing_cfg_file in OF_SWEEPS:
        remedy = f"install what sweeps need: {to_install('sweep')}"
        return str(PhinError(failure.missing_cfg_file, "is not installed", remedy))
    if isinstance(failure, MissingConfigException) and failure.missing_cfg_file and failure.options:
        group, _, name = failure.missing_cfg_file.rpartition("/")
        remedy = f"take one of {', '.join(sorted(failure.options))}"
        return str(InvalidConfig(f"{group}={name}", f"is no choice of {group}", remedy))
    if isinstance(failure, MissingMandatoryValue):
        key = failure.full_key or str(failure.key)
        return str(InvalidConfig(key, "is not set", f"write {key}=... (phin-{command} --help says what it can be)"))
    said = _in_one_line(failure)
    if (other := _OF_ANOTHER_KIND.search(said)) and (kind := KINDS.get(other["kind"])):
        like = number_like(other["typed"].partition("=")[0], schema)
        return str(InvalidConfig(other["typed"], f"is {kind[0]}", f"take {f'one, as {like}' if like else kind[1]}"))
    if (no_choice := _NO_CHOICE.search(said)) and (known := choices_of(no_choice["group"])):
        where = f"{no_choice['group']}={no_choice['name']}"
        return str(InvalidConfig(where, f"is no choice of {no_choice['group']}", f"take one of {', '.join(known)}"))
    if unknown := _UNKNOWN.search(said):
        of_a_library = unknown["kind"] == "struct"  # whose objects take more than conf/ sets
        remedy = f"write +{unknown['key']}=... if it takes that" if of_a_library else "leave it out"
        if meant := nearest(unknown["key"], schema):
            remedy = f"take {meant} if you mean that, or {remedy}"
        reason = "is not set in conf/" if of_a_library else "there is no such setting"
        return str(InvalidConfig(unknown["key"], reason, f"{remedy}; phin-{command} --help shows those that there are"))
    if fixed := _NOT_TAKEN_OUT.match(said):
        return str(InvalidConfig(fixed["typed"], "cannot be taken out", "set it to what you want instead"))
    return f"{said}. See phin-{command} --help."


def _missing(error: Exception) -> PhinError | None:
    """What is said where something is not installed that only exported models need; None where it is something else."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if name not in OF_EXTRAS:
        return None
    remedy = f"install what exported models need: {to_install(OF_EXTRAS[name])}"
    return PhinError(name, "is not installed", remedy)


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
