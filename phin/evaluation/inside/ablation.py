"""What each part of a model is worth: held-out bits per note without it, less those with it, on the same tunes.

Nothing is trained again: the model has learned with the part, and is asked once without. So a worth says how much this
model leans on a part, not how well another would do that never had it (`experiments/rhythm_attention` asks that), and
worths do not add up: what two parts both know is lost only where both are gone. Training hides conditions now and then;
fields, and inputs made of them, it hides only where nobody wrote them down. A model that never met such a tune loses
more than the information: it reads what it does not know.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from phin.batch import PhinBatch
from phin.evaluation.inside.attention import attentions
from phin.evaluation.inside.held_out import HeldOut
from phin.evaluation.intervals import interval_by_family
from phin.evaluation.metrics import BitsPerNote, TuneBits
from phin.lookup import POSITIONS
from phin.model.transformer import PhinTransformer, RowInputs
from phin.motif import motif_ids
from phin.music.augment import named
from phin.tokenizer import (
    CONDITIONS,
    DENSITY_CONDITION,
    FIELDS,
    HEADLINE_FIELDS,
    LAI_CONDITION,
    METRE_CONDITION,
    NUM_SYMBOLS,
    UNKNOWN_CONDITION,
    UNKNOWN_ID,
    melody_ids,
)


class Kind(StrEnum):
    """Which parts belong together."""

    HEAD = "attention head"
    ATTENTION = "what attention turns by"
    FIELD = "field of the notes read"
    INPUT = "input made of them"
    CONDITION = "condition"


Hidden = Callable[[RowInputs, PhinBatch], RowInputs]
"""Rows without the part, from rows with it."""
Hook = tuple[nn.Module, Callable[[nn.Module, Any], Any]]
"""A module, and what to do with its arguments before each call."""


@dataclass(frozen=True)
class Part:
    """Something that a model can be asked without."""

    kind: Kind
    name: str
    hidden: Hidden | None = None
    hooks: tuple[Hook, ...] = ()
    is_told: bool = False
    """Whether `hidden` rather tells what evaluation hides, so that the part is in the changed rows."""


class Worth(NamedTuple):
    """Bits per note without a part less those with it: above 0 the model is better with it."""

    kind: str
    part: str
    worth: float
    low: float
    high: float
    """95 %, by family."""
    step: float
    pitch: float
    duration: float
    is_idle: bool
    """Whether no bit of any tune changes: nothing of it was there to hide."""


def parts(model: PhinTransformer, held_out: HeldOut) -> list[Part]:
    """All that this model has: heads layer by layer, then what each Kind names."""
    config, width = model.config, model.config.dim // model.config.num_heads
    found = [
        Part(Kind.HEAD, f"layer {layer + 1} head {head + 1}", hooks=((attention.out, _without(head, width)),))
        for layer, attention in enumerate(attentions(model))
        for head in range(config.num_heads)
    ]
    index_heads = config.index_rotary and config.time_heads + config.pitch_heads < config.num_heads
    turned = (
        ("index", index_heads, ("place",)),
        ("time", config.time_heads, ("ends", "began")),
        ("pitch", config.pitch_heads, ("melody", "pitch")),
    )
    for name, is_there, positions in turned:
        if is_there:
            found.append(Part(Kind.ATTENTION, f"turning by {name}", hooks=((model.angles, _nowhere(positions)),)))
    if model.lag_bias is not None:
        found.append(Part(Kind.ATTENTION, "beat lag bias", hooks=((model.lag_bias, _no_lag),)))
    found += [Part(Kind.FIELD, field.name, _without_field(place)) for place, field in enumerate(FIELDS)]
    if config.intervals:
        found.append(Part(Kind.INPUT, "interval", hooks=((model.embed.interval, _zeros),)))
        found.append(Part(Kind.INPUT, "pitch class", hooks=((model.embed.pitch_class, _zeros),)))
    if config.metre:
        found.append(
            Part(Kind.INPUT, "place in the bar", lambda rows, _: rows._replace(bar=torch.zeros_like(rows.bar)))
        )
    if config.motifs:
        found.append(Part(Kind.INPUT, "motif recalled", lambda rows, _: rows._replace(motif=0 * rows.motif)))
    if config.countdown:
        found.append(Part(Kind.INPUT, "hong left", _told_closing(held_out), is_told=True))
    for place, name in enumerate(CONDITIONS):
        is_told = place in (LAI_CONDITION, DENSITY_CONDITION)
        hidden = _told(place, held_out) if is_told else _without_condition(place)
        found.append(Part(Kind.CONDITION, name, hidden, is_told=is_told))
    return found


def worths(model: PhinTransformer, held_out: HeldOut, asked: Iterable[Part], progress: bool = True) -> list[Worth]:
    """A row a part, in order. Lai, density and how many hong are left, which evaluation hides, are worth what telling
    them saves.
    """
    batches = list(held_out.batches())
    whole = bits_without(model, batches, Part(Kind.INPUT, "nothing"))
    family, found = held_out.store.families[whole.tune].astype(np.int64), []
    for part in tqdm(list(asked), "without", unit="part", disable=not progress):
        changed = bits_without(model, batches, part)
        lost = (whole.bits - changed.bits) * (1 if part.is_told else -1)
        headline = lost[:, list(HEADLINE_FIELDS)]
        total, notes = headline.sum(axis=1), whole.notes
        step, pitch, duration = (float(column.sum() / notes.sum()) for column in headline.T)
        low, high = interval_by_family(total, notes, family)
        worth = float(total.sum() / notes.sum())
        found.append(Worth(part.kind.value, part.name, worth, low, high, step, pitch, duration, not total.any()))
    return found


@torch.inference_mode()
def bits_without(model: PhinTransformer, batches: Iterable[PhinBatch], part: Part) -> TuneBits:
    """Bits of every tune, the model reading rows without the part. The targets, and what is counted, stay."""
    metric = BitsPerNote()
    with ExitStack() as hooks:
        for module, change in part.hooks:
            hooks.callback(module.register_forward_pre_hook(change).remove)
        for batch in batches:
            rows = RowInputs.from_batch(batch)
            rows = part.hidden(rows, batch) if part.hidden else rows
            metric.update(model.taught(rows, batch.targets)[0], batch)
    return metric.by_tune()


def _without(head: int, width: int) -> Callable[[nn.Module, Any], Any]:
    def change(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        attended = given[0].clone()
        attended[..., head * width : (head + 1) * width] = 0
        return (attended,)

    return change


def _nowhere(positions: Sequence[str]) -> Callable[[nn.Module, Any], Any]:
    """For RotaryAngles: all rows stand at one index, moment or pitch (POSITIONS)."""
    which = [POSITIONS.index(name) for name in positions]

    def change(_: nn.Module, given: tuple[Tensor, torch.dtype]) -> tuple[Tensor, torch.dtype]:
        position = given[0].clone()
        position[:, which] = 0
        return position, given[1]

    return change


def _no_lag(_: nn.Module, given: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """For BeatLagBias: all keys began at the query's moment."""
    return torch.zeros_like(given[0]), torch.zeros_like(given[1])


def _zeros(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    """For a table whose id 0 is what it says where nothing is known."""
    return (torch.zeros_like(given[0]),)


def _without_field(field: int) -> Hidden:
    """Unknown on every note read, and in what is made of it: interval, class, end, motif, the last melody note.

    A step is its symbol alone: when notes begin is told by onsets, which stay.
    """

    def hidden(rows: RowInputs, _: PhinBatch) -> RowInputs:
        ids = rows.ids.clone()
        ids[..., field] = torch.where(ids[..., field] >= NUM_SYMBOLS, UNKNOWN_ID, ids[..., field])
        melody = _by_tune(melody_ids, ids)
        before = nn.functional.pad(melody[:, :-1], (1, 0))
        motif = _by_tune(motif_ids, ids, rows.onset)
        return rows._replace(ids=ids, melody=melody, melody_before=before, motif=motif)

    return hidden


def _by_tune(make: Callable[..., np.ndarray], *columns: Tensor) -> Tensor:
    return torch.from_numpy(np.stack([make(*(each.numpy() for each in tune)) for tune in zip(*columns, strict=True)]))


def _without_condition(place: int) -> Hidden:
    """Unknown; with the metre goes the bar, which would tell it. START stays a bar before step 0: targets say so."""

    def hidden(rows: RowInputs, _: PhinBatch) -> RowInputs:
        conditions = rows.conditions.clone()
        conditions[:, place] = UNKNOWN_CONDITION
        bar = torch.zeros_like(rows.bar) if place == METRE_CONDITION else rows.bar
        return rows._replace(conditions=conditions, bar=bar)

    return hidden


def _told_closing(held_out: HeldOut) -> Hidden:
    """When each tune's last stroke comes."""

    def told(rows: RowInputs, batch: PhinBatch) -> RowInputs:
        last = [int(held_out.store.phrase(tune).melody.onset[-1]) for tune in batch.tune.tolist()]
        return rows._replace(closing=torch.tensor(last))

    return told


def _told(place: int, held_out: HeldOut) -> Hidden:
    """What is known of each tune by the notes to come: its lai (or that it is in none), its density."""
    store = held_out.store

    def told(rows: RowInputs, batch: PhinBatch) -> RowInputs:
        conditions = rows.conditions.clone()
        for number, tune in enumerate(batch.tune.tolist()):
            phrase = named(store.phrase(tune).melody, store.label(tune))
            conditions[number, place] = int(held_out.tokenizer.conditions(phrase)[place])
        return rows._replace(conditions=conditions)

    return told
