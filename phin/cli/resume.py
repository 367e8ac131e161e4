"""How a run is gone on with: the settings it began with, kept in its folder, under what may change."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from phin.config import RESUME_AUTO, in_a_sweep
from phin.difference import MISSING, Difference, differences, flat, is_below, key_of, moved
from phin.errors import InvalidConfig
from phin.evaluation.runs.run_folder import OUTSIDE, OVERRIDES, PLACE, SETTINGS, may_change
from phin.whole_file import whole_file

Held = TypeVar("Held", list, dict)

STEPS_BEFORE = "max_steps_before"
"""Beside the settings in config.yaml: how many steps the run was to have, before it was given others."""
MOST_SAID = 6
"""Differences that are named; of more, how many they are."""


class Kept(NamedTuple):
    """What a run goes on with: the settings kept in its folder, under what was set now."""

    settings: Any
    """An object of the command's schema."""
    overrides: list[str]
    """What was set as the user would type it, now and before, but for where the run lies."""
    begins_again: bool
    """Whether it has no checkpoint yet, and so nothing to go on from but its settings."""
    drift: str
    """What conf/ says otherwise today, in words; the run goes on as it began."""


def settings_to_go_on_with(folder: Path, resume: str | None, schema: type) -> Kept | None:
    """The settings of the run that goes on in `folder`, or None where one begins there with those given now.

    In a sweep that is always None: its settings are typed anew each time, and `refuse_another_run` compares them.
    Raises InvalidConfig where the folder holds another run, or where a setting changed that would make it another; for
    `auto`, which a run can also begin with, also where that change is of conf/.
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
            _refuse_what_no_run_began(folder)
            return None
        raise InvalidConfig(f"resume={folder}", "no run began there", "name the folder of a phin-train run")
    has_begun = any((folder / "checkpoints").glob("*.ckpt"))
    if not has_begun and resume in (None, RESUME_AUTO):
        return None  # nothing would be lost: it begins anew, with the settings given now
    if resume is None:
        raise InvalidConfig(
            f"run={folder}", "holds a run already", f"go on with resume={folder}, or name another folder"
        )
    typed, began_with = own_overrides(), _began_with(folder)
    kept = _kept(folder)
    before = dict(flat(kept))
    changed = {key: value for key, value in _asked_for(typed, folder).items() if before.get(key, MISSING) != value}
    if has_begun and (fixed := [key for key in changed if not may_change(key)]):
        _refuse_change(typed, fixed, before, changed, folder)
    for key, value in changed.items():
        _set(kept, key.split("."), value)
    overrides = _together(began_with, typed)
    drift = _said(_drift(folder, overrides, kept)) if has_begun else ""
    if drift and resume == RESUME_AUTO:
        remedy = f"set them back, go on with resume={folder}, or begin a new run"
        raise InvalidConfig(folder, f"cannot go on, its settings changed: {drift}", remedy)
    return Kept(_as_object(kept, schema, folder), overrides, begins_again=not has_begun, drift=drift)


def refuse_another_run(folder: Path, settings: Any) -> None:
    """Raises InvalidConfig where a sweep's job finds a run with other settings in its folder."""
    if not any((folder / "checkpoints").glob("*.ckpt")) or not (folder / OVERRIDES).is_file():
        return
    if other := _said([each for each in _since(folder, settings) if not may_change(each.key)]):
        remedy = "name another folder for this sweep: hydra.sweep.dir=DIR"
        raise InvalidConfig(folder, f"holds a run with other settings ({other})", remedy)


def is_changed(folder: Path, settings: Any) -> bool:
    """Whether the run in `folder` was made with other settings than these, but for where and how it is looked at."""
    kept = (folder / SETTINGS).is_file()
    return not kept or any(not is_below(each.key, (*PLACE, *OUTSIDE)) for each in _since(folder, settings))


def remember(settings: Any, folder: Path, overrides: list[str]) -> None:
    """Keeps the settings a run begins or goes on with: as a whole, and as overrides, which name it.

    Where it goes on to another number of steps, what that was before is kept too (STEPS_BEFORE): its learning rate
    came down with the old one, so it is not the run that had the new one from the start.
    """
    whole = _plain(settings)
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
    return [text for text in HydraConfig.get().overrides.task if not is_below(key_of(text), (*PLACE, "sweep"))]


def _refuse_what_no_run_began(folder: Path) -> None:
    """Raises InvalidConfig where a run would write among files that are not its own, or go on from them."""
    for found in sorted(folder.glob("[!.]*")):
        reason = f"holds {found.name}, and not the settings of a run that wrote it ({OVERRIDES})"
        raise InvalidConfig(f"run={folder}", reason, "name a new folder")


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


def _refuse_change(
    typed: list[str], fixed: list[str], before: dict[str, Any], changed: dict[str, Any], folder: Path
) -> None:
    """Raises InvalidConfig for what was typed and cannot change."""
    of_typed = [text for text in typed if any(is_below(key, [key_of(text)]) for key in fixed)]
    said = _said([Difference(key, before.get(key, MISSING), changed[key]) for key in fixed])
    remedy = "leave it out, or begin a new run with it"
    raise InvalidConfig((of_typed or typed)[0], f"cannot change in a run that goes on ({folder}): {said}", remedy)


def _asked_for(typed: list[str], folder: Path) -> dict[str, Any]:
    """What was typed, by dotted key: all that it sets, even to what it is in conf/; MISSING where it removes."""
    if not typed:
        return {}
    usual, now = (dict(flat(_composed(some, folder))) for some in ([], typed))
    keys = [key_of(text) for text in typed]
    return {
        key: now.get(key, MISSING)
        for key in sorted({*usual, *now})
        if not is_below(key, PLACE) and (is_below(key, keys) or usual.get(key, MISSING) != now.get(key, MISSING))
    }


def _composed(overrides: list[str], folder: Path) -> dict[str, Any]:
    """All settings of a run in `folder` with these overrides, from the files that this command reads."""
    settings = compose(HydraConfig.get().job.config_name, overrides=overrides)
    OmegaConf.update(settings, "run", str(folder))
    return _plain(settings)


def _drift(folder: Path, overrides: list[str], kept: dict[str, Any]) -> list[Difference]:
    """What conf/ says otherwise than the run began with; nothing, where it has not what the run was begun with."""
    try:
        now = _composed(overrides, folder)
    except (HydraException, OmegaConfBaseException):
        return []
    return [each for each in differences(kept, now) if not may_change(each.key)]


def _since(folder: Path, settings: Any) -> list[Difference]:
    """What is otherwise in settings than in those kept with the run in a folder.

    A setting that an older version of phin did not have counts as what it is unless it is set.
    """
    return differences(_plain(_as_object(_kept(folder), type(settings), folder)), _plain(settings))


def _said(found: Iterable[Difference]) -> str:
    said = [f"{key} was {was} and is {current}" for key, was, current in found]
    more = [f"{len(said) - MOST_SAID} more"] if len(said) > MOST_SAID else []
    return "; ".join([*said[:MOST_SAID], *more])


def _together(before: list[str], now: list[str]) -> list[str]:
    """Both, but of what is set twice the later: Hydra takes no choice of a group twice."""
    set_now = {key_of(text) for text in now}
    return [*(text for text in before if key_of(text) not in set_now), *now]


def _began_with(folder: Path) -> list[str]:
    """The overrides of the run in `folder`; none where no run began."""
    kept = folder / OVERRIDES
    return [str(text) for text in _read(kept, list)] if kept.is_file() else []


def _kept(folder: Path) -> dict[str, Any]:
    """The settings kept with the run in a folder, where it lies now."""
    kept = _read(folder / SETTINGS, dict)
    kept.pop(STEPS_BEFORE, None)
    return moved(kept, str(kept.get("run")), str(folder))


def _read(path: Path, kind: type[Held]) -> Held:
    """What a file of the run's settings holds. Raises InvalidConfig where it is gone or torn."""
    try:
        held = OmegaConf.to_container(OmegaConf.load(path), resolve=True, enum_to_str=True)
    except (OSError, YAMLError, UnicodeDecodeError, OmegaConfBaseException):
        held = None
    if not isinstance(held, kind) or held == {}:
        reason = "cannot be read, and a run goes on with the settings in it"
        raise InvalidConfig(path, reason, "begin a new run; what is in checkpoints/ can still be played")
    return held


def _as_object(kept: dict[str, Any], schema: type, folder: Path) -> Any:
    """Settings as an object. Raises InvalidConfig where a schema of today does not hold them."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), kept)
        assert isinstance(merged, DictConfig)
        return OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        reason = f"is torn, or of another version of phin ({' '.join(str(error).split()).partition(' full_key')[0]})"
        raise InvalidConfig(folder / SETTINGS, reason, "go on with that version, or begin a new run") from None


def _plain(settings: Any) -> dict[str, Any]:
    whole = OmegaConf.to_container(OmegaConf.structured(settings), resolve=True, enum_to_str=True)
    assert isinstance(whole, dict)
    return {str(key): value for key, value in whole.items()}


def _set(table: dict[str, Any], path: list[str], value: Any) -> None:
    """Sets what lies at a path, or removes it (MISSING), and with it tables that it leaves empty."""
    first, *below = path
    if below and value is MISSING:
        if isinstance(inner := table.get(first), dict):
            _set(inner, below, value)
            if not inner:
                del table[first]
    elif below:
        if not isinstance(table.get(first), dict):
            table[first] = {}
        _set(table[first], below, value)
    elif value is MISSING:
        table.pop(first, None)
    else:
        table[first] = value
