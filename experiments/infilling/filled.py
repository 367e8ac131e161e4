"""Bits of a line in the middle of held-out tunes, heard from before alone and with what comes after it. From the
repository, after the sweep of the README:

    python -m experiments.infilling.filled [RUNS]

Writes filled.csv: a row an arm and way of reading, over the same lines of NUM_TUNES test tunes drawn by seed 0.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from tqdm import tqdm

from experiments.study import by_arm, read_runs
from phin.batch import Item, collate
from phin.corpus.intake import prepare
from phin.data.dataset import DataConfig, EvaluationTunes
from phin.evaluation.intervals import interval_by_family
from phin.model.checkpoint import find, load
from phin.model.loss import field_nll
from phin.model.transformer import PhinTransformer
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG
from phin.tokenizer import HEADLINE_FIELDS, NUM_SYMBOLS, PITCH, Tokenizer
from phin.whole_file import write_csv

HERE = Path(__file__).parent
TABLE = HERE / "filled.csv"
COLUMNS = (
    "arm",
    "heard",
    "seeds",
    "tunes",
    "families",
    "notes",
    "bits_per_note",
    "low",
    "high",
    "less",
    "less_low",
    "less_high",
)
LINE = HONG_PER_LINE * STEPS_PER_HONG
PLACE = 2 / 3
"""Of a tune's length: where what comes after the line begins."""
TOGETHER = 32
NUM_TUNES = 300


def split_at(item: Item) -> tuple[int, int] | None:
    """The first note of the line and the first note after it, counted from 0; None where the tune is too short."""
    onset = item.encoded.onset[1:-1]
    if item.encoded.ids[-1, PITCH] >= NUM_SYMBOLS or onset[-1] - onset[0] < 3 * LINE:
        return None  # a piece of a longer tune, or no room for a line and what surrounds it
    after = int(np.searchsorted(onset, onset[0] + PLACE * (onset[-1] - onset[0])))
    first = int(np.searchsorted(onset, onset[after] - LINE))
    return (first, after) if 0 < first < after and onset[after] > onset[after - 1] else None


@torch.inference_mode()
def bits_of_lines(
    model: PhinTransformer, items: Sequence[Item], spans: Sequence[tuple[int, int]], ahead: bool
) -> Float[np.ndarray, " tune"]:
    """Headline bits of the notes of each line, with the future read first or not at all."""
    bits = np.zeros(len(items))
    order = np.argsort([len(item.encoded.ids) for item in items])
    for places in np.array_split(order, -(-len(items) // TOGETHER)):
        chosen = []
        for place in places.tolist():
            encoded, (_, after) = items[place].encoded, spans[place]
            told = encoded.future_first(after) if ahead else encoded
            chosen.append(Item(told, items[place].conditions, tune=items[place].tune))
        batch = collate(chosen)
        nll = field_nll(model(batch)[0], batch)[..., list(HEADLINE_FIELDS)].sum(dim=-1) / math.log(2)
        for row, place in enumerate(places.tolist()):
            first, after = spans[place]
            given = chosen[row].encoded.given
            bits[place] = float(nll[row, given + first : given + after].sum())
    return bits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="?", type=Path, default=HERE / "runs")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    store = prepare(DataConfig(splits="folk"))
    test = np.random.default_rng(0).permutation(store.split("test"))
    tunes = EvaluationTunes(store, Tokenizer(sources=store.sources), test.tolist())
    found = [(item, span) for item in (tunes[place] for place in range(len(tunes))) if (span := split_at(item))]
    items, spans = [item for item, _ in found][:NUM_TUNES], [span for _, span in found][:NUM_TUNES]
    notes = np.array([after - first for first, after in spans])
    family = store.families[[item.tune for item in items]].astype(np.int64)
    rows = []
    for (name, _), runs in tqdm(by_arm(read_runs([asked.runs])).items(), "arms"):
        models = [load(find(run.folder))[0] for run in runs]
        before, ahead = (
            np.mean([bits_of_lines(model, items, spans, way) for model in models], axis=0) for way in (False, True)
        )
        for heard, bits in (("before", before), ("before and after", ahead)):
            low, high = interval_by_family(bits, notes, family)
            less_low, less_high = interval_by_family(bits - before, notes, family)
            values = (bits.sum() / notes.sum(), low, high, (bits - before).sum() / notes.sum(), less_low, less_high)
            counts = (len(runs), len(items), len(np.unique(family)), int(notes.sum()))
            said = (name, heard, *map(str, counts), *(f"{value:.4f}" for value in values))
            rows.append(dict(zip(COLUMNS, said, strict=True)))
            print(*said)
    write_csv(TABLE, COLUMNS, rows)


if __name__ == "__main__":
    main()
