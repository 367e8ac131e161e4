"""The engine that draws with torch: a DecodeStep and the cache of the tunes that it draws."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from phin.generation.limits import Limits
from phin.generation.play import play
from phin.generation.request import SamplerConfig, Stream, TuneRequest
from phin.generation.rows import Rows, in_streams
from phin.generation.sampling import Sampling
from phin.generation.step import DecodeStep, StepLimits
from phin.model.checkpoint import Identity
from phin.model.transformer import KVCache, PhinTransformer, RowInputs
from phin.music.phrase import Phrase
from phin.tokenizer import Tokenizer


class TorchEngine:
    """A model in torch, as `phin.generation.play.Engine`."""

    def __init__(self, model: PhinTransformer, identity: Identity) -> None:
        self.model, self.identity = model, identity

    @property
    def tokenizer(self) -> Tokenizer:
        return self.identity.tokenizer

    @property
    def corpus(self) -> str:
        return self.identity.corpus

    @property
    def learned_fields(self) -> tuple[bool, ...]:
        return self.identity.learned_fields

    def step(self, sampler: SamplerConfig, streams: Sequence[Stream], window: int | None = None) -> "TorchStep":
        return TorchStep(DecodeStep(self.model, self.learned_fields), sampler, streams, window)


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
    """A DecodeStep with the cache of the tunes that it draws. Slots are made in blocks and written where they lie.

    With streams each tune is drawn from several styles at once; without, from the conditions of its rows alone.
    """

    BLOCK = 64

    def __init__(
        self, step: DecodeStep, sampler: SamplerConfig, streams: Sequence[Stream] = (), window: int | None = None
    ) -> None:
        self.step, self.window, self.streams = step, window, streams
        weight = next(step.parameters())
        self.device, self.weights = weight.device, weight.new_tensor([each.weight for each in streams] or [1.0])
        self.sampling = Sampling.of(sampler, weight)
        self._slots: KVCache | None = None
        self._used = 0

    @torch.inference_mode()
    def __call__(
        self, rows: Rows, noise: Float[np.ndarray, "tune id"], limits: Limits
    ) -> tuple[Int[np.ndarray, "tune 6"], Float[np.ndarray, "tune id"]]:
        """The rows after `rows`, and how likely each id was."""
        given = RowInputs(*(self._tensor(column) for column in in_streams(rows, self.streams)))
        tables = StepLimits(*(self._tensor(table) for table in limits.tables))
        drawn, own = self.step(
            given, self._slots, self._tensor(noise), tables, self.weights, self.sampling, self.window
        )
        self._keep(own)
        return drawn.ids.cpu().numpy(), drawn.chances.cpu().numpy()

    def _tensor(self, column: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(column)).to(self.device)

    def _keep(self, own: KVCache) -> None:
        """Writes rows into slots that are free, after making room."""
        if self._slots is None or self._used + own.length > self._slots.length:
            self._make_room(own)
        assert self._slots is not None
        here = slice(self._used, self._used + own.length)
        self._slots.keys[:, :, :, here], self._slots.values[:, :, :, here] = own.keys, own.values
        self._slots.onset[:, here], self._slots.place[:, here] = own.onset, own.place
        self._used += own.length

    def _make_room(self, own: KVCache) -> None:
        """More slots; under a window first those whose rows no tune will see again."""
        slots = self._slots
        if slots is not None and self.window is not None:
            seen = (slots.place == 0) | (slots.place > own.place.amax(dim=1, keepdim=True) - self.window)
            kept = torch.nonzero(seen.any(dim=0)).flatten()
            slots = KVCache(
                slots.keys[:, :, :, kept], slots.values[:, :, :, kept], slots.onset[:, kept], slots.place[:, kept]
            )
            self._used = len(kept)
        more = self.BLOCK * -(-max(own.length, 1) // self.BLOCK)
        layers, count, heads, _, width = own.keys.shape
        empty = KVCache(
            *own.keys.new_zeros((2, layers, count, heads, more, width)),
            onset=own.onset.new_zeros((count, more)),
            place=own.place.new_full((count, more), -1),
        )
        self._slots = empty if slots is None else slots.joined(empty)
