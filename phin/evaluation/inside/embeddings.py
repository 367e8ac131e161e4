"""What the model's tables of embeddings hold: their points on a page, and what can be read off a pitch's vector."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from phin.evaluation.inside.probe import Probed, probe
from phin.evaluation.inside.projection import Components, pca, tsne
from phin.model.checkpoint import Identity
from phin.model.transformer import PhinTransformer
from phin.music.grid import SLOTS_PER_HONG, STEPS_PER_SLOT
from phin.music.lai import LAI, Family
from phin.music.phrase import HIGHEST_PITCH, LOWEST_PITCH, STEPS_PER_QUARTER, pitch_name
from phin.music.technique import Technique, word
from phin.tokenizer import LAI_CONDITION, LAI_NAMES, NUM_SYMBOLS, PITCH, TECHNIQUE

BAR = 4 * STEPS_PER_QUARTER
"""Of the places in a bar that are shown: those of 4/4, which those of 2/4 and 3/4 are among."""
NEIGHBOURS = 2
"""Semitones on either side that the stricter probe leaves out too."""
_CIRCLES = ("chromatic circle", "circle of fifths")


@dataclass(frozen=True)
class Table:
    """Vectors with their names. `group` tells which are drawn alike, and `groups` names them."""

    name: str
    said: str
    vectors: Float[np.ndarray, "point dim"]
    labels: tuple[str, ...]
    group: Int[np.ndarray, " point"]
    groups: tuple[str, ...]
    in_order: bool
    """Whether each point comes next to the one before."""
    learned: bool
    """Whether any training label or input moved these vectors from where they began."""


def tables(model: PhinTransformer, identity: Identity) -> list[Table]:
    """Pitches as read and as drawn, techniques, lai, and places in the bar if the model reads any."""
    state = model.state_dict()
    pitches = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1)
    octave = pitches // 12 - pitches.min() // 12
    names = tuple(pitch_name(int(pitch)) for pitch in pitches)
    octaves = tuple(f"C{n}-B{n}" for n in range(LOWEST_PITCH // 12 - 1, HIGHEST_PITCH // 12))
    found = [
        Table(name, said, _values(state, PITCH, table), names, octave, octaves, in_order=True, learned=True)
        for name, said, table in (
            ("pitch", "as it is read, E3 to E6", "embed.fields"),
            ("pitch head", "each pitch as it is drawn", "heads.out"),
        )
    ]
    found += [
        Table(
            "technique",
            "as it is read",
            _values(state, TECHNIQUE)[: len(Technique)],
            tuple(word(technique) for technique in Technique),
            np.zeros(len(Technique), dtype=np.int64),
            ("technique",),
            in_order=False,
            learned=identity.learned_fields[TECHNIQUE],
        ),
        Table(
            "lai",
            "as a condition",
            state[f"embed.conditions.{LAI_CONDITION}.weight"].double().numpy()[1:],
            LAI_NAMES,
            np.array([0, *(1 + list(Family).index(lai.family) for lai in LAI)]),
            ("no lai", "long way (yao)", "short way (san)"),
            in_order=False,
            learned=True,
        ),
    ]
    if model.config.metre:
        slots = np.arange(0, BAR, STEPS_PER_SLOT)
        slot = slots // STEPS_PER_SLOT % SLOTS_PER_HONG
        found.append(
            Table(
                "position",
                "where in a bar of 4/4 a note begins (quarter)",
                state["embed.began.in_bar.weight"].double().numpy()[1 + slots]
                + state["embed.began.in_quarter.weight"].double().numpy()[slots % STEPS_PER_QUARTER],
                tuple(
                    f"{1 + step // STEPS_PER_QUARTER}{('', '+¼', '+½', '+¾')[step // STEPS_PER_SLOT % SLOTS_PER_HONG]}"
                    for step in slots
                ),
                slot,
                ("on the beat (slot 4)", "a slot after (1)", "half-way (2)", "a slot before (3)"),
                in_order=False,
                learned=True,
            )
        )
    return found


def _values(state: dict[str, Tensor], field: int, table: str = "embed.fields") -> Float[np.ndarray, "value dim"]:
    """The vectors of a field's values, without its symbols."""
    return state[f"{table}.{field}.weight"].double().numpy()[NUM_SYMBOLS:]


class Shown(NamedTuple):
    """A table on the page."""

    table: Table
    components: Components
    neighbours: Float[np.ndarray, "point 2"]
    perplexity: float


def shown(table: Table, seed: int) -> Shown:
    """By PCA and by t-SNE, the perplexity 8, or a third of the points where these are few."""
    perplexity = min(8.0, (len(table.vectors) - 1) / 3)
    return Shown(table, pca(table.vectors), tsne(table.vectors, perplexity, seed), perplexity)


class PitchProbe(NamedTuple):
    """What a linear probe reads off pitches it has not seen (`probe`); with `gap`, nor their neighbours."""

    table: str
    target: str
    gap: int
    found: Probed


def pitch_targets(pitch: Int[np.ndarray, " pitch"]) -> dict[str, Float[np.ndarray, "pitch column"]]:
    """What can be asked about MIDI pitches: height in octaves, its octave (C to B), its class on the chromatic circle
    and on the circle of fifths, as cosine and sine.
    """
    angle = 2 * np.pi * (pitch % 12) / 12
    return {
        "height": pitch[:, None] / 12,
        "octave": (pitch[:, None] // 12).astype(np.float64),
        **{
            name: np.stack([np.cos(turns * angle), np.sin(turns * angle)], axis=1)
            for name, turns in zip(_CIRCLES, (1, 7), strict=True)
        },
    }


def pitch_probes(model: PhinTransformer, seed: int) -> list[PitchProbe]:
    """Of pitches as they are read, as later fields see them, and as they are drawn (the rows of the pitch head); and of
    the twelve pitch classes, which are read beside the pitch, where a class is left out at a time.
    """
    state = model.state_dict()
    pitch = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1)
    asked: list[tuple[str, np.ndarray, np.ndarray, dict[str, np.ndarray], tuple[int, ...]]] = [
        ("pitch as read", _values(state, PITCH), pitch, pitch_targets(pitch), (0, NEIGHBOURS)),
        (
            "pitch seen by later fields",
            _values(state, PITCH, "heads.sees"),
            pitch,
            pitch_targets(pitch),
            (0, NEIGHBOURS),
        ),
        ("pitch as drawn", _values(state, PITCH, "heads.out"), pitch, pitch_targets(pitch), (0, NEIGHBOURS)),
    ]
    if model.config.intervals:
        classes = np.arange(12)
        circles = {name: values for name, values in pitch_targets(classes).items() if name.endswith(_CIRCLES)}
        vectors = state["embed.pitch_class.weight"].double().numpy()[1:]
        asked.append(("pitch class as read", vectors, classes, circles, (0,)))
    return [
        PitchProbe(name, target, gap, probe(vectors, values, places, gap, seed))
        for name, vectors, places, targets, gaps in asked
        for target, values in targets.items()
        for gap in gaps
    ]
