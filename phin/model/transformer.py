"""The rhythm-aware transformer: the whole network, from rows of fields to logits of fields.

What is unusual about it:
- One position is one note. A row's six fields are embedded, concatenated and projected; the next row's six fields are
  drawn in order by small heads, each seeing the fields before it and where in the bar the new note falls.
- Attention sees musical time. Some heads turn queries and keys by the index of the note, others by its time in
  quarters: the key by when its note began, the query by when the last note ends, which is where the next one most
  likely begins. A key that lies a bar or a line before that moment is always under the same angle, whatever the rhythm
  in between.
- Other heads turn by pitch: the key by its own, the query by the last melody note's.
- Metre is an input: where in its bar a note begins and ends. Melody is relative: the interval from the last melody note
  and the pitch class are inputs, and the pitch head adds logits by pitch, by pitch class and by interval.
- A row says what followed the last time the same motif was played, at this pitch or another.
- A row says how many hong are left until the last stroke, where that is told (Takase and Okazaki, arXiv 1904.07418,
  count the words of a headline down so): who asks for a length is played a tune that comes to its end there.
- The conditions (lai, tempo, metre, source, density) are added to the START row, which stays in sight of every later
  row.

Each of these is a switch in `TransformerConfig`. Nothing here is constant along the keys: such a bias would vanish in
the softmax. The network is strictly causal, pre-norm, with RMSNorm and gated MLPs. The KV cache is a value, passed in
and returned.

Letters: B batch, T time (rows read), S all rows in sight (cached and read), H heads, D head dimension, E model
dimension.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from phin import motif
from phin.batch import PhinBatch
from phin.errors import InvalidConfig
from phin.lookup import BARS_COUNTED, HONG_COUNTED, LONGEST_BAR, NUM_COUNTS, POSITIONS
from phin.music.lai import LAI
from phin.music.phrase import STEPS_PER_HONG, STEPS_PER_QUARTER
from phin.music.technique import Technique
from phin.tokenizer import (
    DURATION,
    END_ID,
    FIELDS,
    METRE_CONDITION,
    NO_CLOSING,
    NUM_FIELDS,
    NUM_INTERVALS,
    NUM_PITCHES,
    NUM_SYMBOLS,
    NUM_TECHNIQUES,
    PITCH,
    STEP,
    TECHNIQUE,
)

MOST_WEIGHTS = 1e9
"""Beyond this a machine stands still for want of memory before anything is said; public tunes teach a thousandth."""
MAKE_LOGITS = ("heads.out", "heads.by_", "lai_head", "quarter_head")
"""How the names of the linear maps begin whose outputs are logits."""
WHOLE_TURN = 2**40
"""Angles are counted in such parts of a turn."""
LONGEST_LAG = 64
"""Quarters: the beat-lag bias counts longer lags as this one."""


class Mixing(Enum):
    """How a row's embeddings become one vector."""

    CONCATENATE = "concatenate"
    SUM = "sum"


@dataclass
class TransformerConfig:
    """Sizes, and a switch for each ingredient of rhythm awareness."""

    dim: int = 192
    """Width of a row in the model."""
    num_layers: int = 4
    """Layers of attention and MLP."""
    num_heads: int = 6
    """Heads of attention in each layer."""
    mlp_ratio: float = 8 / 3
    """Width of the MLP, in widths of a row."""
    dropout: float = 0.0
    """Share of activations left out in training."""
    time_heads: int = 3
    """Heads that turn by musical time; 0: none."""
    pitch_heads: int = 3
    """Heads that turn by pitch, the key by its own, the query by the last melody note's; 0: none."""
    index_rotary: bool = True
    """Whether the other heads turn by index."""
    time_ahead: bool = True
    """Queries stand where the last note ends (else where it began), for heads and a bias that hear musical time."""
    metre: bool = True
    """Whether rows say where in the bar they stand."""
    beat_lag_bias: bool = False
    """Whether attention is biased by how many beats lie between two notes."""
    intervals: bool = True
    """Whether rows say the interval from the last melody note, and the pitch class."""
    motifs: bool = True
    """Whether rows say what followed the last time the same motif was played (`phin.motif`)."""
    countdown: bool = False
    """Whether rows say how many hong are left until the last stroke, where that is told."""
    learned_positions: bool = False
    """Learned absolute positions: the control arm."""
    longest_tune: int = 2048
    """Rows that learned absolute positions can tell apart."""
    mixing: Mixing = Mixing.CONCATENATE
    """How the fields of a row become one vector: concatenated, or summed."""

    def __post_init__(self) -> None:
        for name in ("num_layers", "num_heads", "dim"):
            if (value := getattr(self, name)) < 1:
                raise InvalidConfig(f"model.{name}={value}", "is too few", "take 1 or more")
        if self.dim % (2 * self.num_heads):
            raise InvalidConfig(
                f"model.dim={self.dim}",
                f"does not divide into {self.num_heads} heads of even width",
                f"take a multiple of {2 * self.num_heads}, or change model.num_heads",
            )
        if not 0 <= self.time_heads <= self.num_heads:
            raise InvalidConfig(
                f"model.time_heads={self.time_heads}", f"there are {self.num_heads} heads", "take 0 to model.num_heads"
            )
        if not 0 <= self.pitch_heads <= self.num_heads - self.time_heads:
            left = self.num_heads - self.time_heads
            reason = f"there are {left} heads beside those of time"
            raise InvalidConfig(f"model.pitch_heads={self.pitch_heads}", reason, "take fewer, or fewer of time")
        if not self.time_ahead and not self.time_heads and not self.beat_lag_bias:
            reason = "means nothing where no head hears musical time"
            raise InvalidConfig("model.time_ahead=false", reason, "leave it out, or raise model.time_heads")
        if not self.index_rotary and self.time_heads + self.pitch_heads == self.num_heads:
            reason = "means nothing where every head turns by time or pitch"
            raise InvalidConfig("model.index_rotary=false", reason, "leave it out, or lower model.time_heads")
        if self.longest_tune < 1:
            raise InvalidConfig(f"model.longest_tune={self.longest_tune}", "is no number of rows", "take 1 or more")
        if self.longest_tune != type(self).longest_tune and not self.learned_positions:
            raise InvalidConfig(
                f"model.longest_tune={self.longest_tune}", "only learned positions have a limit", "leave it out"
            )
        if not 0 <= self.dropout < 1:
            raise InvalidConfig(f"model.dropout={self.dropout}", "is not a probability below 1", "take 0 to 0.5")
        if not 0 < self.mlp_ratio < math.inf:
            raise InvalidConfig(f"model.mlp_ratio={self.mlp_ratio}", "is no width for an MLP", "take 8/3, as 2.67")
        weights = self.num_layers * self.dim**2 * (4 + 3 * self.mlp_ratio) + self.longest_tune * self.dim
        if weights > MOST_WEIGHTS:
            reason = f"would have {weights:.0e} weights, and there is no use for more than {MOST_WEIGHTS:.0e}"
            raise InvalidConfig("model", reason, "lower dim, num_layers, mlp_ratio or longest_tune")


class KVCache(NamedTuple):
    """Keys and values of rows that were read, when their notes began (steps), and which rows of their tunes they are.

    The slots may be in any order. `place` is 0 for the START row and -1 where a slot holds nothing.
    """

    keys: tuple[Float[Tensor, "batch head slot width"], ...]
    """Of each layer."""
    values: tuple[Float[Tensor, "batch head slot width"], ...]
    onset: Int[Tensor, "batch slot"]
    place: Int[Tensor, "batch slot"]

    @property
    def length(self) -> int:
        """Slots, empty ones included."""
        return self.onset.shape[1]

    def joined(self, other: "KVCache") -> "KVCache":
        """The slots of both."""
        keys, values = (
            tuple(torch.cat(pair, dim=2) for pair in zip(mine, theirs, strict=True))
            for mine, theirs in ((self.keys, other.keys), (self.values, other.values))
        )
        onset, place = (torch.cat(pair, dim=1) for pair in ((self.onset, other.onset), (self.place, other.place)))
        return KVCache(keys, values, onset, place)


class RowInputs(NamedTuple):
    """Rows as the trunk reads them, in teaching and in decoding alike.

    `melody` is the last melody pitch id up to each row, `melody_before` the one before the row itself, `motif` what it
    recalls (`phin.motif.COLUMNS`).
    """

    ids: Int[Tensor, "batch time 6"]
    onset: Int[Tensor, "batch time"]
    melody: Int[Tensor, "batch time"]
    melody_before: Int[Tensor, "batch time"]
    motif: Int[Tensor, "batch time 4"]
    bar: Int[Tensor, " batch"]
    closing: Int[Tensor, " batch"]
    conditions: Int[Tensor, "batch 5"]
    place: Int[Tensor, "batch time"] | None = None
    """Which row of its tune each is, -1 before a shorter one's first. None: its first rows, or those after a cache."""

    @classmethod
    def from_batch(cls, batch: PhinBatch) -> "RowInputs":
        """All rows but the last, which is only ever a target."""
        return cls(
            ids=batch.ids[:, :-1],
            onset=batch.onset[:, :-1],
            melody=batch.melody[:, :-1],
            melody_before=F.pad(batch.melody[:, :-2], (1, 0)),
            motif=batch.motif[:, :-1],
            bar=batch.bar,
            closing=batch.closing,
            conditions=batch.conditions,
        )

    def part(self, start: int, stop: int | None = None) -> "RowInputs":
        """Some of the rows of each tune, counted as in a slice."""
        *columns, bar, closing, conditions, place = self
        place = None if place is None else place[:, start:stop]
        of_tune = {"bar": bar, "closing": closing, "conditions": conditions}
        return RowInputs(*(column[:, start:stop] for column in columns), **of_tune, place=place)


class PhinLogits(NamedTuple):
    """What the model says after each row: logits of the next row's fields, the lai, the coming quarter's onsets."""

    fields: tuple[Float[Tensor, "batch time id"], ...]
    lai: Float[Tensor, "batch time lai"]
    quarter: Float[Tensor, "batch time 24"]


def note_duration(ids: Int[Tensor, "*batch 6"]) -> Int[Tensor, "*batch"]:
    """Duration in steps of rows; 0 for rows that are no notes."""
    return (ids[..., DURATION] - NUM_SYMBOLS + 1).clamp(min=0)


def interval_ids(pitch: Int[Tensor, "*batch"], before: Int[Tensor, "*#batch"]) -> Int[Tensor, "*batch"]:
    """The interval between two pitch ids, counted from 1; 0 where either is no pitch."""
    known = (pitch >= NUM_SYMBOLS) & (before >= NUM_SYMBOLS)
    return torch.where(known, pitch - before + NUM_PITCHES, 0)


def pitch_class_ids(pitch: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
    """Pitch class of pitch ids, 1 (C) to 12 (B); 0 for no pitch."""
    return torch.where(pitch >= NUM_SYMBOLS, (pitch - NUM_SYMBOLS + FIELDS[PITCH].lowest) % 12 + 1, 0)


def metrical_ids(
    moment: Int[Tensor, "*batch"], bar: Int[Tensor, "*#batch"]
) -> tuple[Int[Tensor, "*batch"], Int[Tensor, "*batch"], Int[Tensor, "*batch"]]:
    """Where moments stand in their bars, in their quarters, and in which of eight bars; 0 in bars of unknown length."""
    known, length = bar > 0, bar.clamp(min=1, max=LONGEST_BAR)
    in_bar = torch.where(known, moment % length + 1, 0)
    number = torch.where(known, torch.div(moment, length, rounding_mode="floor") % BARS_COUNTED + 1, 0)
    return in_bar, moment % STEPS_PER_QUARTER, number


def countdown_ids(ends: Int[Tensor, "batch time"], closing: Int[Tensor, " batch"]) -> Int[Tensor, "batch time"]:
    """As `phin.lookup.countdown`."""
    left = torch.div(closing[:, None] - ends, STEPS_PER_HONG, rounding_mode="floor").clamp(-1, HONG_COUNTED - 1)
    return torch.where(closing[:, None] == NO_CLOSING, 0, left + 2)


class MetricalPosition(nn.Module):
    """Where a moment stands in its bar and its quarter, and in which of eight bars, as one vector (B, T, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_bar = nn.Embedding(1 + LONGEST_BAR, width)
        self.in_quarter = nn.Embedding(STEPS_PER_QUARTER, width)
        self.bar_number = nn.Embedding(1 + BARS_COUNTED, width)

    def forward(
        self, moment: Int[Tensor, "batch time"], bar: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch time width"]:
        in_bar, in_quarter, number = metrical_ids(moment, bar[:, None])
        return self.in_bar(in_bar) + self.in_quarter(in_quarter) + self.bar_number(number)


class LearnedPositions(nn.Embedding):
    """A vector for each place in a tune, as many as were made."""

    def forward(self, input: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch dim"]:
        """Of places; those below 0 count as 0. Raises InvalidConfig for one beyond the table."""
        last = int(input.max())
        if last >= self.num_embeddings:
            raise InvalidConfig(
                f"model.longest_tune={self.num_embeddings}",
                f"learned positions cannot read row {last + 1}",
                "take shorter tunes, or train with a larger one",
            )
        return super().forward(input.clamp(min=0))


class RowEmbedding(nn.Module):
    """A row's fields, its interval and pitch class, its metrical positions, and on the first row the conditions."""

    def __init__(self, config: TransformerConfig, condition_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        concatenate = config.mixing is Mixing.CONCATENATE

        def width(narrow: int) -> int:
            return narrow if concatenate else config.dim

        narrow = (32, 4, 8, 48, 32, 8)
        self.fields = nn.ModuleList(
            nn.Embedding(field.size, width(size)) for field, size in zip(FIELDS, narrow, strict=True)
        )
        total = sum(narrow)
        if config.intervals:
            self.interval = nn.Embedding(1 + NUM_INTERVALS, width(48))
            self.pitch_class = nn.Embedding(13, width(24))
            total += 48 + 24
        if config.metre:
            self.began = MetricalPosition(width(32))
            self.ends = MetricalPosition(width(32))
            self.metre = nn.Embedding(condition_sizes[METRE_CONDITION], width(16))
            total += 32 + 32 + 16
        if config.motifs:
            of_motif = (16, 24, 12, 12)
            sizes = zip(motif.SIZES, of_motif, strict=True)
            self.motif = nn.ModuleList(nn.Embedding(size, width(narrow)) for size, narrow in sizes)
            total += sum(of_motif)
        if config.countdown:
            self.countdown = nn.Embedding(NUM_COUNTS, width(24))
            total += 24
        self.project = nn.Linear(total, config.dim, bias=False) if concatenate else None
        self.conditions = nn.ModuleList(nn.Embedding(size, config.dim) for size in condition_sizes)
        if config.learned_positions:
            self.position = LearnedPositions(config.longest_tune, config.dim)

    def forward(self, rows: RowInputs, place: Int[Tensor, "#batch time"]) -> Float[Tensor, "batch time dim"]:
        """`place` says which row of its tune each is."""
        parts = [table(rows.ids[..., index]) for index, table in enumerate(self.fields)]
        pitch = rows.ids[..., PITCH]
        if self.config.intervals:
            parts += [self.interval(interval_ids(pitch, rows.melody_before)), self.pitch_class(pitch_class_ids(pitch))]
        if self.config.metre:
            metre = self.metre(rows.conditions[:, METRE_CONDITION])
            parts += [
                self.began(rows.onset, rows.bar),
                self.ends(rows.onset + note_duration(rows.ids), rows.bar),
                metre[:, None].expand(-1, pitch.shape[1], -1),
            ]
        if self.config.motifs:
            parts += [table(rows.motif[..., column]) for column, table in enumerate(self.motif)]
        if self.config.countdown:
            parts.append(self.countdown(countdown_ids(rows.onset + note_duration(rows.ids), rows.closing)))
        x = self.project(torch.cat(parts, dim=-1)) if self.project else torch.stack(parts).sum(dim=0)
        condition = torch.stack([table(rows.conditions[:, i]) for i, table in enumerate(self.conditions)]).sum(dim=0)
        x = x + (place == 0)[..., None] * condition[:, None]
        if self.config.learned_positions:
            x = x + self.position(place)
        return x


class RotaryAngles(nn.Module):
    """The angle by which each head turns queries and keys: by index, by musical time, by pitch, or not at all.

    Index wavelengths run from 2π to 10,000 · 2π notes (RoFormer, arXiv 2104.09864); time wavelengths from half a
    quarter to 128 quarters, so that a slot, a hong, a bar and a line are each well apart in angle; pitch wavelengths
    from 2 to 96 semitones.
    """

    turns: Tensor
    hears: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        half = config.dim // config.num_heads // 2
        steps = torch.arange(half, dtype=torch.float64) / max(half - 1, 1)
        by_index = 10_000.0 ** -(torch.arange(half, dtype=torch.float64) / half) / (2 * math.pi)  # turns a row
        by_time = 1 / (0.5 * 256.0**steps) / STEPS_PER_QUARTER  # turns a step
        by_pitch = 1 / (2.0 * 48.0**steps)  # turns a semitone
        counts = config.time_heads, config.pitch_heads, config.num_heads - config.time_heads - config.pitch_heads
        turns = [each.expand(count, -1) for each, count in zip((by_time, by_pitch, by_index), counts, strict=True)]
        turns[-1] = turns[-1] * config.index_rotary
        query = ("ends" if config.time_ahead else "began", "melody", "place")
        hears = [
            POSITIONS.index(name)
            for names in (query, ("began", "pitch", "place"))
            for name, count in zip(names, counts, strict=True)
            for _ in range(count)
        ]
        self.register_buffer("turns", (torch.cat(turns) * WHOLE_TURN).round().long().repeat(2, 1), persistent=False)
        self.register_buffer("hears", torch.tensor(hears), persistent=False)
        self.asks = POSITIONS.index(query[0])
        """Where the moment stands that a row asks from."""

    def forward(
        self, position: Int[Tensor, "batch 5 time"], dtype: torch.dtype
    ) -> tuple[Float[Tensor, "batch twoheads time half"], Float[Tensor, "batch twoheads time half"]]:
        """Cosine and sine of the angles of the queries of all heads, then of their keys. `position` is by POSITIONS.

        Whole turns are left out in whole numbers, so that after hours a tune is as well in time as in its first bar.
        """
        heard = position.index_select(1, self.hears)  # (B, 2 H, T)
        turned = (heard[..., None] * self.turns[:, None]) & (WHOLE_TURN - 1)
        angle = turned.to(dtype) * (2 * math.pi / WHOLE_TURN)
        return angle.cos(), angle.sin()


def rotate(
    x: Float[Tensor, "*rows width"],
    turn: tuple[Float[Tensor, "*rows half"], Float[Tensor, "*rows half"]],
) -> Float[Tensor, "*rows width"]:
    """Each pair (x_i, x_{i + D/2}) turned by its angle."""
    cosine, sine = turn
    if torch.onnx.is_in_onnx_export():  # where it is one operation instead of eight
        flat = (part.reshape(1, -1, part.shape[-1]) for part in (x, cosine, sine))
        return torch.onnx.ops.rotary_embedding(*flat, num_heads=1).view(x.shape)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], dim=-1)


class BeatLagBias(nn.Module):
    """A learned bias (B, H, T, S) by how long before the query's moment a key's note began."""

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        self.quarters = nn.Embedding(1 + LONGEST_LAG, num_heads)
        self.phase = nn.Embedding(STEPS_PER_QUARTER, num_heads)
        nn.init.zeros_(self.quarters.weight)
        nn.init.zeros_(self.phase.weight)

    def forward(
        self, query: Int[Tensor, "batch time"], key: Int[Tensor, "batch seen"]
    ) -> Float[Tensor, "batch head time seen"]:
        lag = (query[:, :, None] - key[:, None, :]).clamp(min=0)
        quarters = torch.div(lag, STEPS_PER_QUARTER, rounding_mode="floor").clamp(max=LONGEST_LAG)
        return (self.quarters(quarters) + self.phase(lag % STEPS_PER_QUARTER)).permute(0, 3, 1, 2)


class Attention(nn.Module):
    """Causal self-attention over turned queries and keys."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.dropout = config.dropout
        self.qkv = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.out = nn.Linear(config.dim, config.dim, bias=False)

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        turns: tuple[Float[Tensor, "batch twoheads time half"], Float[Tensor, "batch twoheads time half"]],
        mask: Float[Tensor, "#batch #head time seen"] | Bool[Tensor, "#batch 1 time seen"] | None,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Float[Tensor, "batch time dim"], Tensor, Tensor]:
        """What is attended to, and the rows' own keys and values. No mask means plain causal.

        `turns` are cosine and sine of the angles of queries, then of keys.
        """
        B, T, E = x.shape
        H = self.num_heads
        qk, v = self.qkv(x).view(B, T, 3 * H, E // H).transpose(1, 2).split([2 * H, H], dim=1)  # (B, 2 H or H, T, D)
        q, k = rotate(qk, turns).chunk(2, dim=1)
        if past is None:
            dropout = self.dropout if self.training else 0.0
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, is_causal=mask is None)
        else:
            assert mask is not None, "what is cached may be in any order"
            y = attend_to_both(q, *past, k, v, mask)
        return self.out(y.transpose(1, 2).reshape(B, T, E)), k, v


def attend_to_both(
    q: Float[Tensor, "batch head time width"],
    past_k: Float[Tensor, "batch head slot width"],
    past_v: Float[Tensor, "batch head slot width"],
    k: Float[Tensor, "batch head time width"],
    v: Float[Tensor, "batch head time width"],
    mask: Float[Tensor, "#batch #head time seen"] | Bool[Tensor, "#batch 1 time seen"],
) -> Float[Tensor, "batch head time width"]:
    """Attention over cached rows and the rows themselves, without a copy of the cache."""
    scores = torch.cat([q @ past_k.transpose(2, 3), q @ k.transpose(2, 3)], dim=-1) / math.sqrt(q.shape[-1])
    scores = scores.where(mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    past, now = scores.softmax(dim=-1).split([past_k.shape[2], k.shape[2]], dim=-1)
    return past @ past_v + now @ v


class GatedMLP(nn.Module):
    """SwiGLU (arXiv 2002.05202)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(dim, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        gate, value = self.up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * value)


class Block(nn.Module):
    """Attention, then MLP, each on a normed copy of the stream."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.dim, eps=1e-6)
        self.attention = Attention(config)
        self.mlp_norm = nn.RMSNorm(config.dim, eps=1e-6)
        self.mlp = GatedMLP(config.dim, _multiple_of_8(config.dim * config.mlp_ratio))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "batch time dim"], turns, mask, past):
        """The stream, and its own keys and values; the rest as in `Attention`."""
        attended, keys, values = self.attention(self.attention_norm(x), turns, mask, past)
        x = x + self.dropout(attended)
        return x + self.dropout(self.mlp(self.mlp_norm(x))), keys, values


class FieldHeads(nn.Module):
    """Draws a row's fields in order: logits of one field, then a state that has seen its value.

    The state begins as the trunk's output. Once the step is known, where the new note falls in its bar is added too.
    """

    undrawable: Tensor
    unnamed: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.thinks = nn.ModuleDict({str(f): GatedMLP(dim, dim) for f in (STEP, PITCH, DURATION)})
        self.think_norms = nn.ModuleDict({name: nn.RMSNorm(dim, eps=1e-6) for name in self.thinks})
        self.out = nn.ModuleList(nn.Linear(dim, field.size) for field in FIELDS)
        self.sees = nn.ModuleList(nn.Embedding(field.size, dim) for field in FIELDS[:-1])
        if config.metre:
            self.lands = MetricalPosition(dim)
        if config.intervals:
            self.by_interval = nn.Linear(dim, NUM_INTERVALS)
            self.by_class = nn.Linear(dim, 12)
            self.sees_interval = nn.Embedding(1 + NUM_INTERVALS, dim)
        undrawable = torch.ones(NUM_FIELDS, NUM_SYMBOLS, dtype=torch.bool)
        undrawable[STEP, END_ID] = False
        self.register_buffer("undrawable", undrawable, persistent=False)
        self.register_buffer("unnamed", torch.arange(NUM_TECHNIQUES) >= len(Technique), persistent=False)

    def think(self, field: int, state: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The state after thinking about a field; of some fields nothing is thought."""
        if (name := str(field)) not in self.thinks:
            return state
        return state + self.thinks[name](self.think_norms[name](state))

    def logits(
        self, field: int, state: Float[Tensor, "batch time dim"], melody: Int[Tensor, "batch time"]
    ) -> tuple[Float[Tensor, "batch time id"], Float[Tensor, "batch time dim"]]:
        """Logits of `field`, -inf for what is never drawn (symbols, techniques without a name), and the state after
        thinking about it.
        """
        state = self.think(field, state)
        logits = self.out[field](state)
        if field == PITCH and self.config.intervals:
            logits = logits + F.pad(self._relative_pitch(state, melody), (NUM_SYMBOLS, 0))
        symbols = logits[..., :NUM_SYMBOLS].masked_fill(self.undrawable[field], -torch.inf)
        values = logits[..., NUM_SYMBOLS:]
        if field == TECHNIQUE:
            values = values.masked_fill(self.unnamed, -torch.inf)
        return torch.cat([symbols, values], dim=-1), state

    def see(
        self,
        field: int,
        state: Float[Tensor, "batch time dim"],
        ids: Int[Tensor, "batch time"],
        rows: RowInputs,
    ) -> Float[Tensor, "batch time dim"]:
        """The state that has seen `field` come out as `ids`, after the rows read."""
        if field == NUM_FIELDS - 1:
            return state
        state = state + self.sees[field](ids)
        if field == STEP and self.config.metre:
            state = state + self.lands(rows.onset + (ids - NUM_SYMBOLS).clamp(min=0), rows.bar)
        if field == PITCH and self.config.intervals:
            state = state + self.sees_interval(interval_ids(ids, rows.melody))
        return state

    def _relative_pitch(
        self, state: Float[Tensor, "batch time dim"], melody: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time pitch"]:
        """Logits of each pitch by its class and by its interval from the last melody note (none before the first)."""
        pitch = torch.arange(NUM_PITCHES, device=melody.device)
        by_class = self.by_class(state)[..., (pitch + FIELDS[PITCH].lowest) % 12]
        place = interval_ids((pitch + NUM_SYMBOLS).expand(*melody.shape, -1), melody[..., None])
        by_interval = self.by_interval(state).gather(-1, (place - 1).clamp(min=0))
        return by_class + by_interval * (place > 0)


class PhinTransformer(nn.Module):
    """Rows in, logits out. `condition_sizes` comes from the tokenizer."""

    def __init__(self, config: TransformerConfig, condition_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.embed = RowEmbedding(config, condition_sizes)
        self.angles = RotaryAngles(config)
        self.lag_bias = BeatLagBias(config.num_heads) if config.beat_lag_bias else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(config.dim, eps=1e-6)
        self.heads = FieldHeads(config)
        self.lai_head = nn.Linear(config.dim, len(LAI))
        self.quarter_head = nn.Linear(config.dim, STEPS_PER_QUARTER)
        self._initialise()

    def forward(self, batch: PhinBatch) -> tuple[PhinLogits, KVCache]:
        """Logits for every target of a batch, each field seeing the true ones before it; and the cache of its rows."""
        return self.taught(RowInputs.from_batch(batch), batch.targets)

    def taught(
        self, rows: RowInputs, targets: Int[Tensor, "batch time 6"], window: int | None = None
    ) -> tuple[PhinLogits, KVCache]:
        """The same of rows that need not be those before the targets: some of them may be hidden (teacher forcing).

        `window` as in `trunk`.
        """
        hidden, cache = self.trunk(rows, window=window)
        state, fields = hidden, []
        for field in range(NUM_FIELDS):
            logits, state = self.heads.logits(field, state, rows.melody)
            fields.append(logits)
            state = self.heads.see(field, state, targets[..., field], rows)
        return PhinLogits(tuple(fields), self.lai_head(hidden), self.quarter_head(hidden)), cache

    def trunk(
        self,
        rows: RowInputs,
        cache: KVCache | None = None,
        window: int | None = None,
    ) -> tuple[Float[Tensor, "batch time dim"], KVCache]:
        """What the network makes of rows, after those in the cache; and what these rows add to a cache.

        With a `window` each row sees so many rows, itself the last of them, and the START row, in every layer.
        """
        place = rows.place
        if place is None:
            first = cache.place.amax(dim=1, keepdim=True) + 1 if cache else 0
            place = (torch.arange(rows.ids.shape[1], device=rows.ids.device) + first).view(-1, rows.ids.shape[1])
        place = place.expand_as(rows.onset)
        ends = rows.onset + note_duration(rows.ids)
        position = torch.stack([place, ends, rows.onset, rows.melody, rows.ids[..., PITCH]], dim=1)
        if cache is None and rows.place is None and window is None:
            mask = self._causal_mask(position)
        else:
            mask = self._mask(position, cache, window)
        past = None if cache is None else list(zip(cache.keys, cache.values, strict=True))
        x, keys, values = self.layers(self.embed(rows, place), position, mask, past)
        return self.norm(x), KVCache(keys, values, rows.onset, place)

    def layers(
        self,
        x: Float[Tensor, "batch time dim"],
        position: Int[Tensor, "batch 5 time"],
        mask: Float[Tensor, "#batch head time seen"] | Bool[Tensor, "#batch 1 time seen"] | None,
        past: Sequence[tuple[Tensor, Tensor]] | None,
    ) -> tuple[Float[Tensor, "batch time dim"], tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What the layers make of vectors, before the last norm; and the keys and the values of each layer.

        `past` are those of each layer of what came before; `position` is by POSITIONS.
        """
        turns = self.angles(position, x.dtype)
        keys, values = list[Tensor](), list[Tensor]()
        for layer, block in enumerate(self.blocks):
            x, k, v = block(x, turns, mask, past[layer] if past else None)
            keys.append(k)
            values.append(v)
        return x, tuple(keys), tuple(values)

    def biased(
        self,
        sees: Bool[Tensor, "#batch 1 time seen"],
        position: Int[Tensor, "batch 5 time"],
        began: Int[Tensor, "batch seen"],
    ) -> Float[Tensor, "batch head time seen"] | Bool[Tensor, "#batch 1 time seen"]:
        """What each row sees, with the bias of beat lags if there is one; `began` says when what is in sight did."""
        if self.lag_bias is None:
            return sees
        asks = position[:, self.angles.asks]
        return self.lag_bias(asks, began).masked_fill(~sees, -torch.inf)

    def hidden_matrices(self) -> list[Tensor]:
        """Those that map hidden layers to hidden layers: neither tables of embeddings nor what makes logits."""
        linear = {name: module for name, module in self.named_modules() if isinstance(module, nn.Linear)}
        return [module.weight for name, module in linear.items() if not name.startswith(MAKE_LOGITS)]

    def _causal_mask(self, position: Int[Tensor, "batch 5 time"]) -> Tensor | None:
        """Of rows that nothing came before; None where plain causal attention will do."""
        if self.lag_bias is None:
            return None
        T = position.shape[2]
        causal = torch.ones(T, T, dtype=torch.bool, device=position.device).tril()
        return self.biased(causal[None, None], position, position[:, POSITIONS.index("began")])

    def _mask(
        self, position: Int[Tensor, "batch 5 time"], cache: KVCache | None, window: int | None
    ) -> Float[Tensor, "batch head time seen"] | Bool[Tensor, "batch 1 time seen"]:
        """Which of the cached rows and of the rows themselves each row sees, with the bias of beat lags."""
        own, began, T = position[:, 0], position[:, POSITIONS.index("began")], position.shape[2]
        of_key = torch.cat([cache.place, own], dim=1) if cache else own
        lag = own[:, :, None] - of_key[:, None, :]  # in rows
        sees = (of_key >= 0)[:, None, :] & (lag >= 0)
        if window is not None:
            sees &= (lag < window) | (of_key == 0)[:, None, :]
        # a row that is none sees itself, for a softmax of nothing is no number
        itself = torch.eye(T, dtype=torch.bool, device=own.device)
        sees |= F.pad(itself, (of_key.shape[1] - T, 0))
        return self.biased(sees[:, None], position, torch.cat([cache.onset, began], dim=1) if cache else began)

    def _initialise(self) -> None:
        """The stream begins at unit variance; branches join it small (GPT-2); logits and lag bias begin near zero."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                std = 1 / math.sqrt(module.in_features)
                if name.endswith(("attention.out", ".down")):
                    std /= math.sqrt(2 * len(self.blocks))
                elif name.startswith(MAKE_LOGITS):
                    std = 0.02
                nn.init.normal_(module.weight, std=std)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding) and not name.startswith("lag_bias"):
                nn.init.normal_(module.weight, std=1.0 if name.startswith("embed.") else 0.3)


def _multiple_of_8(size: float) -> int:
    return max(8, round(size / 8) * 8)
