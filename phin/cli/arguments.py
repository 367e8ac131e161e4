"""How the commands that take files or folders run: by argparse, a mistake is one line and a non-zero exit."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from phin.cli.interrupts import heard, loaded, stoppable
from phin.cli.screen import of_a_file, say, screen
from phin.errors import InvalidConfig, PhinError, Stopped


class Parser(argparse.ArgumentParser):
    """Says a mistake in the arguments in one line."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(command, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")

    def run(self, task: Callable[[argparse.Namespace], list[str]], argv: Sequence[str] | None) -> None:
        """Prints the lines of a task; exits with 1 after one line on stderr where the user can mend what went wrong."""
        loaded()
        with screen(self.prog):
            arguments = self.parse_args(argv)
            try:
                with stoppable(), heard():
                    for line in task(arguments):
                        print(line)
            except PhinError as error:
                self._leave(error)
            except OSError as error:
                if error.filename is None:  # of the screen
                    raise
                self._leave(of_a_file(error, self.prog))
            except KeyboardInterrupt:
                say(self.prog, "interrupted")
                sys.exit(128 + signal.SIGINT)
            except Stopped as stopped:
                say(self.prog, str(stopped))
                sys.exit(128 + signal.SIGTERM)

    def _leave(self, error: PhinError) -> NoReturn:
        say(self.prog, str(error))
        sys.exit(1)


class FileParser(Parser):
    """Takes IN and OUT, and what is added to them."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(command, description)
        self.add_argument("source", metavar="IN")
        self.add_argument("target", metavar="OUT")
        self.add_argument("--overwrite", action="store_true", help="write OUT also where there is such a file already")


def files_of(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """IN and OUT. Raises InvalidConfig where OUT is IN, or is there and is not to be written over."""
    source, target = Path(arguments.source), Path(arguments.target)
    is_one = os.path.realpath(source) == os.path.realpath(target)
    if is_one or (os.path.exists(source) and os.path.exists(target) and source.samefile(target)):
        raise InvalidConfig(str(target), "is the file that is read", "give OUT another name")
    if os.path.isdir(target):
        raise InvalidConfig(str(target), "OUT is a folder", "name a file")
    if os.path.lexists(target) and not arguments.overwrite:
        raise InvalidConfig(str(target), "is there already", "give OUT another name, or add --overwrite")
    return source, target
