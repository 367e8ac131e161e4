"""What a user typed, against the settings that a command has: a key that there is not, a list that is none."""

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_origin

from hydra.core.hydra_config import HydraConfig

from phin.config import choices_of
from phin.difference import is_below, key_of
from phin.errors import InvalidConfig

_NO_NAME = re.compile(r"null|true|false|nan|[+-]?(inf|[\d.]+(e[+-]?\d+)?)|", re.IGNORECASE)
"""What Hydra takes for something else than the name of a file of settings."""


def understood(arguments: Sequence[str], schema: type) -> list[str]:
    """The arguments as Hydra takes them: what a table of settings is given (data.paths.thm=DIR) need not be there.

    Raises InvalidConfig for a key that is added (+) and that `schema` does not know, and for one thing where a list
    or a table is wanted.
    """
    return [text if text.startswith(("-", "~")) else _understood(text, schema) for text in arguments]


def typed(*names: str) -> list[str]:
    """What was typed of these settings and those within them, word for word; nothing where no command runs.

    A default that is typed is no other than one that is not, and yet it asks for something.
    """
    overrides = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    return [text for text in overrides if is_below(key_of(text), names)]


def refuse_unheard(names: Sequence[str], reason: str, remedy: str = "leave it out") -> None:
    """Raises InvalidConfig for the first of these settings that was typed."""
    for text in typed(*names):
        raise InvalidConfig(text, reason, remedy)


def _understood(text: str, schema: type) -> str:
    typed, equals, value = text.partition("=")
    key = typed.lstrip("+")
    name, *names = key.partition("@")[0].replace("/", ".").split(".")
    if name == "hydra" or not equals:
        return text
    chosen = [part.strip() for part in value.strip("[]").split(",")]
    if not names and (known := choices_of(name)) and value != "[]" and any(map(_NO_NAME.fullmatch, chosen)):
        raise InvalidConfig(text, f"is no choice of {name}", f"take one of {', '.join(known)}")
    kind: Any = schema
    depth = 0
    for place in (name, *names):
        if not is_dataclass(kind):
            break
        depth += 1
        kinds = {field.name: field.type for field in fields(kind)}
        if place not in kinds:
            if typed == key:
                return text  # Hydra says so, with what there is
            raise InvalidConfig(text, "there is no such setting", "leave it out; --help shows those that there are")
        kind = kinds[place]
    if _is_one_thing(value, but="[") and get_origin(kind) is list:
        parts = [part.partition(":")[0].strip() for part in value.strip("{}").split(",")]
        raise InvalidConfig(text, "is no list", f"write {key}=[{','.join(parts)}]")
    if depth > 1 and get_origin(kind) is dict:  # others are groups, whose keys their files say
        if depth == len((name, *names)) and _is_one_thing(value, but="{"):
            raise InvalidConfig(text, "is no table", f"write {key}.NAME={value.strip('[]')}, or {key}={{NAME: VALUE}}")
        return f"++{key}={value}"
    return text


def _is_one_thing(value: str, but: str) -> bool:
    """Whether a value is no `but` that opens a list or a table, and nothing that stands for another value."""
    return not value.startswith((but, "$", "'$", '"$')) and value != "null" and "(" not in value
