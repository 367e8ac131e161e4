"""Held-out bits per note, read: by tune, by source and in all, with intervals by family, beside the Markov model's."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from tqdm import tqdm

from phin.batch import PhinBatch
from phin.corpus.store import Store
from phin.evaluation.bits_table import ALL, BitsRow
from phin.evaluation.by_tune import ByTune, content_of
from phin.evaluation.intervals import interval_by_family
from phin.evaluation.markov import MarkovModel
from phin.evaluation.metrics import BitsPerNote, TuneBits
from phin.model.transformer import PhinTransformer
from phin.music.phrase import Inferred, LabelSource, Phrase
from phin.tokenizer import FIELDS, HEADLINE_FIELDS, TECHNIQUE, VELOCITY

BESIDE = (TECHNIQUE, VELOCITY)


class SplitBits(NamedTuple):
    """Held-out tunes, the same in each: as the model reads them, as the Markov model does, and themselves."""

    ours: TuneBits
    markov: TuneBits
    held_out: list[Phrase]


def split_bits(model: PhinTransformer, loader: Any, store: Store, progress: bool = True) -> SplitBits:
    """Bits of every tune that the loader gives, and those of a Markov model of the store's training tunes."""
    ours = model_bits(model, loader, progress)
    train = [store.phrase(int(tune)) for tune in store.split("train")]
    held_out = [store.phrase(int(tune)) for tune in ours.tune]
    return SplitBits(ours, MarkovModel.fit(train).bits(held_out, ours.tune.tolist()), held_out)


def rows_of(split: SplitBits, store: Store) -> list[BitsRow]:
    """A row a source that has tunes, and one for all."""
    ours, markov, held_out = split
    source, family = store.source_of[ours.tune], store.families[ours.tune]
    groups = [(name, source == place) for place, name in enumerate(store.sources)]
    groups.append((ALL, np.ones(len(ours.tune), dtype=bool)))
    return [_row(name, ours, markov, family, held_out, chosen) for name, chosen in groups if chosen.any()]


def by_tune(split: SplitBits, store: Store) -> ByTune:
    """The rows of a split that was read."""
    tunes, fields = split.ours.tune, list(HEADLINE_FIELDS)
    return ByTune(
        id=[store.id(int(tune)) for tune in tunes],
        content=[content_of(phrase) for phrase in split.held_out],
        source=[store.sources[place] for place in store.source_of[tunes]],
        family=store.families[tunes].astype(np.int64),
        notes=split.ours.notes,
        bits=np.concatenate([split.ours.bits[:, fields], split.markov.bits[:, fields]], axis=1),
    )


@torch.inference_mode()
def model_bits(model: PhinTransformer, loader: Any, progress: bool = True) -> TuneBits:
    """Bits of every tune that the loader gives."""
    metric, device = BitsPerNote(), next(model.parameters()).device
    model.eval()
    batch: PhinBatch
    for batch in tqdm(loader, desc="evaluating", unit="batch", disable=not progress):
        batch = batch.to(device)
        metric.update(model(batch)[0], batch)
    return metric.by_tune()


def _row(
    name: str,
    ours: TuneBits,
    markov: TuneBits,
    family: np.ndarray,
    held_out: Sequence[Phrase],
    chosen: Bool[np.ndarray, " tune"],
) -> BitsRow:
    notes, kin = ours.notes[chosen], family[chosen]
    mine, theirs = ours.headline[chosen], markov.headline[chosen]
    by_field = {FIELDS[f].name: float(ours.bits[chosen, f].sum() / notes.sum()) for f in HEADLINE_FIELDS}
    written = chosen & np.array([tune.techniques_from in (None, LabelSource.WRITTEN) for tune in held_out])
    labels = ours.labels[written].sum(axis=0)
    beside = {FIELDS[f].name: float(ours.bits[written, f].sum() / labels[f]) for f in BESIDE if labels[f]}
    inferred = Counter(kind for tune, there in zip(held_out, chosen, strict=True) if there for kind in tune.inferred)
    return BitsRow(
        source=name,
        tunes=int(chosen.sum()),
        families=len(np.unique(kin)),
        notes=int(notes.sum()),
        beside=beside,
        inferred={kind.value: inferred[kind] for kind in Inferred if inferred[kind]},
        bits=float(mine.sum() / notes.sum()),
        interval=interval_by_family(mine, notes, kin),
        markov=float(theirs.sum() / notes.sum()),
        markov_interval=interval_by_family(theirs, notes, kin),
        difference=float((mine - theirs).sum() / notes.sum()),
        difference_interval=interval_by_family(mine - theirs, notes, kin),
        **by_field,
    )
