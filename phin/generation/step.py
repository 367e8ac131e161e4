"""DecodeStep: the only place where logits become notes."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from phin.generation.limits import AFTER, NUM_AFTER
from phin.generation.reading import Mixture, Reading
from phin.generation.sampling import Sampling, draw
from phin.model.folded import FoldedEmbedding, FoldedHeads
from phin.model.transformer import PhinTransformer
from phin.music.phrase import Voice
from phin.tokenizer import NUM_FIELDS, NUM_SYMBOLS, PITCH, SIZES, STEP, UNKNOWN_ID, VOICE

OF_AFTER = [size for *voices, size in AFTER.values() for _ in range(*voices or (1,))]
"""Sizes of the tables after the step, the pitch's once a voice."""
assert sum(OF_AFTER) == NUM_AFTER


class StepLimits(NamedTuple):
    """What may be drawn, and how gladly, as `phin.generation.limits.Limits` says it."""

    step: Float[Tensor, "tune step"]
    after: Float[Tensor, "tune*kind limit"]
    kind: Int[Tensor, "tune step"]
    """Which row of `after` each step leads to."""
    recalled: Int[Tensor, "tune 2 motif"]
    recalled_cost: Float[Tensor, "tune motif"]


class Drawn(NamedTuple):
    """The next row of each tune; and how likely each id of each field was before anything was limited or filtered.

    `chances` has the ids of all fields side by side, each field's given those before it as they were drawn; a field
    that is not drawn is certain to be unknown.
    """

    ids: Int[Tensor, "tune 6"]
    chances: Float[Tensor, "tune id"]


class StepCache(NamedTuple):
    """Keys and values of each layer, of the rows in the slots of a cache or of those just read."""

    keys: tuple[Float[Tensor, "row head slot width"], ...]
    values: tuple[Float[Tensor, "row head slot width"], ...]


class DecodeStep(nn.Module):
    """Reads rows, draws the next one. The cache, the settings and the random numbers are passed in; nothing is kept.

    A field that the model never had labels for is not drawn: it stays unknown.
    """

    draw = staticmethod(draw)

    def __init__(self, model: PhinTransformer, learned_fields: tuple[bool, ...]) -> None:
        super().__init__()
        self.model, self.learned_fields = model, learned_fields
        self.embed, self.heads = FoldedEmbedding(model.embed), FoldedHeads(model.heads)

    def forward(
        self,
        reading: Reading,
        cache: StepCache,
        noise: Float[Tensor, "tune id"],
        limits: StepLimits,
        mixture: Mixture,
        sampling: Sampling,
    ) -> tuple[Drawn, StepCache]:
        """The next row of each tune, and what was read adds to the cache. `noise` is by ids of all fields side by side.

        With several streams every tune is read several times, under other conditions or after another beginning, and
        their log-probabilities are added with the weights of the mixture (which sum to 1; a negative one pushes away);
        all streams go on with the note that is drawn. Logits are linear in states, so it is states that are added up.
        """
        state, own = self._read(reading, cache)
        noises = noise.split(SIZES, dim=1)
        added, ids, chances = list[Tensor](), list[Tensor](), list[Tensor]()
        for field in range(NUM_FIELDS):
            state = self.heads.think(field, state)
            if self.learned_fields[field]:
                logits = self.heads.logits(field, mixture.weights @ state, reading.melody)
                allowed = limits.step if field == STEP else self._added(field, added, limits, ids)
                drawn = self.draw(logits + allowed, noises[field], sampling, field)
                chances.append(logits.softmax(dim=-1))
            else:
                drawn = torch.full_like(reading.melody, UNKNOWN_ID)
                is_unknown = torch.arange(SIZES[field], device=noise.device) == UNKNOWN_ID
                chances.append(is_unknown.to(noise.dtype).expand(noise.shape[0], -1))
            ids.append(drawn)
            if field == STEP:
                after = limits.after.index_select(0, limits.kind.gather(1, drawn[:, None]).squeeze(1))
                added = list(after.split(OF_AFTER, dim=1))
            if field < NUM_FIELDS - 1:
                state = state + self._seen(field, drawn, reading, mixture)
        return Drawn(torch.stack(ids, dim=1), torch.cat(chances, dim=1)), own

    def _read(self, reading: Reading, cache: StepCache) -> tuple[Float[Tensor, "row dim"], StepCache]:
        """The state after the last row of each, and the keys and values of all of them."""
        x = self.embed(reading.lookups, reading.position[:, 0])
        mask = self.model.biased(reading.sees, reading.position, reading.began)
        x, keys, values = self.model.layers(x, reading.position, mask, list(zip(*cache, strict=True)))
        return self.model.norm(x[:, -1]), StepCache(keys, values)

    def _seen(self, field: int, drawn: Int[Tensor, " tune"], reading: Reading, mixture: Mixture) -> Tensor:
        """What is added to the states of all streams when a field is drawn."""
        if not self.learned_fields[field] and field not in (STEP, PITCH):
            return self.heads.seen_unknown(field)
        return self.heads.seen(field, drawn, reading.melody, reading.landing).index_select(0, mixture.tune)

    def _added(self, field: int, added: list[Tensor], limits: StepLimits, ids: list[Tensor]) -> Tensor:
        """What is added to the logits of a field, once the fields before it are drawn."""
        if field < PITCH:
            return added[field - VOICE]
        if field > PITCH:
            return added[field - VOICE + 1]
        melody, accompaniment = added[PITCH - VOICE], added[PITCH - VOICE + 1]
        step, pitch = limits.recalled.unbind(1)
        cost = limits.recalled_cost.where(step == ids[STEP][:, None], 0.0)
        melody = melody.scatter_reduce(1, pitch, melody.gather(1, pitch) - cost, "amin")
        return torch.where((ids[VOICE] == NUM_SYMBOLS + Voice.ACCOMPANIMENT)[:, None], accompaniment, melody)
