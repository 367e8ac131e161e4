"""Silence for libraries that speak past Python too: what they write to the process's stderr is lost."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing is heard in the block but exceptions and errors that are logged: no warnings, nothing from C++."""
    sys.stderr.flush()
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    kept, nowhere = os.dup(STDERR), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDERR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nowhere)
