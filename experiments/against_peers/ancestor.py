"""The only earlier phin model, made to work: kritsanan1/Phin-Neural-Network-Architecture, of November 2025.

Kept of it: one position a note; embeddings of note and place, summed; six layers of self-attention alone, each summed
with its input and normed after it; eight heads; linear heads side by side on the last layer. Mended: a causal mask
(it had none, so its loss saw the answer), and steps and durations read and drawn beside the pitch (it wrote no rhythm).
Left away, because it did nothing: the constant added to its attention scores, the pentatonic constant in its
embedding, the decoder whose logits no loss saw, and techniques, which folk tunes do not tell.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from experiments.against_peers.arm import Arm, Scores
from experiments.against_peers.corpus import Example
from phin.batch import PhinBatch, collate
from phin.tokenizer import END_ID, FIELDS, HEADLINE_FIELDS, NUM_SYMBOLS, PAD_ID, STEP

LONGEST = 512
"""Notes that it has places for."""


class SelfAttention(nn.Module):
    """Causal attention, and nothing after it."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "tune row width"]) -> Float[Tensor, "tune row width"]:
        B, T, E = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.num_heads, E // self.num_heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.norm(x + self.out(attended.transpose(1, 2).reshape(B, T, E)))


class Ancestor(Arm):
    """Six layers. Step, pitch and duration of the next note are drawn at once, none seeing the others."""

    def __init__(self, condition_sizes: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.embed = nn.ModuleList(nn.Embedding(FIELDS[f].size, width) for f in HEADLINE_FIELDS)
        self.conditions = nn.ModuleList(nn.Embedding(size, width) for size in condition_sizes)
        self.place = nn.Embedding(LONGEST, width)
        self.layers = nn.ModuleList(SelfAttention(width, num_heads=8) for _ in range(6))
        self.heads = nn.ModuleList(nn.Linear(width, FIELDS[f].size) for f in HEADLINE_FIELDS)
        undrawable = torch.ones(len(HEADLINE_FIELDS), NUM_SYMBOLS, dtype=torch.bool)
        undrawable[HEADLINE_FIELDS.index(STEP), END_ID] = False
        self.register_buffer("undrawable", undrawable)

    def hidden(self, batch: PhinBatch) -> Float[Tensor, "tune row width"]:
        """What has been read, up to each row; the first row tells the conditions."""
        rows = batch.ids[:, :-1]
        x = torch.stack([table(rows[..., f]) for table, f in zip(self.embed, HEADLINE_FIELDS, strict=True)]).sum(dim=0)
        told = torch.stack([table(batch.conditions[:, c]) for c, table in enumerate(self.conditions)]).sum(dim=0)
        x = x + F.pad(told[:, None], (0, 0, 0, rows.shape[1] - 1)) + self.place(torch.arange(rows.shape[1]))
        for layer in self.layers:
            x = layer(x)
        return x

    def scores(self, examples: Sequence[Example]) -> Scores:
        batch = collate([example.item for example in examples])
        hidden = self.hidden(batch)
        columns = []
        for place, field in enumerate(HEADLINE_FIELDS):
            logits = self.heads[place](hidden)
            symbols = logits[..., :NUM_SYMBOLS].masked_fill(self.undrawable[place], -torch.inf)
            logits = torch.cat([symbols, logits[..., NUM_SYMBOLS:]], dim=-1)
            columns.append(_nats(logits, batch.targets[..., field]))
        return Scores(torch.stack(columns).sum(dim=(0, 2)), batch.is_row.sum(dim=1))


def _nats(logits: Float[Tensor, "tune row id"], targets: Int[Tensor, "tune row"]) -> Float[Tensor, "tune row"]:
    """Of each target, 0 where there is none."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PAD_ID, reduction="none").view_as(
        targets
    )
