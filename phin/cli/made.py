"""Objects of other libraries, made from their settings before anything is written: what they refuse is one line."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf.errors import OmegaConfBaseException

from phin.errors import InvalidConfig, PhinError

Made = TypeVar("Made")

_MEND = "mend the setting it names"
_KINDS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false", type(None): "null"}
"""What can be typed as one word, and how it is called."""
_OBJECT = "settings of a "


def made(key: str, settings: Any, kind: type[Made], **given: Any) -> Made:
    """The object of `kind` that the settings under `key` describe, with what is `given` beside them.

    Raises InvalidConfig where they describe none.
    """
    _refuse_target(key, settings, kind)
    try:
        return instantiate(settings, **given)
    except InstantiationException as error:
        raise _refused(key, error) from None


def optimizer_maker(settings: dict[str, Any]) -> Any:
    """What makes an optimizer of groups of parameters, tried on two. Raises InvalidConfig where it makes none."""
    import torch
    from torch.optim import Optimizer

    from phin.training.muon import HIDDEN

    _refuse_target("optimizer", settings, Optimizer)
    betas = settings.get("betas", (0.9, 0.95))
    if not isinstance(betas, list | tuple) or len(betas) != 2:
        raise InvalidConfig(f"optimizer.betas={betas}", "are not two numbers", "take [0.9,0.95]")
    try:
        make = instantiate(settings)
        matrix, vector = (torch.zeros(shape, requires_grad=True) for shape in ((2, 2), (2,)))
        make([{"params": [matrix], HIDDEN: True}, {"params": [vector]}])
    except InstantiationException as error:
        raise _refused("optimizer", error) from None
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise InvalidConfig("optimizer", _said(error), _MEND) from None
    return make


def _refuse_target(key: str, settings: Any, kind: type) -> None:
    """Only what makes an object of `kind` is called: a class of that kind, or a function that says it returns one.

    Its settings must be of the kinds that it says it takes.
    """
    target = settings.get("_target_") if isinstance(settings, Mapping) else None
    remedy = f"take the dotted name of {'an' if kind.__name__[0] in 'AEIO' else 'a'} {kind.__name__}"
    if not isinstance(target, str):
        raise InvalidConfig(f"{key}._target_", f"is not set, so {key} names nothing that can be made", remedy)
    try:
        found = get_object(target)
    except (ImportError, ValueError, AttributeError, InstantiationException, OmegaConfBaseException):
        raise InvalidConfig(f"{key}._target_={target}", "there is no such object", remedy) from None
    returned = found if isinstance(found, type) else getattr(found, "__annotations__", {}).get("return")
    if not (isinstance(returned, type) and issubclass(returned, kind)):
        raise InvalidConfig(f"{key}._target_={target}", f"makes no {kind.__name__}", remedy)
    for name, wanted in get_type_hints(found.__init__ if isinstance(found, type) else found).items():
        if name in settings and not _fits(value := settings[name], wanted):
            kinds = list(dict.fromkeys(_kinds(wanted)))
            words = [kind for kind in kinds if not kind.startswith(_OBJECT)]
            said = " or ".join(kinds if set(words) <= {"null"} else words)  # who can type a number need make no object
            shown = "null" if value is None else value
            raise InvalidConfig(f"{key}.{name}={shown}", f"must be {said}", "mend it, or leave it out")


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a setting is of a kind; of lists and tables, which other objects are made from, nothing is said."""
    if isinstance(value, list | Mapping) or wanted is Any:
        return True
    if get_origin(wanted) is Literal:
        return value in get_args(wanted)
    if kinds := get_args(wanted):
        return any(_fits(value, kind) for kind in kinds)
    if wanted is int or wanted is float:
        is_number = isinstance(value, int | float if wanted is float else int) and not isinstance(value, bool)
        return is_number and math.isfinite(value) and abs(value) < 2**63
    return isinstance(value, wanted)


def _kinds(wanted: Any) -> Iterator[str]:
    """What a person can type for a kind."""
    if get_origin(wanted) is Literal:
        yield from map(str, get_args(wanted))
    elif kinds := get_args(wanted):
        for kind in kinds:
            yield from _kinds(kind)
    elif wanted in _KINDS:
        yield _KINDS[wanted]
    else:
        yield f"{_OBJECT}{wanted.__name__}"


def _refused(key: str, error: InstantiationException) -> PhinError:
    """Why nothing was made, in our own words where we refused it."""
    cause = error.__cause__ or error
    if isinstance(cause, PhinError):
        return InvalidConfig(f"{key}: {cause.where}", cause.reason, cause.remedy)
    return InvalidConfig(key, _said(cause), _MEND)


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".!") or type(error).__name__
