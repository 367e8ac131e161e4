"""DecodeStep: the only place where logits become notes."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from phin.generation.request import SamplerConfig
from phin.generation.sampling import draw
from phin.model.transformer import KVCache, PhinTransformer, RowInputs
from phin.motif import MotifMemory
from phin.tokenizer import END_ID, FIELDS, MELODY_ID, NUM_FIELDS, NUM_SYMBOLS, PITCH, STEP, UNKNOWN_ID, VOICE


class DecodeStep(nn.Module):
    """Reads rows, draws the next one. The cache and the random numbers are passed in; nothing is kept.

    A field that the model never had labels for is not drawn: it stays unknown.
    """

    def __init__(self, model: PhinTransformer, learned_fields: tuple[bool, ...], sampler: SamplerConfig) -> None:
        super().__init__()
        self.model, self.learned_fields, self.sampler = model, learned_fields, sampler

    def forward(
        self,
        rows: RowInputs,
        cache: KVCache | None,
        noise: tuple[Float[Tensor, "batch _"], ...],
        steps_allowed: Bool[Tensor, "batch step"],
    ) -> tuple[Int[Tensor, "batch 6"], KVCache]:
        """The next row of each tune, and the cache with `rows` in it. `steps_allowed` masks ids of the step field."""
        hidden, own = self.model.trunk(rows, cache)
        last = rows.part(-1)
        state, ids = hidden[:, -1:], []
        for field in range(NUM_FIELDS):
            logits, state = self.model.heads.logits(field, state, last.melody)
            logits = logits[:, 0]
            if field == STEP:
                logits = logits.masked_fill(~steps_allowed, -torch.inf)
            drawn = draw(logits, noise[field], self.sampler)
            if not self.learned_fields[field]:
                drawn = torch.full_like(drawn, UNKNOWN_ID)
            ids.append(drawn)
            state = self.model.heads.see(field, state, drawn[:, None], last)
        return torch.stack(ids, dim=1), cache.joined(own) if cache else own


def next_rows(rows: RowInputs, ids: Int[Tensor, "batch 6"], memory: MotifMemory) -> RowInputs:
    """The row just drawn, as the model will read it. `memory` has heard all rows before it, and hears it now."""
    last = rows.part(-1)
    before = last.melody[:, 0]
    is_melody = (ids[:, VOICE] == MELODY_ID) & (ids[:, PITCH] >= NUM_SYMBOLS)
    melody = torch.where(is_melody, ids[:, PITCH], before)
    onset = last.onset[:, 0] + (ids[:, STEP] - NUM_SYMBOLS).clamp(min=0)
    motif = torch.from_numpy(memory.hear(ids.cpu().numpy(), onset.cpu().numpy())).to(ids.device)
    drawn = (column[:, None] for column in (ids, onset, melody, before, motif))
    return RowInputs(*drawn, bar=rows.bar, conditions=rows.conditions)


def steps_until(onset: Int[Tensor, " batch"], last_stroke: int) -> Bool[Tensor, "batch id"]:
    """Steps that do not pass the last stroke; on it, only the end."""
    step = torch.arange(FIELDS[STEP].size, device=onset.device) - NUM_SYMBOLS
    on_it = (onset == last_stroke)[:, None]
    allowed = (onset[:, None] + step <= last_stroke) & (step >= 0) & ~on_it
    return allowed | (on_it & (step == END_ID - NUM_SYMBOLS))
