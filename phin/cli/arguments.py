"""How the commands that take two files run: arguments by argparse, a mistake is one line and a non-zero exit."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from phin.errors import PhinError


class Parser(argparse.ArgumentParser):
    """Says a mistake in the arguments in one line; takes IN and OUT, and what is added to them."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(command, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.add_argument("source", metavar="IN")
        self.add_argument("target", metavar="OUT")

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")

    def run(self, task: Callable[[argparse.Namespace], list[str]], argv: Sequence[str] | None) -> None:
        """Prints the lines of a task; exits with 1 after one line on stderr where the user can mend what went wrong."""
        arguments = self.parse_args(argv)
        try:
            for line in task(arguments):
                print(line)
        except PhinError as error:
            print(f"{self.prog}: {error}", file=sys.stderr)
            sys.exit(1)
