"""Where something is to be written, tried before the work begins whose result it is."""

import tempfile
from pathlib import Path

from phin.errors import PhinError


def refuse_unwritable(folder: Path) -> None:
    """Raises PhinError where no file can be made in a folder."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        reason = f"cannot be used ({error.strerror or 'unknown error'})"
        raise PhinError(folder, reason, "name a folder that you may write to") from None
