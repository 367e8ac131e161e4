"""A command's settings as `--help` shows them: each with its value, under what it means."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

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


@cache
def meanings(schema: Any) -> dict[str, str]:
    """By field of a dataclass, what the string under it says."""
    if not is_dataclass(schema):
        return {}
    assert isinstance(schema, type)
    found = dict[str, str]()
    for base in reversed([each for each in schema.__mro__ if is_dataclass(each)]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(body, ast.ClassDef)
        for field, under in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(under, ast.Expr):
                value = under.value.value if isinstance(under.value, ast.Constant) else None
                found |= {field.target.id: " ".join(value.split())} if isinstance(value, str) else {}
    return found
