"""DecodeStep: the only place where logits become notes."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from phin.generation.limits import BY_KIND, FIRST_PLACE
from phin.generation.sampling import Sampling, draw
from phin.model.folded import FoldedEmbedding, FoldedHeads
from phin.model.transformer import KVCache, PhinTransformer, RowInputs
from phin.music.phrase import Voice
from phin.tokenizer import NUM_FIELDS, NUM_SYMBOLS, PITCH, SIZES, STEP, UNKNOWN_ID, VOICE

IMPOSSIBLE = -1e30
"""The log-probability of what cannot be drawn: a number, so that no weight of a stream makes it none."""


class StepLimits(NamedTuple):
    """What may be drawn, and how gladly, as `phin.generation.limits.Limits` says it."""

    added: Float[Tensor, "batch limit"]
    kind: Int[Tensor, "batch step"]
    recalled: Int[Tensor, "batch 2 motif"]
    recalled_cost: Float[Tensor, "batch motif"]


class Drawn(NamedTuple):
    """The next row of each tune; and how likely each id of each field was before anything was limited or filtered.

    `chances` has the ids of all fields side by side, each field's given those before it as they were drawn; a field
    that is not drawn is certain to be unknown.
    """

    ids: Int[Tensor, "batch 6"]
    chances: Float[Tensor, "batch id"]


class DecodeStep(nn.Module):
    """Reads rows, draws the next one. The cache, the settings and the random numbers are passed in; nothing is kept.

    A field that the model never had labels for is not drawn: it stays unknown.
    """

    first_place: Tensor
    by_kind: Tensor

    def __init__(self, model: PhinTransformer, learned_fields: tuple[bool, ...]) -> None:
        super().__init__()
        self.model, self.learned_fields = model, learned_fields
        self.embed, self.heads = FoldedEmbedding(model.embed), FoldedHeads(model.heads)
        device = next(model.parameters()).device
        self.register_buffer("first_place", torch.from_numpy(FIRST_PLACE).to(device))
        self.register_buffer("by_kind", torch.from_numpy(BY_KIND).to(device))

    def forward(
        self,
        rows: RowInputs,
        cache: KVCache | None,
        noise: Float[Tensor, "batch id"],
        limits: StepLimits,
        streams: Float[Tensor, " stream"],
        sampling: Sampling,
        window: int | Int[Tensor, ""] | None = None,
    ) -> tuple[Drawn, KVCache]:
        """The next row of each tune, and what `rows` add to the cache. `noise` has the ids of all fields side by side.

        With several streams every tune is read several times, under other conditions or after another beginning: the
        rows of all tunes in one stream stand before those of the next. Log-probabilities are added with the weights of
        their streams (they sum to 1; a negative one pushes away), and all streams go on with the note that is drawn.
        """
        hidden, own = self.model.trunk(rows, cache, window, self.embed)
        last, noises = rows.part(-1), noise.split(SIZES, dim=1)
        state, ids, chances = hidden[:, -1:], list[Tensor](), list[Tensor]()
        added = [limits.added[:, : SIZES[STEP]]]
        for field in range(NUM_FIELDS):
            logits, state = self.heads.logits(field, state, last.melody)
            together = mixed(logits[:, 0].unflatten(0, (streams.shape[0], noise.shape[0])), streams)
            if self.learned_fields[field]:
                drawn = draw(together + added[field], noises[field], sampling, field)
                chances.append(together.exp())
            else:
                drawn = rows.bar.new_full((noise.shape[0],), UNKNOWN_ID)
                is_unknown = torch.arange(together.shape[1], device=drawn.device) == UNKNOWN_ID
                chances.append(is_unknown.to(together.dtype).expand_as(together))
            ids.append(drawn)
            if field == STEP:
                added = self._after_step(limits, drawn)
            elif field == VOICE:
                added[PITCH] = self._of_pitch(limits, ids[STEP], drawn)
            state = self.heads.see(field, state, drawn.repeat(streams.shape[0])[:, None], last)
        return Drawn(torch.stack(ids, dim=1), torch.cat(chances, dim=1)), own

    def _after_step(self, limits: StepLimits, step: Int[Tensor, " batch"]) -> list[Float[Tensor, "batch id"]]:
        """What is added to the logits of each field, once the step is drawn; of pitches as if in the melody."""
        return list(limits.added.gather(1, self._places(limits, step)).split(SIZES, dim=1))

    def _of_pitch(
        self, limits: StepLimits, step: Int[Tensor, " batch"], voice: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch pitch"]:
        """What is added to the logits of pitches, once step and voice are drawn."""
        is_accompaniment = (voice == NUM_SYMBOLS + Voice.ACCOMPANIMENT)[:, None]
        places = self._places(limits, step).split(SIZES, dim=1)[PITCH] + is_accompaniment * SIZES[PITCH]
        goes_on = (limits.recalled[:, 0] == step[:, None]) & ~is_accompaniment
        cost = limits.recalled_cost * goes_on  # (B, motif)
        is_id = limits.recalled[:, 1, :, None] == torch.arange(SIZES[PITCH], device=step.device)
        return limits.added.gather(1, places) - (cost[..., None] * is_id).amax(dim=1)

    def _places(self, limits: StepLimits, step: Int[Tensor, " batch"]) -> Int[Tensor, "batch id"]:
        """Where in `added` the ids of all fields side by side stand, those of pitches for the melody."""
        return self.first_place + limits.kind.gather(1, step[:, None]) * self.by_kind


def mixed(logits: Float[Tensor, "stream batch id"], streams: Float[Tensor, " stream"]) -> Float[Tensor, "batch id"]:
    """Log-probabilities of all streams together; what none of them can draw stays impossible."""
    each = logits.log_softmax(dim=-1).clamp(min=IMPOSSIBLE)
    return (streams[:, None, None] * each).sum(dim=0).log_softmax(dim=-1)
