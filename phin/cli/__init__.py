"""The console scripts, a module each. Ctrl-C in one that is still being loaded is a line, not a page."""

import sys
from pathlib import Path
from types import TracebackType

from phin.cli.screen import say


def _except_an_interrupt(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        say(Path(sys.argv[0]).name, "interrupted")
    else:
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _except_an_interrupt
