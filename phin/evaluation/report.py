"""Held-out bits per note as a table: by source and in all, with intervals by family, beside the Markov model's."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from tqdm import tqdm

from phin.batch import PhinBatch
from phin.corpus.sources import SOURCES
from phin.corpus.store import Store
from phin.evaluation.markov import MarkovModel
from phin.evaluation.metrics import BitsPerNote, TuneBits
from phin.model.transformer import PhinTransformer
from phin.music.phrase import Inferred, LabelSource, Phrase
from phin.tokenizer import FIELDS, HEADLINE_FIELDS, TECHNIQUE, VELOCITY

NUM_RESAMPLES = 2000
ALL = "all"
_MADE = {name for source in SOURCES.values() if source.is_made for name in source.names}
BESIDE = (TECHNIQUE, VELOCITY)
_UNLIKE = "Compare with figures of the same tunes alone."


@dataclass(frozen=True)
class BitsRow:
    """Bits per melody note of one source, or of all; intervals hold 95 % of the resamples of families."""

    source: str
    tunes: int
    families: int
    notes: int
    step: float
    pitch: float
    duration: float
    beside: dict[str, float]
    """Bits a note of what is not in the headline, technique and velocity, over the notes where it was written down."""
    inferred: dict[str, int]
    """In how many tunes what was inferred, and so is in no figure of this row (an octave: but for the pitch class)."""
    bits: float
    interval: tuple[float, float]
    markov: float
    markov_interval: tuple[float, float]
    difference: float
    """Ours less the Markov model's, on the same tunes."""
    difference_interval: tuple[float, float]


def bits_report(model: PhinTransformer, loader: Any, store: Store, split: str, progress: bool = True) -> list[BitsRow]:
    """A row a source of the split that has tunes, and one for all. `loader` gives the split's evaluation batches."""
    ours = model_bits(model, loader, progress)
    train = [store.phrase(int(tune)) for tune in store.split("train")]
    held_out = [store.phrase(int(tune)) for tune in ours.tune]
    markov = MarkovModel.fit(train).bits(held_out, ours.tune.tolist())
    source, family = store.source_of[ours.tune], store.families[ours.tune]
    groups = [(name, source == place) for place, name in enumerate(store.sources)]
    groups.append((ALL, np.ones(len(ours.tune), dtype=bool)))
    return [_row(name, ours, markov, family, held_out, chosen) for name, chosen in groups if chosen.any()]


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


def interval_by_family(
    bits: Float[np.ndarray, " tune"], notes: Int[np.ndarray, " tune"], family: Int[np.ndarray, " tune"]
) -> tuple[float, float]:
    """A 95 % bootstrap interval of bits over notes; whole families are drawn, for their tunes are not independent."""
    _, place = np.unique(family, return_inverse=True)
    by_family = np.stack([np.bincount(place, weights=bits), np.bincount(place, weights=notes)])
    count = by_family.shape[1]
    rng = np.random.default_rng(0)
    times = rng.multinomial(count, np.full(count, 1 / count), size=NUM_RESAMPLES)
    total_bits, total_notes = by_family @ times.T
    low, high = np.percentile(total_bits / total_notes, [2.5, 97.5])
    return float(low), float(high)


def table(rows: list[BitsRow], split: str) -> str:
    """The report for a terminal."""
    width = max(10, *(len(row.source) + 2 for row in rows))
    head = (
        f"{'source':<{width}}{'tunes':>7}{'notes':>9}{'step':>7}{'pitch':>7}{'dur.':>7}{'bits/note':>11}  {'95 %':<13}"
    )
    lines = [f"Held-out bits per note ({split} split, lower is better; intervals by family)", ""]
    lines.append(head + f"{'Markov':>8}  {'95 %':<13}{'fewer':>7}")
    for row in rows:
        ours, markovs = (_spread(interval, row.families) for interval in (row.interval, row.markov_interval))
        lines.append(
            f"{row.source:<{width}}{row.tunes:>7}{row.notes:>9}{row.step:>7.3f}{row.pitch:>7.3f}{row.duration:>7.3f}"
            f"{row.bits:>11.3f}  {ours:<13}{row.markov:>8.3f}  {markovs:<13}{-row.difference / row.markov:>7.1%}"
        )
    if made := [row.source for row in rows if row.source in _MADE]:
        lines += ["", f"{', '.join(made)}: made by phin's own rules; what is read of it says nothing about music."]
    if beside := rows[-1].beside:
        said = ", ".join(f"{name} {bits:.3f}" for name, bits in beside.items())
        lines += ["", f"Beside it, bits a note where somebody wrote it down: {said}"]
    if inferred := rows[-1].inferred:
        said = ", ".join(f"{kind} in {count}" for kind, count in inferred.items())
        lines += ["", f"Of {rows[-1].tunes} tunes, not counted as nobody wrote it down: {said}. {_UNLIKE}"]
    return "\n".join(lines)


def _spread(interval: tuple[float, float], families: int) -> str:
    """An interval as the table has it; of one family there is none, whatever is drawn."""
    return "one family" if families == 1 else f"{interval[0]:.3f}-{interval[1]:.3f}"


def as_dicts(rows: list[BitsRow]) -> list[dict[str, Any]]:
    """For report.json."""
    return [asdict(row) for row in rows]


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
