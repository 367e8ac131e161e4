"""Objects of other libraries, made from their settings before anything is written: what they refuse is one line."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf.errors import OmegaConfBaseException

from phin.errors import InvalidConfig

Made = TypeVar("Made")

_MEND = "mend the setting it names"
_NUMBERS = ("lr", "weight_decay", "eps", "momentum")


def made(key: str, settings: Any, kind: type[Made], **given: Any) -> Made:
    """The object of `kind` that the settings under `key` describe, with what is `given` beside them.

    Raises InvalidConfig where they describe none.
    """
    _refuse_target(key, settings, kind)
    try:
        return instantiate(settings, **given)
    except InstantiationException as error:
        raise InvalidConfig(key, _said(error.__cause__ or error), _MEND) from None


def optimizer_maker(settings: dict[str, Any]) -> Any:
    """What makes an optimizer of groups of parameters, tried on one. Raises InvalidConfig where it makes none."""
    import torch
    from torch.optim import Optimizer

    _refuse_target("optimizer", settings, Optimizer)
    for name in _NUMBERS:
        value = settings.get(name, 0.0)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidConfig(f"optimizer.{name}={value}", "is no number to train with", "take a finite number")
    betas = settings.get("betas", (0.9, 0.95))
    if not isinstance(betas, list | tuple) or len(betas) != 2:
        raise InvalidConfig(f"optimizer.betas={betas}", "are not two numbers", "take [0.9,0.95]")
    try:
        make = instantiate(settings)
        make([{"params": [torch.zeros(1, requires_grad=True)]}])
    except InstantiationException as error:
        raise InvalidConfig("optimizer", _said(error.__cause__ or error), _MEND) from None
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise InvalidConfig("optimizer", _said(error), _MEND) from None
    return make


def _refuse_target(key: str, settings: Any, kind: type) -> None:
    """Only what makes an object of `kind` is called: a class of that kind, or a function that says it returns one."""
    target = settings.get("_target_") if isinstance(settings, Mapping) else None
    remedy = f"take the dotted name of a {kind.__name__}"
    if not isinstance(target, str):
        raise InvalidConfig(f"{key}._target_", f"is not set, so {key} names nothing that can be made", remedy)
    try:
        found = get_object(target)
    except (ImportError, ValueError, AttributeError, InstantiationException, OmegaConfBaseException):
        raise InvalidConfig(f"{key}._target_={target}", "there is no such object", remedy) from None
    returned = found if isinstance(found, type) else getattr(found, "__annotations__", {}).get("return")
    if not (isinstance(returned, type) and issubclass(returned, kind)):
        raise InvalidConfig(f"{key}._target_={target}", f"makes no {kind.__name__}", remedy)


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".!") or type(error).__name__
