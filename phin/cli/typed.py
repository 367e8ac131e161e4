"""What a user typed, against the settings that a command has: a key that there is not, a list that is none."""

import re
from argparse import ArgumentError
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_origin

import yaml
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig

from phin.config import choices_of, conf_dir
from phin.difference import is_below, key_of
from phin.errors import InvalidConfig

_NO_NAME = re.compile(r"null|true|false|nan|[+-]?(inf|[\d.]+(e[+-]?\d+)?)|", re.IGNORECASE)
"""What Hydra takes for something else than the name of a file of settings."""


def understood(arguments: Sequence[str], schema: type) -> list[str]:
    """The arguments as Hydra takes them: what a table of settings is given (data.paths.thm=DIR) need not be there.

    Raises InvalidConfig for an option that there is not, for a key that is set twice, for one that is added (+) and
    that `schema` does not know, and for one thing where a list or a table is wanted.
    """
    _refuse_options(arguments, schema)
    set_by = dict[str, str]()
    for text in arguments:
        key, equals, _ = text.partition("=")
        if not equals or text.startswith(("-", "~", "hydra.")):  # a process that helps to train is given Hydra's again
            continue
        if not key.strip("+"):
            raise InvalidConfig(text, "names no setting", "write it as key=value")
        if key in set_by:
            raise InvalidConfig(text, f"stands beside {set_by[key]}", "leave one of them out")
        set_by[key] = text
    return [text if text.startswith(("-", "~")) else _understood(text, schema) for text in arguments]


def nearest(key: str, schema: type) -> str:
    """The setting that a mistyped key is likest; nothing where none is like it."""
    kind: Any = schema
    found = list[str]()
    for place in key.split("."):
        if is_dataclass(kind):
            kinds = {field.name: field.type for field in fields(kind)}
        else:
            kinds = dict.fromkeys(_set_in_conf(".".join(found)))
        like = [place] if place in kinds else get_close_matches(place, kinds, n=1)
        if not like:
            return ""
        found += like
        kind = kinds[like[0]]
    return ".".join(found)


def number_like(key: str, schema: type) -> str | None:
    """A number that a setting could be, where its kind says too little: the one that it is unless set."""
    kind: Any = schema
    default: Any = None
    for place in key.split("."):
        found = [field for field in fields(kind) if field.name == place] if is_dataclass(kind) else []
        if not found:
            return None
        kind, default = found[0].type, found[0].default
        if place == "tempo":
            return "100"
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    return str(default) if is_number and default else None  # 0 is no example


def _set_in_conf(group: str) -> set[str]:
    """What the files of a group set of other libraries' objects."""
    files = [conf_dir() / group / f"{name}.yaml" for name in choices_of(group)]
    return {str(key) for file in files for key in yaml.safe_load(file.read_text("utf-8")) or ()} - {"defaults"}


def _refuse_options(arguments: Sequence[str], schema: type) -> None:
    """Raises InvalidConfig for what looks like an option and is none of Hydra's, which would print all of its own."""
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        _, strange = parser.parse_known_args(list(arguments))
    except ArgumentError as error:
        remedy = "write settings as key=value, without a hyphen; --help shows them"
        raise InvalidConfig(error.argument_name or "options", error.message, remedy) from None
    for text in strange:
        if not text.startswith("-"):
            raise InvalidConfig(text, "stands after an option that stands among settings", "write options first")
        name = text.lstrip("-").partition("=")[0]
        is_setting = name in {field.name for field in fields(schema)}
        remedy = f"write {name}=VALUE" if is_setting else "write settings as key=value; --help shows them"
        raise InvalidConfig(text, "is no option", remedy)


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
            meant = nearest(".".join((name, *names)), schema)
            remedy = f"take {meant} if you mean that" if meant else "leave it out"
            raise InvalidConfig(text, "there is no such setting", f"{remedy}; --help shows those that there are")
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
