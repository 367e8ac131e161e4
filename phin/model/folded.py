"""The ends of the transformer as a decode step wants them: the same functions in a third of the operations.

What training learns as many small tables and maps is linear in parts, and the parts can be multiplied out once: every
table of the embedding already projected, side by side in one; the pitch head's logits by pitch class added to those by
pitch. A step of one note is mostly the cost of starting its operations, so fewer of them is faster.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from phin.model.transformer import (
    FieldHeads,
    MetricalPosition,
    RowEmbedding,
    RowInputs,
    interval_ids,
    metrical_ids,
    note_duration,
    pitch_class_ids,
)
from phin.tokenizer import FIELDS, METRE_CONDITION, NUM_FIELDS, NUM_PITCHES, NUM_SYMBOLS, PITCH, STEP


class Tables(nn.Module):
    """Embeddings side by side: what is looked up in each is summed."""

    entries: Tensor
    begins: Tensor

    def __init__(self, tables: list[Float[Tensor, "_ dim"]]) -> None:
        super().__init__()
        sizes = torch.tensor([0, *(len(table) for table in tables)])
        self.register_buffer("entries", torch.cat(tables).clone())
        self.register_buffer("begins", sizes.cumsum(0)[:-1])

    def forward(self, *ids: Int[Tensor, "*batch _"], first: int = 0) -> Float[Tensor, "*batch dim"]:
        """The sum over ids, as many as there are tables, or as follow the first that is meant."""
        together = torch.cat(ids, dim=-1)
        begins = self.begins[first : first + together.shape[-1]]
        return self.entries[together + begins].sum(dim=-2)


class FoldedEmbedding(nn.Module):
    """A RowEmbedding as one table."""

    @torch.no_grad()
    def __init__(self, embed: RowEmbedding) -> None:
        super().__init__()
        self.config = config = embed.config
        groups = [[_weight(table)] for table in embed.fields]
        if config.intervals:
            groups += [[embed.interval.weight], [embed.pitch_class.weight]]
        if config.metre:
            groups += [_tables_of(embed.began), _tables_of(embed.ends), [embed.metre.weight]]
        if config.motifs:
            groups += [[_weight(table)] for table in embed.motif]
        tables: list[Tensor] = []
        first = 0  # of the columns of the projection, where a group's begin
        for group in groups:
            width = group[0].shape[1]
            if embed.project is not None:
                group = [table @ embed.project.weight[:, first : first + width].T for table in group]
            tables += group
            first += width
        # the conditions count from 1 here: 0 is nothing at all, on every row but the first
        tables += [torch.cat([_weight(each).new_zeros(1, config.dim), _weight(each)]) for each in embed.conditions]
        self.tables = Tables(tables)
        self.position = embed.position if config.learned_positions else None

    def forward(self, rows: RowInputs, place: Int[Tensor, "#batch time"]) -> Float[Tensor, "batch time dim"]:
        """As `RowEmbedding`."""
        pitch, ids = rows.ids[..., PITCH], [rows.ids]
        if self.config.intervals:
            relative = interval_ids(pitch, rows.melody_before), pitch_class_ids(pitch)
            ids.append(torch.stack(relative, dim=-1))
        if self.config.metre:
            moments = torch.stack([rows.onset, rows.onset + note_duration(rows.ids)], dim=-1)
            ids.append(torch.stack(metrical_ids(moments, rows.bar[:, None, None]), dim=-1).flatten(-2))
            ids.append(rows.conditions[:, None, METRE_CONDITION, None].expand(-1, pitch.shape[1], 1))
        if self.config.motifs:
            ids.append(rows.motif)
        ids.append((place == 0)[..., None] * (rows.conditions[:, None] + 1))
        x = self.tables(*ids)
        return x if self.position is None else x + self.position(place)


class FoldedHeads(nn.Module):
    """FieldHeads with one map a field, and one table for what was drawn."""

    @torch.no_grad()
    def __init__(self, heads: FieldHeads) -> None:
        super().__init__()
        self.config = config = heads.config
        self.plain = heads
        weights, biases = ([part(layer).clone() for layer in heads.out] for part in (_weight, _bias))
        if config.intervals:
            classes = (torch.arange(NUM_PITCHES) + FIELDS[PITCH].lowest) % 12
            weights[PITCH][NUM_SYMBOLS:] += heads.by_class.weight[classes]
            biases[PITCH][NUM_SYMBOLS:] += heads.by_class.bias[classes]
            weights[PITCH] = torch.cat([weights[PITCH], heads.by_interval.weight])
            biases[PITCH] = torch.cat([biases[PITCH], heads.by_interval.bias])
        for field, bias in enumerate(biases):
            bias[:NUM_SYMBOLS].masked_fill_(heads.undrawable[field], -torch.inf)
        self.out = nn.ModuleList(map(_linear, weights, biases))
        tables = [_weight(table) for table in heads.sees]
        tables[PITCH + 1 : PITCH + 1] = [heads.sees_interval.weight] if config.intervals else []
        tables[STEP + 1 : STEP + 1] = _tables_of(heads.lands) if config.metre else []
        self.sees = Tables(tables)
        self.num_of_step, self.num_of_pitch = 1 + 3 * config.metre, 1 + config.intervals
        """Tables that a step, and that a pitch, is looked up in."""

    def logits(
        self, field: int, state: Float[Tensor, "batch time dim"], melody: Int[Tensor, "batch time"]
    ) -> tuple[Float[Tensor, "batch time id"], Float[Tensor, "batch time dim"]]:
        """As `FieldHeads.logits`."""
        state = self.plain.think(field, state)
        logits = self.out[field](state)
        if field != PITCH or not self.config.intervals:
            return logits, state
        size = FIELDS[PITCH].size
        ids = torch.arange(size, device=melody.device)
        # before a pitch is the interval -, which nothing is added for; and a symbol is no pitch
        interval = interval_ids(ids.expand(*melody.shape, -1), melody[..., None])
        by_interval = logits[..., size:].gather(-1, (interval - 1).clamp(min=0))
        return logits[..., :size] + by_interval * (interval > 0), state

    def see(
        self,
        field: int,
        state: Float[Tensor, "batch time dim"],
        ids: Int[Tensor, "batch time"],
        rows: RowInputs,
    ) -> Float[Tensor, "batch time dim"]:
        """As `FieldHeads.see`."""
        if field == NUM_FIELDS - 1:
            return state
        seen = [ids]
        if field == STEP and self.config.metre:
            seen += metrical_ids(rows.onset + (ids - NUM_SYMBOLS).clamp(min=0), rows.bar[:, None])
        if field == PITCH and self.config.intervals:
            seen.append(interval_ids(ids, rows.melody))
        first = field + (field > STEP) * (self.num_of_step - 1) + (field > PITCH) * (self.num_of_pitch - 1)
        return state + self.sees(torch.stack(seen, dim=-1), first=first)


def _tables_of(position: MetricalPosition) -> list[Tensor]:
    return [position.in_bar.weight, position.in_quarter.weight, position.bar_number.weight]


def _weight(module: nn.Module) -> Tensor:
    assert isinstance(module, nn.Embedding | nn.Linear)
    return module.weight


def _bias(module: nn.Module) -> Tensor:
    assert isinstance(module, nn.Linear)
    return module.bias


def _linear(weight: Float[Tensor, "out in"], bias: Float[Tensor, " out"]) -> nn.Linear:
    # a Linear that draws no random numbers: training, which plays samples, would go on with others
    made = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0])
    assert isinstance(made, nn.Linear)
    made.weight, made.bias = nn.Parameter(weight), nn.Parameter(bias)
    return made
