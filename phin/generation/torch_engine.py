"""The engine that draws with torch: a DecodeStep and the cache of the tunes that it draws."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from phin.generation.draw import Drawn
from phin.generation.limits import Limits
from phin.generation.play import play
from phin.generation.reading import Mixture, Reading, read
from phin.generation.request import SamplerConfig, Stream, TuneRequest
from phin.generation.rows import Rows
from phin.generation.sampling import Sampling
from phin.generation.slots import Room, Slots
from phin.generation.step import DecodeStep, StepCache, StepLimits
from phin.generation.together import Turn, side_by_side
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

    @torch.inference_mode()
    def together(self, turns: Sequence[Turn]) -> list[Drawn]:
        """As `phin.generation.together.DrawsTogether` says."""
        beside, steps = side_by_side(turns), [turn.step for turn in turns if isinstance(turn.step, TorchStep)]
        first = steps[0]
        reading, limits = Reading(*map(first.tensor, beside.reading)), StepLimits(*map(first.tensor, beside.limits))
        mixture, sampling = Mixture(*map(first.tensor, beside.mixture)), Sampling(*map(first.tensor, beside.sampling))

        def laid(layers: Sequence[Tensor]) -> Tensor:
            """Keys or values of one layer."""
            heads, width = layers[0].shape[1], layers[0].shape[3]
            whole = layers[0].new_zeros(beside.rows[-1].stop, heads, beside.num_slots, width)
            for layer, rows, used in zip(layers, beside.rows, beside.used, strict=True):
                whole[rows, :, :used] = layer[:, :, :used]
            return whole

        keys, values = (tuple(map(laid, zip(*of, strict=True))) for of in zip(*(s.cache for s in steps), strict=True))
        noise = first.tensor(beside.noise)
        drawn, own = self.decode(reading, StepCache(keys, values), noise, limits, mixture, sampling)
        for turn, step, rows in zip(turns, steps, beside.rows, strict=True):
            step.hold(turn.rows, StepCache(*(tuple(layer[rows] for layer in each) for each in own)))
        ids, chances = drawn.ids.cpu().numpy(), drawn.chances.cpu().numpy()
        return [(ids[tunes], chances[tunes]) for tunes in beside.tunes]

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
        self.step, self.sampler, self.streams = step, sampler, streams
        weight = next(step.parameters())
        self.device, self.dtype = weight.device, weight.dtype
        self.slots = Slots(count, window)
        self._mix(count)
        config = step.model.config
        nothing = weight.new_zeros(max(len(streams), 1) * count, config.num_heads, 0, config.dim // config.num_heads)
        self.cache = StepCache(*[(nothing,) * config.num_layers] * 2)

    @torch.inference_mode()
    def __call__(self, rows: Rows, noise: Float[np.ndarray, "tune id"], limits: Limits) -> Drawn:
        """The rows after `rows`, and how likely each id was."""
        given = Reading(*map(self.tensor, read(rows, self.slots, self.streams)))
        tables = StepLimits(*map(self.tensor, limits.tables))
        drawn, own = self.step(given, self.cache, self.tensor(noise), tables, *self._settings)
        self.hold(rows, own)
        return drawn.ids.cpu().numpy(), drawn.chances.cpu().numpy()

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Goes on with some of the tunes only."""
        count, streams = len(self.slots.place), max(len(self.streams), 1)
        self.slots.keep(which)
        self._mix(len(which))
        place = self.tensor(np.concatenate([which + stream * count for stream in range(streams)]))
        self.cache = StepCache(*(tuple(layer[place] for layer in each) for each in self.cache))

    def _mix(self, count: int) -> None:
        """Prepares what holds for so many tunes until there are fewer."""
        self.mixture, self.sampling = Mixture.of(self.streams, count), self.sampler.numbers(count)
        self._settings = Mixture(*map(self.tensor, self.mixture)), Sampling(*map(self.tensor, self.sampling))

    def tensor(self, column: np.ndarray) -> Tensor:
        """Where the weights are, real numbers of double precision as precise as they are."""
        given = torch.from_numpy(np.ascontiguousarray(column)).to(self.device)
        return given.to(self.dtype) if given.dtype == torch.float64 else given

    def hold(self, rows: Rows, own: StepCache) -> None:
        """Writes the keys and values of rows into slots that are free, after making room."""
        if room := self.slots.room_for(rows):
            self.cache = StepCache(*(tuple(self._moved(layer, room) for layer in each) for each in self.cache))
        here = self.slots.take(rows)
        for slots, new in zip(self.cache.keys + self.cache.values, own.keys + own.values, strict=True):
            slots[:, :, here] = new

    def _moved(self, old: Tensor, room: Room) -> Tensor:
        """What is kept of `old`, in a cache with room for more."""
        count, heads, _, width = old.shape
        moved = old.new_zeros((count, heads, room.size, width))
        moved[:, :, : len(room.kept)] = old[:, :, self.tensor(room.kept)]
        return moved
