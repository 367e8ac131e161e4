"""The engine that a checkpoint, an exported folder or a program for phones names."""

import os
from pathlib import Path

from phin.cli.interrupts import loading
from phin.errors import InvalidCheckpoint, InvalidConfig
from phin.generation.exported import GRAPHS, MANIFEST, Precision
from phin.generation.mobile_file import SUFFIX as MOBILE
from phin.generation.play import Engine
from phin.pretrained import PRETRAINED, played


def refuse_precision(precision: str | None) -> None:
    """Raises InvalidConfig for a precision that is none."""
    if precision not in (None, *(known := [each.value for each in Precision])):
        remedy = f"take one of {', '.join(known)}"
        raise InvalidConfig(f"precision={precision}", "is no precision of an exported model", remedy)


def is_exported(checkpoint: str) -> bool:
    """Whether it names an exported folder, be it torn."""
    return any((Path(checkpoint) / name).is_file() for name in (MANIFEST, *GRAPHS.values()))


def refuse_missing(checkpoint: str) -> None:
    """Raises InvalidCheckpoint where a checkpoint's name is that of nothing which could be there."""
    if checkpoint and checkpoint != PRETRAINED and not os.path.exists(checkpoint):
        remedy = "name a .ckpt file, the folder of a run or of an exported model, or pretrained; phin-train makes one"
        raise InvalidCheckpoint(checkpoint, "there is no such file or folder", remedy)


def open_engine(checkpoint: str, precision: str | None) -> Engine:
    """What draws the tunes: ONNX Runtime for an exported model, ExecuTorch for a program, else torch, which only then
    is needed.
    """
    refuse_missing(checkpoint)
    checkpoint, precision = played(checkpoint, precision)
    if is_exported(checkpoint):
        with loading("interrupted"):
            from phin.runtime.onnx_engine import OnnxEngine

        return OnnxEngine(checkpoint, Precision(precision or Precision.FP32.value))
    if Path(checkpoint).suffix == MOBILE:
        if precision is not None:
            reason = "means nothing for a program for phones, which has one"
            raise InvalidConfig(f"precision={precision}", reason, "leave it out")
        with loading("interrupted"):
            from phin.runtime.executorch_engine import ExecutorchEngine

        return ExecutorchEngine(checkpoint)
    with loading("interrupted"):
        import torch

        from phin.generation.torch_engine import TorchEngine
        from phin.model.checkpoint import find, load

    path = find(checkpoint)
    if precision is not None:
        reason = "means nothing for a checkpoint, whose weights are as they were trained"
        remedy = "export it, with phin-export, and name that folder"
        raise InvalidConfig(f"precision={precision}", reason, remedy)
    torch.set_num_threads(1)  # a step is too small for two
    return TorchEngine(*load(path))
