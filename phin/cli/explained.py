"""A command's settings as `--help` shows them: each with its value, under what it means."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from omegaconf import DictConfig, OmegaConf

from phin.meanings import meanings

WIDTH = 110
"""Columns of a line of explanation."""


def explained(schema: Any, *, _root_: DictConfig) -> str:
    """The settings of a command as YAML, each under its docstring in `schema`; an OmegaConf resolver.

    A dollar is doubled, as Hydra's template wants it.
    """
    settings = OmegaConf.to_container(_root_)
    assert isinstance(settings, dict)
    del settings["hydra"]
    return "\n".join(_lines(schema, settings, "")).replace("$", "$$")


def _lines(schema: Any, settings: Any, indent: str) -> Iterator[str]:
    said, kinds = meanings(schema), _kinds(schema)
    for key, value in settings.items():
        for line in textwrap.wrap(said.get(key, ""), WIDTH - len(indent)):
            yield f"{indent}# {line}"
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from _lines(kinds.get(key), value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {_written(value)}"


def _written(value: Any) -> str:
    """A value as a user would type it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return "{}" if value == {} else str(value)


def _kinds(schema: Any) -> dict[str, Any]:
    return {field.name: field.type for field in fields(schema)} if is_dataclass(schema) else {}
