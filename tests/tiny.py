"""Everything small that the tests share: a phrase to look at, a model of sixteen dimensions, batches, melodies."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from phin.batch import Item, PhinBatch, collate
from phin.model.checkpoint import Identity
from phin.model.transformer import Mixing, PhinTransformer, TransformerConfig
from phin.music.lai import LAI, LaiLabel
from phin.music.phrase import UNKNOWN, Metre, Phrase
from phin.tokenizer import LAI_CONDITION, NUM_FIELDS, UNKNOWN_CONDITION, Tokenizer
from tests.tunes import MINOR_PENTATONIC_ON_A, wander, with_drone

TOKENIZER = Tokenizer(sources=("essen", "han"))
TWO_FOUR = Metre(2, 4)
NOTHING_FOUND = LaiLabel()

# a pickup of two, eighths over a drone, a dyad, triplets, a rest, and a long last note
PHRASE = Phrase(
    np.array(
        # onset, duration, pitch, velocity, technique, voice
        [
            (-12, 6, 69, 70, 0, 0),
            (-6, 6, 67, 60, 0, 0),
            (0, 48, 52, 40, UNKNOWN, 1),
            (0, 12, 64, 90, 1, 0),
            (12, 12, 67, 70, 0, 0),
            (24, 24, 62, 50, UNKNOWN, 1),
            (24, 24, 69, 80, 2, 0),
            (48, 8, 72, 90, 0, 0),
            (56, 8, 69, 60, 0, 0),
            (64, 8, 67, 60, 0, 0),
            (96, 12, 64, 85, 0, 0),
            (108, 36, 57, 85, 3, 0),
        ]
    ),
    metre=TWO_FOUR,
    tempo=600_000,
    source="han",
)

SWITCHES = {
    "as it comes": {},
    "beat_lag_bias": {"beat_lag_bias": True},
    "learned_positions": {"learned_positions": True, "index_rotary": False},
    "not time_ahead": {"time_ahead": False},
    "not intervals": {"intervals": False},
    "not motifs": {"motifs": False},
    "countdown": {"countdown": True},
    "not metre": {"metre": False},
    "mixing SUM": {"mixing": Mixing.SUM},
    "index rotary alone": {"time_heads": 0},
    "time rotary alone": {"time_heads": 2},
    "pitch rotary": {"time_heads": 0, "pitch_heads": 1},
    "time and pitch rotary": {"num_heads": 4, "time_heads": 2, "pitch_heads": 1},
    "no rotary": {"index_rotary": False, "time_heads": 0},
    "all on": {"beat_lag_bias": True, "learned_positions": True, "countdown": True},
}
"""Ways to set the transformer's switches, each named for what is unlike the default."""


def tiny_config(**settings: object) -> TransformerConfig:
    small = {"dim": 16, "num_layers": 2, "num_heads": 2, "time_heads": 1, "pitch_heads": 0}
    return TransformerConfig(**{**small, **settings})


def tiny_model(seed: int = 0, tokenizer: Tokenizer = TOKENIZER, **settings: object) -> PhinTransformer:
    """A double-precision model by its seed alone, with weights so large that every input is felt."""
    model = PhinTransformer(tiny_config(**settings), tokenizer.condition_sizes).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            std = 0.5 if name.startswith(("embed", "lag_bias")) else 0.25
            weight.normal_(mean=float("norm" in name), std=std, generator=generator)
    return model


def identity_for(model: PhinTransformer, unlearned: Sequence[int] = ()) -> Identity:
    learned = tuple(field not in unlearned for field in range(NUM_FIELDS))
    return Identity(model.config, TOKENIZER, "tiny", "0123456789abcdef", "nobody's", learned)


def item(phrase: Phrase, found: LaiLabel = NOTHING_FOUND, tune: int = 0, hide_lai: bool = True) -> Item:
    """A phrase as an item, its lai hidden from the model or shown."""
    conditions = TOKENIZER.conditions(replace(phrase, lai=found.lai.name if found.lai else phrase.lai))
    if hide_lai:
        conditions[LAI_CONDITION] = UNKNOWN_CONDITION
    lai = LAI.index(found.lai) if found.lai else -1
    root = -1 if found.root is None else found.root
    return Item(TOKENIZER.encode(phrase), conditions, lai, root, tune, phrase.inferred, phrase.techniques_from)


def batch_of(*phrases: Phrase, hide_lai: bool = True) -> PhinBatch:
    return collate([item(phrase, tune=number, hide_lai=hide_lai) for number, phrase in enumerate(phrases)])


def melodies(count: int, num_notes: int = 12, **settings: object) -> list[Phrase]:
    """Melodies of unlike lengths; every second one pentatonic, every third over a drone."""
    made = []
    for number in range(count):
        scale = {"scale": MINOR_PENTATONIC_ON_A} if number % 2 else {}
        tune = wander(number, num_notes + number % 4, **scale, **settings)
        made.append(with_drone(tune) if number % 3 == 0 else tune)
    return made
