"""The model in the box: the one that comes with phin, and plays where no other is named.

Its folder holds the weights (safetensors, in half precision) and the decode step in eight bits with its manifest, as
`phin-export` would write it; the model card beside them says what it learned from, how well it reads, and what it
cannot do. `experiments/pretrained/` makes all of it.
"""

from importlib.util import find_spec
from pathlib import Path

from phin.errors import InvalidCheckpoint

PRETRAINED = "pretrained"
"""What a command calls it: `checkpoint=pretrained`. Who has a folder of that name writes ./pretrained."""
FOLDER = Path(__file__).resolve().parent
WEIGHTS = "weights.safetensors"
MADE = "made.json"
"""How it was made, and what it was found to read."""


def meant(checkpoint: str | Path) -> Path:
    """The file or folder that a checkpoint's name means: the weights in the box, or what it says.

    Raises InvalidCheckpoint where the box is empty.
    """
    if str(checkpoint) != PRETRAINED:
        return Path(checkpoint)
    if not (weights := FOLDER / WEIGHTS).is_file():
        reason = "is not in this copy of phin"
        raise InvalidCheckpoint(f"checkpoint={PRETRAINED}", reason, "make it (make pretrained), or name another")
    return weights


def played(checkpoint: str, precision: str | None) -> tuple[str, str | None]:
    """What plays, and in which precision, where a checkpoint is named: of the model in the box the graph in eight
    bits, unless the weights are asked for (fp32) or ONNX Runtime is not installed; of all else what it says.

    Raises InvalidCheckpoint where the box is empty.
    """
    if checkpoint != PRETRAINED:
        return checkpoint, precision
    meant(checkpoint)
    if precision == "fp32" or (precision is None and find_spec("onnxruntime") is None):
        return PRETRAINED, None
    return str(FOLDER), "int8"
