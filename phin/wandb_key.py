"""Whether a person is logged in at Weights & Biases, asked without importing it."""

import netrc
import os

WANDB_HOST = "api.wandb.ai"


def is_logged_in() -> bool:
    """Whether W&B would find a key: in the environment, or in the netrc file that `wandb login` writes."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(os.environ.get("WANDB_BASE_URL", WANDB_HOST)) is not None
    except (OSError, netrc.NetrcParseError):
        return False
