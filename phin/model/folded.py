"""The ends of the transformer as a decode step wants them: the same functions in a fraction of the operations.

What training learns as many small tables and maps is linear in parts, and the parts can be multiplied out once: every
table of the embedding already projected, side by side in one; the pitch head's logits by pitch class added to those by
pitch. And where to look is worked out beforehand (`phin.lookup`). A step of one note is mostly the cost of starting its
operations, so fewer of them is faster.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from phin.lookup import LOOKUPS, interval_table
from phin.model.transformer import FieldHeads, MetricalPosition, RowEmbedding, pitch_class_ids
from phin.tokenizer import NUM_FIELDS, NUM_INTERVALS, NUM_SYMBOLS, PITCH, SIZES, STEP, TECHNIQUE, UNKNOWN_ID


class Tables(nn.Module):
    """Embeddings side by side: what is looked up in each is summed."""

    entries: Tensor
    begins: Tensor

    def __init__(self, tables: list[Float[Tensor, "_ dim"]]) -> None:
        super().__init__()
        sizes = torch.tensor([0, *(len(table) for table in tables)])
        self.register_buffer("entries", torch.cat(tables).clone())
        self.register_buffer("begins", sizes.cumsum(0)[:-1])

    def forward(self, ids: Int[Tensor, "*batch _"], first: int = 0) -> Float[Tensor, "*batch dim"]:
        """The sum over ids, as many as there are tables, or as follow the first that is meant."""
        begins = self.begins[first : first + ids.shape[-1]]
        found = F.embedding(ids + begins, self.entries)
        # as a product: ONNX Runtime sums one row in another order than many, and eight bits would round otherwise
        return torch.matmul(found.new_ones(1, ids.shape[-1]), found).squeeze(-2)


class FoldedEmbedding(nn.Module):
    """A RowEmbedding as one table."""

    columns: Tensor

    @torch.no_grad()
    def __init__(self, embed: RowEmbedding) -> None:
        super().__init__()
        config = embed.config
        groups = {"fields": [[_weight(table)] for table in embed.fields]}
        if config.intervals:
            groups["interval"] = [[embed.interval.weight], [embed.pitch_class.weight]]
        if config.metre:
            groups |= {"began": [_tables_of(embed.began)], "ends": [_tables_of(embed.ends)]}
            groups["metre"] = [[embed.metre.weight]]
        if config.motifs:
            groups["motif"] = [[_weight(table)] for table in embed.motif]
        if config.countdown:
            groups["countdown"] = [[embed.countdown.weight]]
        first, folded = 0, dict[str, list[Tensor]]()  # of the columns of the projection, where a group's begin
        for name, of_name in groups.items():
            folded[name] = []
            for group in of_name:
                width = group[0].shape[1]
                if embed.project is not None:
                    group = [table @ embed.project.weight[:, first : first + width].T for table in group]
                folded[name] += group
                first += width
        if config.intervals:  # a pitch's class hangs on it alone
            by_class = folded["interval"].pop()
            folded["fields"][PITCH] = folded["fields"][PITCH] + by_class[pitch_class_ids(torch.arange(SIZES[PITCH]))]
        # the conditions count from 1 here: 0 is nothing at all, on every row but the first
        folded["conditions"] = [
            torch.cat([_weight(each).new_zeros(1, config.dim), _weight(each)]) for each in embed.conditions
        ]
        self.tables = Tables([table for name in LOOKUPS for table in folded.get(name, [])])
        looked_up = [column for name in folded for column in range(LOOKUPS[name].start, LOOKUPS[name].stop)]
        self.all_are_looked_up = len(folded) == len(LOOKUPS)
        self.register_buffer("columns", torch.tensor(looked_up))
        self.position = embed.position if config.learned_positions else None

    def forward(
        self, lookups: Int[Tensor, "batch time lookup"], place: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time dim"]:
        """As `RowEmbedding`, of rows as `phin.lookup.lookups` tells them."""
        x = self.tables(lookups if self.all_are_looked_up else lookups[..., self.columns])
        return x if self.position is None else x + self.position(place)


class FoldedHeads(nn.Module):
    """FieldHeads of one row a tune, with one map a field, and one table for what was drawn.

    What is thought may be thought in several streams; logits are of what they come to together.
    """

    by_interval: Tensor

    @torch.no_grad()
    def __init__(self, heads: FieldHeads) -> None:
        super().__init__()
        self.config = config = heads.config
        self.think = heads.think
        self.thinks, self.think_norms = heads.thinks, heads.think_norms
        weights, biases = ([part(layer).clone() for layer in heads.out] for part in (_weight, _bias))
        if config.intervals:
            class_of_pitch = pitch_class_ids(torch.arange(NUM_SYMBOLS, SIZES[PITCH])) - 1
            weights[PITCH][NUM_SYMBOLS:] += heads.by_class.weight[class_of_pitch]
            biases[PITCH][NUM_SYMBOLS:] += heads.by_class.bias[class_of_pitch]
            # the last is what is added where there is no interval
            weights[PITCH] = torch.cat([weights[PITCH], F.pad(heads.by_interval.weight, (0, 0, 0, 1))])
            biases[PITCH] = torch.cat([biases[PITCH], F.pad(heads.by_interval.bias, (0, 1))])
        for field, bias in enumerate(biases):
            bias[:NUM_SYMBOLS].masked_fill_(heads.undrawable[field], -torch.inf)
        biases[TECHNIQUE][NUM_SYMBOLS:].masked_fill_(heads.unnamed, -torch.inf)
        self.out = nn.ModuleList(map(_linear, weights, biases))
        tables = [_weight(table) for table in heads.sees]
        if config.intervals:
            tables.insert(PITCH + 1, heads.sees_interval.weight.roll(-1, dims=0))
        if config.metre:
            tables[STEP + 1 : STEP + 1] = _tables_of(heads.lands)
        self.sees = Tables(tables)
        self.num_of_step, self.num_of_pitch = 1 + 3 * config.metre, 1 + config.intervals
        """Tables that a step, and that a pitch, is looked up in."""
        # by melody note and pitch: which logit is added to the pitch's own, counted from the first of an interval
        place = torch.from_numpy(interval_table()).T - 1
        self.register_buffer("by_interval", place.where(place >= 0, NUM_INTERVALS).to(weights[0].device))

    def logits(
        self, field: int, state: Float[Tensor, "tune dim"], melody: Int[Tensor, " tune"]
    ) -> Float[Tensor, "tune id"]:
        """Logits of `field`, -inf for what is never drawn, of states that have thought about it.

        `melody` is the last melody note's pitch id.
        """
        logits = self.out[field](state)
        if field != PITCH or not self.config.intervals:
            return logits
        own, by_interval = logits.split([SIZES[PITCH], NUM_INTERVALS + 1], dim=1)
        return own + by_interval.gather(1, self._by_interval(melody))

    def seen(
        self,
        field: int,
        ids: Int[Tensor, " tune"],
        melody: Int[Tensor, " tune"],
        landing: Int[Tensor, "tune 4 3"],
    ) -> Float[Tensor, "tune dim"]:
        """What is added to a state that sees `field` come out as `ids`; `landing` is as in `phin.lookup`."""
        looked_up = ids[:, None]
        if field == STEP and self.config.metre:
            onset, divide, modulo, first = landing.unbind(1)
            step = (looked_up - NUM_SYMBOLS).clamp(min=0)
            places = torch.div(onset + step, divide, rounding_mode="floor") % modulo + first
            looked_up = torch.cat([looked_up, places], dim=1)
        if field == PITCH and self.config.intervals:
            looked_up = torch.cat([looked_up, self._by_interval(melody).gather(1, looked_up)], dim=1)
        return self.sees(looked_up, self._first_table(field))

    def seen_unknown(self, field: int) -> Float[Tensor, " dim"]:
        """The same for a field that nobody knows, where that hangs on nothing else (neither a step nor a pitch)."""
        return self.sees(torch.tensor([UNKNOWN_ID], device=self.by_interval.device), self._first_table(field))

    def _by_interval(self, melody: Int[Tensor, " tune"]) -> Int[Tensor, "tune pitch"]:
        """Of each pitch, which logit by interval is added to its own."""
        return self.by_interval.index_select(0, melody)  # as one operation, where [melody] is two

    def _first_table(self, field: int) -> int:
        """Of those that a field is looked up in. Nothing comes after the last field."""
        assert field < NUM_FIELDS - 1
        return field + (field > STEP) * (self.num_of_step - 1) + (field > PITCH) * (self.num_of_pitch - 1)


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
