"""Weights & Biases, offline unless the person is logged in."""

import netrc
import os
from pathlib import Path

from lightning.pytorch.loggers import WandbLogger

WANDB_HOST = "api.wandb.ai"


def wandb_logger(project: str, save_dir: str, offline: bool | None = None) -> WandbLogger:
    """A logger that writes under `save_dir`; `offline` None means: online for those who are logged in.

    An offline run is sent later with `wandb sync <run>/wandb/offline-run-*`.
    """
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("WANDB_SILENT", "true")
    name = "-".join(Path(save_dir).parts[-2:])
    offline = not is_logged_in() if offline is None else offline
    logger = WandbLogger(project=project, save_dir=save_dir, name=name, offline=offline)
    # Lightning 2.6 hands it on even where nobody set it, and W&B 0.31 warns at each start that it does nothing
    getattr(logger, "_wandb_init", {}).pop("anonymous", None)
    return logger


def is_logged_in() -> bool:
    """Whether W&B would find a key: in the environment, or in the netrc file that `wandb login` writes."""
    if os.environ.get("WANDB_MODE") in ("offline", "disabled"):
        return False
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(os.environ.get("WANDB_BASE_URL", WANDB_HOST)) is not None
    except (OSError, netrc.NetrcParseError):
        return False
