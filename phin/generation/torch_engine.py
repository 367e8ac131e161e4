"""The engine that draws with torch: a DecodeStep and the cache of the tunes that it draws."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from phin.generation.limits import Limits
from phin.generation.play import play
from phin.generation.reading import Mixture, Reading, read
from phin.generation.request import SamplerConfig, Stream, TuneRequest
from phin.generation.rows import Rows
from phin.generation.sampling import Sampling
from phin.generation.slots import Room, Slots
from phin.generation.step import DecodeStep, StepCache, StepLimits
from phin.model.checkpoint import Identity
from phin.model.transformer import PhinTransformer
from phin.music.phrase import Phrase


class TorchEngine:
    """A model in torch, as `phin.generation.play.Engine`."""

    def __init__(self, model: PhinTransformer, identity: Identity) -> None:
        self.model, self.about = model, identity
        self.decode = DecodeStep(model, identity.learned_fields)
        """Of the weights that the model has now."""

    def step(
        self, count: int, sampler: SamplerConfig, streams: Sequence[Stream], window: int | None = None
    ) -> "TorchStep":
        return TorchStep(self.decode, count, sampler, streams, window)

    def compiled(self) -> "TorchEngine":
        """The same engine with its step compiled, which takes the first tune a minute."""
        made = TorchEngine(self.model, self.about)
        made.decode.compile(dynamic=True)
        return made


def generate(
    model: PhinTransformer,
    identity: Identity,
    request: TuneRequest,
    count: int,
    seed: int,
    sampler: SamplerConfig | None = None,
) -> list[Phrase]:
    """`count` new tunes, as `play` plays them where nothing binds them."""
    return [each.phrase for each in play(TorchEngine(model, identity), request, count, seed, sampler)]


class TorchStep:
    """A DecodeStep with the cache of the `count` tunes that it draws.

    With streams each tune is drawn from several styles at once; without, from the conditions of its rows alone.
    """

    def __init__(
        self,
        step: DecodeStep,
        count: int,
        sampler: SamplerConfig,
        streams: Sequence[Stream] = (),
        window: int | None = None,
    ) -> None:
        self.step, self.streams = step, streams
        weight = next(step.parameters())
        self.device, self.dtype = weight.device, weight.dtype
        self.sampling = Sampling.of(sampler, weight)
        self.slots = Slots(count, window)
        self._mix(count)
        config = step.model.config
        nothing = weight.new_zeros(max(len(streams), 1) * count, config.num_heads, 0, config.dim // config.num_heads)
        self._cache = StepCache(*[(nothing,) * config.num_layers] * 2)

    @torch.inference_mode()
    def __call__(
        self, rows: Rows, noise: Float[np.ndarray, "tune id"], limits: Limits
    ) -> tuple[Int[np.ndarray, "tune 6"], Float[np.ndarray, "tune id"]]:
        """The rows after `rows`, and how likely each id was."""
        given = Reading(*map(self._tensor, read(rows, self.slots, self.streams)))
        tables = StepLimits(*map(self._tensor, limits.tables))
        drawn, own = self.step(given, self._cache, self._tensor(noise), tables, self._mixture, self.sampling)
        self._keep(rows, own)
        return drawn.ids.cpu().numpy(), drawn.chances.cpu().numpy()

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Goes on with some of the tunes only."""
        count, streams = len(self.slots.place), max(len(self.streams), 1)
        self.slots.keep(which)
        self._mix(len(which))
        place = self._tensor(np.concatenate([which + stream * count for stream in range(streams)]))
        self._cache = StepCache(*(tuple(layer[place] for layer in each) for each in self._cache))

    def _mix(self, count: int) -> None:
        weights, tune = map(self._tensor, Mixture.of(self.streams, count))
        self._mixture = Mixture(weights.to(self.dtype), tune)

    def _tensor(self, column: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(column)).to(self.device)

    def _keep(self, rows: Rows, own: StepCache) -> None:
        """Writes the keys and values of rows into slots that are free, after making room."""
        if room := self.slots.room_for(rows):
            self._cache = StepCache(*(tuple(self._moved(layer, room) for layer in each) for each in self._cache))
        here = self.slots.take(rows)
        for slots, new in zip(self._cache.keys + self._cache.values, own.keys + own.values, strict=True):
            slots[:, :, here] = new

    def _moved(self, old: Tensor, room: Room) -> Tensor:
        """What is kept of `old`, in a cache with room for more."""
        count, heads, _, width = old.shape
        moved = old.new_zeros((count, heads, room.size, width))
        moved[:, :, : len(room.kept)] = old[:, :, self._tensor(room.kept)]
        return moved
