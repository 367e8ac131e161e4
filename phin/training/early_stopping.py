"""When a run stops that gets no better."""

from typing import Any

from lightning.pytorch import callbacks


class EarlyStopping(callbacks.EarlyStopping):
    """Lightning's, except that the patience that is set holds, and not the one that a checkpoint was saved with."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "patience": self.patience})
