"""The small fixed set that the model in the box is tried on wherever phin is tested: held-out tunes of four files.

They are read straight from the files of the music21 package, so that no corpus need be prepared.
"""

from collections.abc import Sequence

import torch

from phin.batch import Item, collate
from phin.corpus.files import find_units
from phin.corpus.intake import held_out_lists
from phin.corpus.reading import read_unit
from phin.corpus.settings import CorpusConfig
from phin.data.dataset import held_out_item
from phin.evaluation.metrics import BitsPerNote
from phin.model.transformer import PhinTransformer
from phin.tokenizer import Tokenizer

FILES = ("essen/irl", "han/han1", "oneill/0201-0300", "aird/book1")


def reference_tunes(tokenizer: Tokenizer) -> list[Item]:
    """The test split's tunes of `FILES`, each whole or its first piece."""
    config = CorpusConfig(splits="folk")
    chosen = set(held_out_lists("folk")["test"])
    units = [unit for unit in find_units(config, progress=False)[0] if unit.id in FILES]
    read = [reading for unit in units for reading in read_unit(unit, config.min_notes)]
    tunes = [reading.phrase for reading in read if reading.id in chosen and reading.phrase]
    return [held_out_item(tokenizer, phrase, tune=number) for number, phrase in enumerate(tunes)]


@torch.inference_mode()
def reference_bits(model: PhinTransformer, items: Sequence[Item]) -> float:
    """Bits a melody note (step, pitch, duration) that a model reads of them."""
    metric = BitsPerNote()
    for item in items:
        batch = collate([item])
        metric.update(model(batch)[0], batch)
    bits = metric.by_tune()
    return float(bits.headline.sum() / bits.notes.sum())
