"""How the tests make a mistake and hear of it."""

from collections.abc import Callable, Sequence

import pytest


def complaint_of(main: Callable[[Sequence[str]], None], capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command says of a mistake: one line and a status."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code in (1, 2)
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line
