"""What the settings of a dataclass mean: the string that stands under each, read from its source."""

import ast
import inspect
import textwrap
from dataclasses import is_dataclass
from functools import cache
from typing import Any


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
