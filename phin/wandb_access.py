"""How Weights & Biases is reached: offline for who is not logged in, silently, and with one line where it cannot be."""

import netrc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast
from urllib.parse import urlsplit

from phin.errors import PhinError

WANDB_HOST = "api.wandb.ai"


def is_logged_in() -> bool:
    """Whether W&B would find a key: in the environment, or in the netrc file that `wandb login` writes.

    W&B itself is not imported, which takes half a second.
    """
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(_host()) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _host() -> str:
    """Under which name W&B's netrc has the key: its own server's, or the one that WANDB_BASE_URL names."""
    address = os.environ.get("WANDB_BASE_URL")
    return urlsplit(address).netloc if address else WANDB_HOST


Mode = Literal["online", "offline", "disabled", "shared"]


def mode_of(offline: bool | None = None) -> Mode:
    """W&B's mode: WANDB_MODE where it is set, else what is asked; None means online for those who are logged in."""
    asked = not is_logged_in() if offline is None else offline
    typed = cast(Mode, os.environ.get("WANDB_MODE", ""))  # W&B says what it does not know
    return typed or ("offline" if asked else "online")


@contextmanager
def begun(setting: str, remedy: str) -> Iterator[None]:
    """In it a run is begun that `setting` asked for. Raises PhinError where W&B cannot be reached."""
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb

    try:
        yield
    except wandb.Error as error:
        reason = f"W&B cannot be used ({' '.join(str(error).split()).rstrip('.')})"
        raise PhinError(setting, reason, f"log in with `wandb login`, or {remedy}") from None
