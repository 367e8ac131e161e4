"""How a run is gone on with: the settings it began with, kept in its folder, under what may change."""

from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from phin.config import RESUME_AUTO, in_a_sweep
from phin.difference import differences
from phin.errors import InvalidConfig
from phin.evaluation.runs.run_folder import FREE, OVERRIDES, SETTINGS
from phin.whole_file import whole_file

Held = TypeVar("Held", list, dict)

STEPS_BEFORE = "max_steps_before"
"""Beside the settings in config.yaml: how many steps the run was to have, before it was given others."""
MAY_CHANGE = (
    "trainer.max_steps=",
    "trainer.max_time=",
    "threads=",
    "logger",
    "callbacks",
    "sampler",
    *(f"{key}=" for key in FREE),
)
"""Overrides that leave a run the same run; any other would make it another one."""
DECIDES_THE_RUN = ("init", "data", "model", "loss", "optimizer", "scheduler", "seed")
"""Settings that must still be what they were, wherever a change of them came from."""


class Kept(NamedTuple):
    """The settings that a run goes on with: those kept in its folder, under what was set now."""

    settings: DictConfig
    overrides: list[str]
    """The same as the user would type them, but for where the run lies."""
    begins_again: bool
    """Whether it has no checkpoint yet, and so nothing to go on from but its settings."""


def settings_to_go_on_with(folder: Path, resume: str | None) -> Kept | None:
    """The settings of the run that goes on in `folder`, or None where one begins there with those given now.

    In a sweep that is always None: its settings are typed anew each time, and `refuse_another_run` compares them.
    Raises InvalidConfig where the folder holds another run, or where a setting changed that would make it another.
    """
    if in_a_sweep():
        if placed := [text for text in HydraConfig.get().overrides.task if text.startswith(("resume=", "run="))]:
            raise InvalidConfig(
                placed[0], "means nothing in a sweep, whose runs get folders of their own", "leave it out"
            )
        return None
    if resume not in (None, RESUME_AUTO):
        if Path(resume).is_file():
            raise InvalidConfig(f"resume={resume}", "is a file", "name the folder of a phin-train run")
        _refuse_beside(resume, folder)
    if folder.exists() and not folder.is_dir():
        raise InvalidConfig(f"run={folder}", "is a file", "name a folder, or leave it out for a new one")
    if not (folder / OVERRIDES).is_file():
        if resume in (None, RESUME_AUTO):
            return None
        raise InvalidConfig(f"resume={folder}", "no run began there", "name the folder of a phin-train run")
    has_begun = any((folder / "checkpoints").glob("*.ckpt"))
    if not has_begun and resume in (None, RESUME_AUTO):
        return None  # nothing would be lost: it begins anew, with the settings given now
    if resume is None:
        raise InvalidConfig(
            f"run={folder}", "holds a run already", f"go on with resume={folder}, or name another folder"
        )
    began_with = _began_with(folder)
    now = [text for text in own_overrides() if text not in began_with]
    fixed = [text for text in now if not text.startswith(MAY_CHANGE)]
    if has_begun and fixed:
        raise InvalidConfig(
            fixed[0], f"cannot change in a run that goes on ({folder})", "leave it out, or begin a new run with it"
        )
    overrides = _together(began_with, now)
    settings = compose("train", overrides=overrides)
    OmegaConf.update(settings, "run", str(folder))
    OmegaConf.update(settings, "resume", resume)
    if has_begun:
        _refuse_drift(folder, OmegaConf.to_container(settings, resolve=True, enum_to_str=True))
    return Kept(settings, overrides, begins_again=not has_begun)


def refuse_another_run(folder: Path, settings: Any) -> None:
    """Raises InvalidConfig where a sweep's job finds a run with other settings in its folder."""
    if not any((folder / "checkpoints").glob("*.ckpt")) or not (folder / OVERRIDES).is_file():
        return
    now, then = own_overrides(), _began_with(folder)
    new, gone = (
        [text for text in some if text not in others and not text.startswith(MAY_CHANGE)]
        for some, others in ((now, then), (then, now))
    )
    if new or gone:
        reason = f"holds a run with other settings (then: {_said(gone)}; now: {_said(new)})"
        raise InvalidConfig(folder, reason, "name another folder for this sweep: hydra.sweep.dir=DIR")
    _refuse_drift(folder, OmegaConf.to_container(OmegaConf.structured(settings), resolve=True, enum_to_str=True))


def _said(settings: list[str]) -> str:
    return " ".join(settings) or "without"


def is_changed(folder: Path) -> bool:
    """Whether anything is set that the run in `folder` did not begin with."""
    return any(text not in _began_with(folder) for text in own_overrides())


def _refuse_beside(resume: str, folder: Path) -> None:
    """Raises InvalidConfig where another folder, or other weights to begin with, are asked for beside `resume`."""
    if folder.resolve() != Path(resume).resolve():
        reason = f"contradicts resume={resume}: a run goes on in its own folder"
        raise InvalidConfig(f"run={folder}", reason, "leave one of them out")
    began_with = _began_with(folder)
    for text in own_overrides():
        if text.startswith("init=") and text not in began_with:
            reason = f"contradicts resume={resume}: a run goes on with its own weights"
            raise InvalidConfig(text, reason, "leave one of them out")


def _together(before: list[str], now: list[str]) -> list[str]:
    """Both, but of what is set twice the later: Hydra takes no choice of a group twice."""
    set_now = {_key(text) for text in now}
    return [*(text for text in before if _key(text) not in set_now), *now]


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _began_with(folder: Path) -> list[str]:
    """The overrides of the run in `folder`; none where no run began."""
    kept = folder / OVERRIDES
    return [str(text) for text in _read(kept, list)] if kept.is_file() else []


def _read(path: Path, kind: type[Held]) -> Held:
    """What a file of the run's settings holds. Raises InvalidConfig where it is gone or torn."""
    try:
        held = OmegaConf.to_container(OmegaConf.load(path), resolve=True, enum_to_str=True)
    except (OSError, YAMLError, UnicodeDecodeError, OmegaConfBaseException):
        held = None
    if not isinstance(held, kind):
        reason = "cannot be read, and a run goes on with the settings in it"
        raise InvalidConfig(path, reason, "begin a new run; what is in checkpoints/ can still be played")
    return held


def remember(settings: Any, folder: Path, overrides: list[str]) -> None:
    """Keeps the settings a run begins or goes on with: as a whole, and as overrides for going on.

    Where it goes on to another number of steps, what that was before is kept too (STEPS_BEFORE): its learning rate
    came down with the old one, so it is not the run that had the new one from the start.
    """
    whole: Any = OmegaConf.to_container(OmegaConf.structured(settings), enum_to_str=True)
    if any((folder / "checkpoints").glob("*.ckpt")) and (folder / SETTINGS).is_file():
        before = _read(folder / SETTINGS, dict)
        steps = before["trainer"]["max_steps"]
        changed = [steps] if steps != whole["trainer"]["max_steps"] else []
        if all_before := [*before.get(STEPS_BEFORE, []), *changed]:
            whole[STEPS_BEFORE] = all_before
    folder.mkdir(parents=True, exist_ok=True)
    for name, kept in ((SETTINGS, OmegaConf.create(whole)), (OVERRIDES, OmegaConf.create(overrides))):
        with whole_file(folder / name) as partial:
            OmegaConf.save(kept, partial)


def own_overrides() -> list[str]:
    """What the user set, but for where the run lies and what launches it."""
    return [text for text in HydraConfig.get().overrides.task if not text.startswith(("resume=", "run=", "sweep="))]


def _refuse_drift(folder: Path, now: Any) -> None:
    """Raises InvalidConfig where conf/ says something else today than when the run began."""
    then, decides = _read(folder / SETTINGS, dict), DECIDES_THE_RUN
    changed = differences({key: then.get(key) for key in decides}, {key: now[key] for key in decides})
    said = "; ".join(f"{key} was {was} and is {current}" for key, was, current in changed if key not in FREE)
    if said:
        raise InvalidConfig(folder, f"cannot go on, its settings changed: {said}", "set them back, or begin a new run")
