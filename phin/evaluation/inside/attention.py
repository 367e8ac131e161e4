"""Where attention looks: maps of one tune, profiles over lag and place in the bar, and what each head looks back to.

The model's own attention is fused and shows no weights. Here they are computed again from what each layer read, by
softmax(QKᵀ / √D); a test holds each layer's output to what these weights make of its values.

A query stands after a note and asks for the next. Its moment is where that note ends, which is where the next begins
unless it rests; a key's moment is its onset; the lag is the one less the other, in steps. START is a key too, in sight
of every query, but at no lag and of no pitch.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from phin.batch import PhinBatch
from phin.evaluation.intervals import interval_by_family
from phin.model.transformer import Attention, Block, PhinTransformer, RowInputs, note_duration, rotate
from phin.music.grid import STEPS_PER_SLOT
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG
from phin.tokenizer import NUM_SYMBOLS

RELATIONS = ("one hong back", "one line back", "one bar back", "an octave off", "the same pitch")
NEAR_STEPS, NEAR_SEMITONES = STEPS_PER_HONG, 4
"""What lies so near a relation, and not at it, is what it is compared with beside uniform attention."""
SLOTS_BACK = 16 * STEPS_PER_HONG // STEPS_PER_SLOT
"""Lags of a profile: sixteen hong by the slot."""


@torch.inference_mode()
def attention_maps(model: PhinTransformer, batch: PhinBatch) -> Float[Tensor, "layer batch head time seen"]:
    """The share of each row in sight in what each row attends to; the rows are those read, START first."""
    read: list[tuple] = []
    layers = attentions(model)
    hooks = [layer.register_forward_pre_hook(lambda _, given: read.append(given)) for layer in layers]
    try:
        model.trunk(RowInputs.from_batch(batch))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack([attention_weights(layer, *given[:3]) for layer, given in zip(layers, read, strict=True)])


def attentions(model: PhinTransformer) -> list[Attention]:
    """The attention of each layer."""
    return [block.attention for block in model.blocks if isinstance(block, Block)]


def attention_weights(
    attention: Attention,
    x: Float[Tensor, "batch time dim"],
    turns: tuple[Float[Tensor, "batch twoheads time half"], Float[Tensor, "batch twoheads time half"]],
    mask: Float[Tensor, "#batch #head time time"] | Bool[Tensor, "#batch 1 time time"] | None,
) -> Float[Tensor, "batch head time time"]:
    """Weights of a layer that reads `x`; no mask means plain causal."""
    B, T, E = x.shape
    heads = attention.num_heads
    qkv = attention.qkv(x).view(B, T, 3 * heads, E // heads).transpose(1, 2)  # (B, 3 H, T, D)
    q, k = rotate(qkv[:, : 2 * heads], turns).chunk(2, dim=1)
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
    if mask is None:
        mask = torch.ones(T, T, dtype=torch.bool).tril()[None, None]
    scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(dim=-1)


class Relation(NamedTuple):
    """Which keys (columns) stand in a relation to each query (rows), and which only nearly."""

    at: Bool[Tensor, "time seen"]
    near: Bool[Tensor, "time seen"]


def lags(batch: PhinBatch) -> Int[Tensor, "time seen"]:
    """Steps from each key's onset to each query's moment, of a batch of one tune; -1 where the key is START or no
    earlier note than the query's own.
    """
    onset, ids = batch.onset[0, :-1], batch.ids[0, :-1]
    lag = (onset + note_duration(ids))[:, None] - onset[None, :]
    return torch.where(_earlier_notes(len(onset)), lag, -1)


def relations(batch: PhinBatch) -> tuple[Relation, ...]:
    """RELATIONS in a batch of one tune.

    A key is one hong (quarter) back, one line (8 hong) back or one bar back if its lag is exactly that, nearly if its
    lag is within a hong of it; an octave off, or of the same pitch, if its pitch is 12, or 0, semitones from the last
    melody note, nearly if it is 4 or fewer semitones from there. Only notes before the query's own count.
    """
    lag, earlier = lags(batch), _earlier_notes(batch.onset.shape[1] - 1)
    heard, pitch = batch.melody[0, :-1, None], batch.melody[0, None, :-1]
    apart = torch.where(earlier & (heard >= NUM_SYMBOLS) & (pitch >= NUM_SYMBOLS), (heard - pitch).abs(), -1)
    bar = int(batch.bar[0])
    found = [
        Relation(lag == back, (lag >= 0) & ((lag - back).abs() <= NEAR_STEPS) & (lag != back))
        for back in (STEPS_PER_HONG, HONG_PER_LINE * STEPS_PER_HONG, bar or -STEPS_PER_HONG * 2)
    ]
    for semitones in (12, 0):
        within = (apart >= 0) & ((apart - semitones).abs() <= NEAR_SEMITONES)
        found.append(Relation(apart == semitones, within & (apart != semitones)))
    return tuple(found)


def _earlier_notes(rows: int) -> Bool[Tensor, "time seen"]:
    """Keys that are notes (the first row is START) before the query's own row."""
    earlier = torch.ones(rows, rows, dtype=torch.bool).tril(-1)
    earlier[:, 0] = False
    return earlier


@dataclass(frozen=True)
class Looks:
    """What some tunes' attention adds up to, a row a tune.

    `mass` is the attention on the keys at each relation, `uniform` what it would be if each query attended to all it
    sees alike. `mass_beside` and `near` are of the queries alone that have keys near the relation as well: the
    attention on the keys at it, and on as many of those near it. Profiles are sums over all tunes, and what uniform
    attention would give: by lag in slots, and by the key's slot in the bar, in tunes of the commonest bar.
    """

    families: Int[np.ndarray, " tune"]
    rows: Int[np.ndarray, " tune"]
    mass: Float[np.ndarray, "tune relation layer head"]
    uniform: Float[np.ndarray, "tune relation"]
    mass_beside: Float[np.ndarray, "tune relation layer head"]
    near: Float[np.ndarray, "tune relation layer head"]
    start: Float[np.ndarray, "tune layer head"]
    by_lag: Float[np.ndarray, "lag layer head"]
    uniform_by_lag: Float[np.ndarray, " lag"]
    bar: int
    """Length of the commonest bar, in steps; 0 where no tune has a metre."""
    tunes_of_bar: int
    by_place: Float[np.ndarray, "place layer head"]
    uniform_by_place: Float[np.ndarray, " place"]


def looks(batches: Sequence[PhinBatch], maps_of: Callable[[PhinBatch], Tensor], families: np.ndarray) -> Looks:
    """Of batches of one tune each, of these families; `maps_of` a batch are as `attention_maps` gives them."""
    lengths, counts = np.unique([int(batch.bar[0]) for batch in batches if batch.bar[0]], return_counts=True)
    bar = int(lengths[counts.argmax()]) if len(lengths) else 0
    of_tunes, by_lag, by_place = [], [], []
    for batch in batches:
        maps = maps_of(batch)[:, 0].double()  # (layer, head, T, S)
        of_tunes.append([column.numpy() for column in _sums(maps, relations(batch))])
        lag, note = lags(batch), torch.arange(maps.shape[-1])[None, :].expand(maps.shape[-2:]) > 0
        slot = torch.div(lag + STEPS_PER_SLOT // 2, STEPS_PER_SLOT, rounding_mode="floor")
        by_lag.append(_profile(maps, torch.where((lag >= 0) & (slot <= SLOTS_BACK), slot, -1), SLOTS_BACK + 1))
        if bar and int(batch.bar[0]) == bar:
            slot = torch.div(batch.onset[0, :-1] % bar, STEPS_PER_SLOT, rounding_mode="floor")
            place = torch.where(note & _seen(maps.shape[-1]), slot[None, :], -1)
            by_place.append(_profile(maps, place, -(-bar // STEPS_PER_SLOT)))
    mass, uniform, mass_beside, near, start = (np.stack(column) for column in zip(*of_tunes, strict=True))
    none = np.zeros((0, *mass.shape[2:])), np.zeros(0)
    lag_sum, lag_uniform = (np.stack(column).sum(axis=0) for column in zip(*by_lag, strict=True))
    place_sum, place_uniform = (np.stack(column).sum(axis=0) for column in zip(*by_place or [none], strict=True))
    return Looks(
        families=families,
        rows=np.array([batch.onset.shape[1] - 1 for batch in batches]),
        mass=mass,
        uniform=uniform,
        mass_beside=mass_beside,
        near=near,
        start=start,
        by_lag=lag_sum,
        uniform_by_lag=lag_uniform,
        bar=bar,
        tunes_of_bar=len(by_place),
        by_place=place_sum,
        uniform_by_place=place_uniform,
    )


def _seen(rows: int) -> Bool[Tensor, "time seen"]:
    return torch.ones(rows, rows, dtype=torch.bool).tril()


def _sums(
    maps: Float[Tensor, "layer head time seen"], found: tuple[Relation, ...]
) -> tuple[
    Float[Tensor, "relation layer head"],
    Float[Tensor, " relation"],
    Float[Tensor, "relation layer head"],
    Float[Tensor, "relation layer head"],
    Float[Tensor, "layer head"],
]:
    """Of one tune: mass, uniform, mass_beside, near and start, as in Looks."""
    at = torch.stack([relation.at for relation in found]).double()  # (relation, T, S)
    near = torch.stack([relation.near for relation in found]).double()
    on_keys = torch.einsum("lhts,rts->rlht", maps, at)
    near_keys = torch.einsum("lhts,rts->rlht", maps, near)
    num_at, num_near = at.sum(dim=-1), near.sum(dim=-1)  # (relation, T)
    both = ((num_at > 0) & (num_near > 0)).double()[:, None, None]
    in_sight = torch.arange(1, maps.shape[-2] + 1, dtype=torch.double)
    as_many = near_keys * (num_at / num_near.clamp(min=1))[:, None, None]
    return (
        on_keys.sum(dim=-1),
        (num_at / in_sight).sum(dim=-1),
        (on_keys * both).sum(dim=-1),
        (as_many * both).sum(dim=-1),
        maps[..., 0].sum(dim=-1),
    )


def _profile(
    maps: Float[Tensor, "layer head time seen"], place: Int[Tensor, "time seen"], count: int
) -> tuple[Float[np.ndarray, "place layer head"], Float[np.ndarray, " place"]]:
    """Attention summed by place, -1 for none, and what uniform attention would give."""
    L, H, T, S = maps.shape
    flat = place.flatten() + 1
    sums = torch.zeros(count + 1, L * H, dtype=maps.dtype).index_add_(0, flat, maps.reshape(L * H, T * S).T)
    uniform = 1 / torch.arange(1, T + 1, dtype=maps.dtype)[:, None].expand(T, S)
    flat_uniform = torch.zeros(count + 1, dtype=maps.dtype).index_add_(0, flat, uniform.flatten())
    return sums[1:].view(count, L, H).numpy(), flat_uniform[1:].numpy()


class Score(NamedTuple):
    """How much a head looks at a relation.

    `over_uniform` is the attention on the keys at it, over all queries of all tunes, divided by what uniform causal
    attention over the same keys gives: 1 is no preference, and what is recent is easily above it. `over_near` is the
    attention on the keys at it divided by that on as many keys near it: above 1 only a head that picks the very place
    out. Both are ratios of sums; intervals are 95 %, by family, of the tunes that have such places at all.
    """

    relation: str
    layer: int
    """Counted from 1, as heads are."""
    head: int
    turns_by: str
    over_uniform: float
    low: float
    high: float
    over_near: float
    near_low: float
    near_high: float
    share: float
    """Of all attention, where the relation is there or not."""
    tunes: int


def scores(found: Looks, turns_by: list[str]) -> list[Score]:
    """A row a relation and head, relations in order, the head that looks most first. `turns_by` is of each head.

    None of a relation that no tune has.
    """
    rows: list[Score] = []
    for place, name in enumerate(RELATIONS):
        there = found.uniform[:, place] > 0
        of_relation = []
        for layer, head in np.ndindex(found.mass.shape[2:]) if there.any() else ():
            mass = found.mass[:, place, layer, head]
            near = (math.nan, math.nan, math.nan)
            if (beside := found.near[:, place, layer, head] > 0).any():
                columns = (each[beside, place, layer, head] for each in (found.mass_beside, found.near))
                near = _ratio(*columns, families=found.families[beside])
            of_relation.append(
                Score(
                    name,
                    layer + 1,
                    head + 1,
                    turns_by[head],
                    *_ratio(mass[there], found.uniform[there, place], found.families[there]),
                    *near,
                    share=float(mass.sum() / found.rows.sum()),
                    tunes=int(there.sum()),
                )
            )
        rows += sorted(of_relation, key=lambda score: -score.over_uniform)
    return rows


def _ratio(
    over: Float[np.ndarray, " tune"], under: Float[np.ndarray, " tune"], families: Int[np.ndarray, " tune"]
) -> tuple[float, float, float]:
    low, high = interval_by_family(over, under, families)
    return float(over.sum() / under.sum()), low, high


def heads_turn_by(model: PhinTransformer) -> list[str]:
    """What each head's queries and keys are turned by: time, pitch, index, or nothing."""
    config = model.config
    others = config.num_heads - config.time_heads - config.pitch_heads
    other = "index" if config.index_rotary else "nothing"
    return ["time"] * config.time_heads + ["pitch"] * config.pitch_heads + [other] * others
