"""An engine whose graph runs in a page's wasm, while all else is Python's: arithmetic alone is left to differ."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np

from phin.generation.exported import Precision
from phin.runtime.onnx_engine import OnnxEngine
from tests.web.playing import Playground, packed, unpacked

RUN = """async ([player, told, wanted]) => {
  const arrays = { int64: BigInt64Array, float32: Float32Array, bool: Uint8Array };
  const feeds = {};
  for (const [name, kind, shape, data] of told) {
    feeds[name] = new ort.Tensor(kind, new arrays[kind](bytes(data)), shape);
  }
  const found = await window[player].engine.session.run(feeds);
  return wanted.map((name) => base64(found[name].data));
}"""


class PageEngine(OnnxEngine):
    """An OnnxEngine of a folder, which a player of the page has opened too."""

    def __init__(self, folder: Path, ground: Playground, player: str, precision: Precision = Precision.FP32) -> None:
        super().__init__(folder, precision)
        self.session: Any = _PageSession(ground, player)


class _PageSession:
    """What OnnxStep asks of a session: bound arrays go to the page, and what it answers lies where it was bound."""

    def __init__(self, ground: Playground, player: str) -> None:
        self.ground, self.player = ground, player

    def io_binding(self) -> "_Binding":
        return _Binding()

    def run_with_iobinding(self, binding: "_Binding") -> None:
        told = [
            [name, str(array.dtype), list(array.shape), packed(array)] for name, array in binding.inputs.items()
        ]  # fmt: skip
        for (kind, shape, place), text in zip(
            binding.outputs.values(), self.ground.run(RUN, self.player, told, list(binding.outputs)), strict=True
        ):
            found = unpacked(text, kind, *shape)
            ctypes.memmove(place, found.ctypes.data, found.nbytes)


class _Binding:
    def __init__(self) -> None:
        self.inputs = dict[str, np.ndarray]()
        self.outputs = dict[str, tuple[Any, tuple[int, ...], int]]()

    def bind_cpu_input(self, name: str, array: np.ndarray) -> None:
        self.inputs[name] = array

    def bind_output(self, name: str, _: str, __: int, kind: Any, shape: tuple[int, ...], place: int) -> None:
        self.outputs[name] = kind, tuple(shape), place
