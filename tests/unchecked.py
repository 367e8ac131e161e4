"""Where shapes are not checked: what is traced or compiled must not have it, for the checks would be traced too, and
fix its sizes; and long tests go without, unless all is asked for (`--shapes=all`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping


@contextmanager
def unchecked() -> Iterator[None]:
    """No shapes are checked in the block."""
    before = jaxtyping.config.jaxtyping_disable
    check_shapes(False)
    try:
        yield
    finally:
        check_shapes(not before)


def check_shapes(wanted: bool) -> None:
    """From now on."""
    jaxtyping.config.update("jaxtyping_disable", not wanted)
