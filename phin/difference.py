"""Nested tables of settings, by dotted key: what differs between two, which setting an override means."""

from collections.abc import Iterable, Iterator
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


def is_below(key: str, keys: Iterable[str]) -> bool:
    """Whether a dotted key is one of `keys`, or stands below one."""
    return any(key == other or key.startswith(f"{other}.") for other in keys)


def key_of(override: str) -> str:
    """The dotted key that an override sets, in whatever way: `+a.b=1`, `~a.b`, `a/b@c=d`."""
    return override.lstrip("+~").partition("=")[0].partition("@")[0].replace("/", ".")


def moved(settings: dict[str, Any], there: str, here: str) -> dict[str, Any]:
    """Settings in which paths that lie in the folder `there` lie in `here`."""

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return moved(value, there, here)
        lies_there = isinstance(value, str) and there and (value == there or value.startswith(f"{there}/"))
        return here + value[len(there) :] if lies_there else value

    return {key: of(value) for key, value in settings.items()}
