"""DecodeStep: the only place where logits become notes."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from phin.generation.limits import LAYOUT, PLACES
from phin.generation.sampling import Sampling, draw
from phin.model.transformer import KVCache, PhinTransformer, RowInputs
from phin.music.phrase import Voice
from phin.tokenizer import FIELDS, NUM_FIELDS, NUM_SYMBOLS, PITCH, STEP, UNKNOWN_ID, VOICE


class StepLimits(NamedTuple):
    """What may be drawn, and how gladly, as `phin.generation.limits.Limits` says it."""

    added: Float[Tensor, "batch limit"]
    kind: Int[Tensor, "batch step"]
    recalled: Int[Tensor, "batch 2 motif"]
    recalled_cost: Float[Tensor, "batch motif"]

    def table(self, name: str) -> Float[Tensor, "batch ..."]:
        """What is added to the logits of a field, in its shape (`LAYOUT`)."""
        start, stop = PLACES[name]
        return self.added[:, start:stop].unflatten(1, LAYOUT[name])


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

    def __init__(self, model: PhinTransformer, learned_fields: tuple[bool, ...]) -> None:
        super().__init__()
        self.model, self.learned_fields = model, learned_fields

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
        hidden, own = self.model.trunk(rows, cache, window)
        last, noises = rows.part(-1), noise.split([field.size for field in FIELDS], dim=1)
        state, ids, chances = hidden[:, -1:], list[Tensor](), list[Tensor]()
        for field in range(NUM_FIELDS):
            logits, state = self.model.heads.logits(field, state, last.melody)
            together = mixed(logits[:, 0].unflatten(0, (len(streams), len(noise))), streams)
            if self.learned_fields[field]:
                drawn = draw(together + self._added(field, limits, ids), noises[field], sampling, field)
                chances.append(together.exp())
            else:
                drawn = rows.bar.new_full((len(noise),), UNKNOWN_ID)
                is_unknown = torch.arange(together.shape[1], device=drawn.device) == UNKNOWN_ID
                chances.append(is_unknown.to(together.dtype).expand_as(together))
            ids.append(drawn)
            state = self.model.heads.see(field, state, drawn.repeat(len(streams))[:, None], last)
        return Drawn(torch.stack(ids, dim=1), torch.cat(chances, dim=1)), own

    def _added(self, field: int, limits: StepLimits, ids: list[Tensor]) -> Float[Tensor, "batch id"]:
        """What limits add to the logits of a field, once the fields before it are drawn."""
        if field == STEP:
            return limits.table("step")
        tune = torch.arange(len(ids[STEP]), device=ids[STEP].device)
        kind = limits.kind[tune, ids[STEP]]
        if field != PITCH:
            return limits.table(FIELDS[field].name)[tune, kind]
        is_accompaniment = ids[VOICE] == NUM_SYMBOLS + Voice.ACCOMPANIMENT
        table = limits.table("pitch")[tune, kind, is_accompaniment.long()]
        goes_on = (limits.recalled[:, 0] == ids[STEP][:, None]) & ~is_accompaniment[:, None]
        cost = limits.recalled_cost * goes_on  # (B, motif)
        is_id = limits.recalled[:, 1, :, None] == torch.arange(FIELDS[PITCH].size, device=tune.device)
        return table - (cost[..., None] * is_id).amax(dim=1)


def mixed(logits: Float[Tensor, "stream batch id"], streams: Float[Tensor, " stream"]) -> Float[Tensor, "batch id"]:
    """Log-probabilities of all streams together; what none of them can draw stays impossible."""
    each = logits.log_softmax(dim=-1)
    impossible = torch.isneginf(each[0])
    total = (streams[:, None, None] * each.masked_fill(impossible, 0)).sum(dim=0)
    return total.masked_fill(impossible, -torch.inf).log_softmax(dim=-1)
