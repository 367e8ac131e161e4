"""What differs between two nested tables of settings."""

from collections.abc import Iterator
from typing import Any, NamedTuple

MISSING = "missing"


class Difference(NamedTuple):
    """A setting by its dotted key, and its value in either table (MISSING where it has none)."""

    key: str
    there: Any
    here: Any


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[Difference]:
    """Every setting that is not the same in both, by key."""
    one, other = dict(flat(there)), dict(flat(here))
    pairs = (Difference(key, one.get(key, MISSING), other.get(key, MISSING)) for key in sorted({*one, *other}))
    return [pair for pair in pairs if pair.there != pair.here]


def flat(nested: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting by its dotted key."""
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
