"""The engine that draws with ONNX Runtime, from a folder that phin-export wrote. No torch is needed."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from jaxtyping import Float, Int

from phin.checksum import sha256_of
from phin.errors import InvalidCheckpoint
from phin.generation.draw import Drawn
from phin.generation.exported import (
    GRAPHS,
    INPUTS,
    MANIFEST,
    NEW,
    OUTPUTS,
    SETTINGS,
    Manifest,
    Precision,
    cache_names,
)
from phin.generation.limits import Limits
from phin.generation.reading import Mixture, read
from phin.generation.request import SamplerConfig, Stream
from phin.generation.rows import Rows
from phin.generation.slots import Slots
from phin.generation.together import SideBySide, Turn, side_by_side
from phin.tokenizer import FIRST_IDS, NUM_FIELDS

SMALL = 2**14
"""Bytes: more are sooner bound anew than copied."""
Cache = Float[np.ndarray, "array _row head _slot width"]
"""The keys, then the values, of each layer."""


class OnnxEngine:
    """An exported model, as `phin.generation.play.Engine`."""

    def __init__(self, folder: str | Path, precision: Precision = Precision.FP32) -> None:
        self.about, self.precision = Manifest.read(folder), precision
        name = GRAPHS[precision]
        path = Path(folder) / name
        remedy = "export the model again: phin-export"
        if not path.is_file():
            raise InvalidCheckpoint(path, "there is no such file", remedy)
        if sha256_of(path) != self.about.sha256.get(name):
            raise InvalidCheckpoint(path, f"is not the graph that {MANIFEST} tells of", remedy)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a step is too small for two
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        self.cached = cache_names(self.about.num_layers)
        self.outputs = [*OUTPUTS, *cache_names(self.about.num_layers, "own_")]
        self._desk = _Desk(len(self.cached), self.about.num_heads, self.about.head_width)

    def step(
        self, count: int, sampler: SamplerConfig, streams: Sequence[Stream], window: int | None = None
    ) -> "OnnxStep":
        return OnnxStep(self, count, sampler, streams, window)

    def together(self, turns: Sequence[Turn]) -> list[Drawn]:
        """As `phin.generation.together.DrawsTogether` says."""
        beside, steps = side_by_side(turns), [turn.step for turn in turns if isinstance(turn.step, OnnxStep)]
        given = (*beside.reading, beside.noise, *beside.limits, *beside.mixture, *beside.sampling)
        cached = self._desk.laid([step.cached for step in steps], beside)
        feeds = dict(zip((*INPUTS, *self.cached), (*map(_single, given), *cached), strict=True))
        ids, chances, *own = map(np.asarray, self.session.run(self.outputs, feeds))
        of_rows = np.stack(own)
        for turn, step, rows in zip(turns, steps, beside.rows, strict=True):
            step.hold(turn.rows, of_rows[:, rows])
        ids = ids.astype(np.int64)  # the runtime's own kind of it has another name
        return [(ids[tunes], chances[tunes]) for tunes in beside.tunes]


class _Desk:
    """Where the caches of several steps are laid side by side; it grows to the largest that was needed."""

    def __init__(self, num_arrays: int, num_heads: int, head_width: int) -> None:
        self._num_arrays, self._shape = num_arrays, (num_heads, head_width)
        self._space = np.zeros(0, np.float32)

    def laid(self, caches: Sequence[Cache], beside: SideBySide) -> Cache:
        """Those of all. What lies in slots that are not used is seen by nobody."""
        heads, width = self._shape
        shape = self._num_arrays, beside.rows[-1].stop, heads, beside.num_slots, width
        if self._space.size < (size := math.prod(shape)):
            self._space = np.zeros(size, np.float32)
        laid = self._space[:size].reshape(shape)
        for cache, rows, used in zip(caches, beside.rows, beside.used, strict=True):
            laid[:, rows, :, :used] = cache[:, :, :, :used]
        return laid


class OnnxStep:
    """The exported step with the cache of the `count` tunes that it draws; `streams` as for TorchStep.

    What the graph reads and writes is bound to it where it lies. Handing it over each time takes a tenth of a step, and
    binding it anew a twentieth: what is small and as large as before is copied to where it lay.
    """

    def __init__(
        self,
        engine: OnnxEngine,
        count: int,
        sampler: SamplerConfig,
        streams: Sequence[Stream] = (),
        window: int | None = None,
    ) -> None:
        self.engine, self.sampler, self.streams = engine, sampler, streams
        self.slots = Slots(count, window)
        made, rows = engine.about, max(len(streams), 1) * count
        self.cached: Cache = np.zeros((2 * made.num_layers, rows, made.num_heads, 0, made.head_width), np.float32)
        self._binding = engine.session.io_binding()
        self._drawn = self._chances = self._own = np.zeros(0)
        """What the graph last wrote: the next rows, how likely each id was, and what those it read add to the cache."""
        self._written_of = 0, 0
        """Of how many tunes, and of how many rows of each."""
        self._places: dict[str, np.ndarray] = {}
        """What is copied for it to read."""
        self._bound: dict[str, np.ndarray] = {}
        """What it reads: it does not keep arrays alive by itself."""
        self._mix(count)

    def __call__(self, rows: Rows, noise: Float[np.ndarray, "tune id"], limits: Limits) -> Drawn:
        """The rows after `rows`, and how likely each id was."""
        self._make_place(*rows.place.shape)
        for name, value in zip(NEW, (*read(rows, self.slots, self.streams), noise, *limits.tables), strict=True):
            self._hand_over(name, value)
        self.engine.session.run_with_iobinding(self._binding)
        self.hold(rows, self._own)
        return self._drawn.copy(), self._chances.copy()

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Goes on with some of the tunes only."""
        of_rows = np.concatenate([which + first for first in range(0, self.cached.shape[1], len(self.slots.place))])
        self.slots.keep(which)
        (moved,) = np.nonzero(of_rows != np.arange(len(of_rows)))
        self.cached[:, moved] = self.cached[:, of_rows[moved]]
        self.cached = self.cached[:, : len(of_rows)]
        self._mix(len(which))

    def _mix(self, count: int) -> None:
        """Binds what holds for so many tunes until there are fewer."""
        self.mixture, self.sampling = Mixture.of(self.streams, count), self.sampler.numbers(count)
        for name, value in zip(SETTINGS, (*self.mixture, *self.sampling), strict=True):
            self._bind(name, _single(value))
        self._bind_cache()

    def _hand_over(self, name: str, value: np.ndarray) -> None:
        place = self._places.get(name)
        if place is not None and place.shape == value.shape:
            np.copyto(place, value)
        elif value.nbytes <= SMALL:
            self._places[name] = place = np.array(value, order="C")
            self._bind(name, place)
        else:
            self._places.pop(name, None)
            self._bind(name, value)

    def _bind(self, name: str, value: np.ndarray) -> None:
        self._bound[name] = value = np.ascontiguousarray(value)
        self._binding.bind_cpu_input(name, value)

    def _bind_cache(self) -> None:
        for name, value in zip(self.engine.cached, self.cached, strict=True):
            self._bind(name, value)

    def _make_place(self, count: int, length: int) -> None:
        """For what the graph will write of `length` rows of `count` tunes, unless there is."""
        if self._written_of == (count, length):
            return
        self._written_of = count, length
        arrays, rows, heads, _, width = self.cached.shape
        self._drawn = np.empty((count, NUM_FIELDS), np.int64)
        self._chances = np.empty((count, FIRST_IDS[-1]), np.float32)
        self._own = np.empty((arrays, rows, heads, length, width), np.float32)
        for name, array in zip(self.engine.outputs, (self._drawn, self._chances, *self._own), strict=True):
            self._binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def hold(self, rows: Rows, own: Float[np.ndarray, "array row head time width"]) -> None:
        """Writes the keys and values of rows into slots that are free, after making room."""
        if room := self.slots.room_for(rows):
            self.cached = room.moved(self.cached)
            self._bind_cache()
        self.cached[:, :, :, self.slots.take(rows)] = own


def _single(values: np.ndarray) -> np.ndarray:
    """Real numbers as precise as the graph takes them."""
    return values.astype(np.float32) if values.dtype == np.float64 else values
