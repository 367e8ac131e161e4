"""The engine that draws with ExecuTorch, from a file NAME.pte that phin-export wrote: what a phone computes, here.

On a phone an app loads the same file with ExecuTorch's own library, and no torch. Its Python binding takes and gives
tensors, so that here torch is imported (by `executorch.runtime` itself, and to hand arrays over): no module of ours is.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from phin.errors import InvalidCheckpoint, PhinError
from phin.generation.limits import Kind, Limits
from phin.generation.mobile_file import METHOD, read_program
from phin.generation.quiet import quiet
from phin.generation.reading import Mixture, read
from phin.generation.request import SamplerConfig, Stream
from phin.generation.rows import Rows
from phin.generation.slots import Slots
from phin.tokenizer import FIRST_IDS, NUM_FIELDS

with quiet():  # of executorch about itself: its Python binding is experimental
    Runtime: Any = import_module("executorch.runtime").Runtime
    set_threads: Any = import_module("executorch.extension.pybindings.portable_lib")._unsafe_reset_threadpool


class ExecutorchEngine:
    """A program for a phone, as `phin.generation.play.Engine`."""

    def __init__(self, path: str | Path) -> None:
        program, self.about = read_program(path)
        try:
            with quiet():
                set_threads(1)  # a step is too small for two
                self._program = Runtime.get().load_program(program)  # its method does not keep it alive
                method = self._program.load_method(METHOD)
        except RuntimeError as error:
            reason = f"cannot be loaded by this version of executorch ({error})"
            raise InvalidCheckpoint(path, reason, "export the model again: phin-export") from None
        assert method is not None, "the manifest told of it"
        self.run = method.execute

    def step(
        self, count: int, sampler: SamplerConfig, streams: Sequence[Stream], window: int | None = None
    ) -> "ExecutorchStep":
        return ExecutorchStep(self, count, sampler, streams, window)


class ExecutorchStep:
    """The `count` tunes that a program is in, each with its own cache; `streams` as for TorchStep."""

    def __init__(
        self,
        engine: ExecutorchEngine,
        count: int,
        sampler: SamplerConfig,
        streams: Sequence[Stream] = (),
        window: int | None = None,
    ) -> None:
        self.tunes = [_Tune(engine, sampler, streams, window) for _ in range(count)]

    def __call__(
        self, rows: Rows, noise: Float[np.ndarray, "tune id"], limits: Limits
    ) -> tuple[Int[np.ndarray, "tune 6"], Float[np.ndarray, "tune id"]]:
        """The rows after `rows`, and how likely each id was."""
        ids = np.empty((len(self.tunes), NUM_FIELDS), np.int64)
        chances = np.empty((len(self.tunes), FIRST_IDS[-1]), np.float32)
        step, after, kind, recalled, cost = limits.tables
        for number, tune in enumerate(self.tunes):
            one, first = slice(number, number + 1), number * len(Kind)
            of_limits = step[one], after[first : first + len(Kind)], kind[one] - first, recalled[one], cost[one]
            given = list(map(_tensor, (noise[one], *of_limits)))
            for place in np.flatnonzero(rows.place[number] >= 0).tolist():  # nothing comes of what a prompt draws
                ids[one], chances[one] = tune.read(_row(rows, one, slice(place, place + 1)), given)
        return ids, chances

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Goes on with some of the tunes only."""
        self.tunes = [self.tunes[number] for number in which.tolist()]


class _Tune:
    """The cache of one tune: an array a layer, keys and values, that the program reads where it lies."""

    def __init__(
        self, engine: ExecutorchEngine, sampler: SamplerConfig, streams: Sequence[Stream], window: int | None
    ) -> None:
        self.engine, self.streams, made = engine, streams, engine.about
        self.slots = Slots(1, window)
        nothing = np.zeros((max(len(streams), 1), made.num_heads, 0, made.head_width), np.float32)
        self._hold([nothing] * (2 * made.num_layers))
        temperature, ranks, *others = sampler.numbers(1)
        mixture = Mixture.of(streams, 1)
        self._settings = list(map(_tensor, (*mixture, temperature, np.array(len(ranks)), *others)))

    def read(self, row: Rows, given: Sequence[Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """What comes after one more row, and how likely each id was."""
        if room := self.slots.room_for(row):
            if room.size > self.engine.about.most_slots:
                reason = f"is longer than the {self.engine.about.most_slots} notes that a program for a phone can hold"
                raise PhinError("the tune", reason, "ask for fewer lines")
            self._hold([room.moved(each) for each in self._cached])
        reading = map(_tensor, read(row, self.slots, self.streams))
        drawn, chances, *own = self.engine.run([*reading, *given, *self._settings, *self._held])
        here = self.slots.take(row)
        for cached, new in zip(self._cached, own, strict=True):
            cached[:, :, here] = new.numpy()
        return drawn.numpy(), chances.numpy()

    def _hold(self, cached: list[Float[np.ndarray, "row head slot width"]]) -> None:
        self._cached, self._held = cached, list(map(torch.from_numpy, cached))


def _row(rows: Rows, tune: slice, place: slice) -> Rows:
    *columns, bar, closing, conditions, places = rows
    here = (each[tune, place] for each in columns)
    of_tune = {"bar": bar[tune], "closing": closing[tune], "conditions": conditions[tune]}
    return Rows(*here, **of_tune, place=places[tune, place])


def _tensor(values: np.ndarray) -> Tensor:
    """Real numbers as precise as the program takes them."""
    values = values.astype(np.float32) if values.dtype == np.float64 else values
    return torch.from_numpy(np.asarray(values, order="C"))
