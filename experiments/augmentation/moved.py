"""The arms read held-out tunes in the keys they are written in, and in others. From the repository, after the sweep of
the README:

    python -m experiments.augmentation.moved [RUNS]

Each test tune that has room for it is moved by a number of semitones from -6 to 6, but not 0, drawn by seed 0. Writes
moved.csv: a row an arm, its bits over the same tunes both ways, and the paired difference.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from tqdm import tqdm

from experiments.study import names, read_runs
from phin.batch import collate
from phin.corpus.intake import prepare
from phin.corpus.store import Store
from phin.data.batching import EVALUATION_ROWS, batches_of_like_length
from phin.data.dataset import DataConfig, EvaluationTunes
from phin.evaluation.table import interval_by_family
from phin.model.checkpoint import find, load
from phin.model.loss import field_nll
from phin.model.transformer import PhinTransformer
from phin.music.augment import transpose, transpositions
from phin.music.lai import LaiLabel
from phin.music.phrase import Phrase
from phin.tokenizer import HEADLINE_FIELDS, Tokenizer
from phin.whole_file import write_csv

HERE = Path(__file__).parent
TABLE = HERE / "moved.csv"
COLUMNS = (
    *("arm", "seeds", "tunes", "families", "notes", "as_written", "moved"),
    *("more_when_moved", "low", "high"),
)
FURTHEST = 6
"""Semitones: beyond it, the same pitch classes are reached by a shorter way."""


class MovedTunes(Store):
    """A store whose tunes stand in other keys; `moves` says by how many semitones each, the others are as they were."""

    def __init__(self, store: Store, moves: dict[int, int]) -> None:
        super().__init__(store.folder)
        self.moves = moves

    def phrase(self, tune: int) -> Phrase:
        return transpose(super().phrase(tune), self.moves.get(tune, 0))

    def label(self, tune: int) -> LaiLabel:
        return super().label(tune).transposed(self.moves.get(tune, 0))


def moves_of(store: Store, tunes: list[int], rng: np.random.Generator) -> dict[int, int]:
    """A move for each tune that has one."""
    moves = {}
    for tune in tunes:
        pitch = store.phrase(tune).pitch
        found = transpositions(int(pitch.min()), int(pitch.max()), None)
        found = found[(abs(found) <= FURTHEST) & (found != 0)]
        if len(found):
            moves[tune] = int(rng.choice(found))
    return moves


@torch.inference_mode()
def bits_of(model: PhinTransformer, items: EvaluationTunes, tunes: list[int]) -> Float[np.ndarray, " tune"]:
    """Headline bits of each tune."""
    place = {tune: number for number, tune in enumerate(tunes)}
    bits = np.zeros(len(tunes))
    for pieces in batches_of_like_length(items.lengths, EVALUATION_ROWS):
        batch = collate([items[int(piece)] for piece in pieces])
        nats = field_nll(model(batch)[0], batch)[..., list(HEADLINE_FIELDS)].sum(dim=(1, 2)).double().numpy()
        np.add.at(bits, [place[items.pieces[int(piece)][0]] for piece in pieces], nats / math.log(2))
    return bits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="?", type=Path, default=HERE / "runs")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    store = prepare(DataConfig(splits="folk"))
    moves = moves_of(store, store.split("test").tolist(), np.random.default_rng(0))
    tunes = list(moves)
    notes = np.array([len(store.phrase(tune).melody) for tune in tunes])
    family = store.families[tunes].astype(np.int64)
    tokenizer = Tokenizer(sources=store.sources)
    as_written, moved = (EvaluationTunes(each, tokenizer, tunes) for each in (store, MovedTunes(store, moves)))
    runs = read_runs([asked.runs])
    arms: dict[str, list[Path]] = {}
    for run, name in zip(runs, names(runs), strict=True):
        arms.setdefault(name, []).append(run.folder)
    rows = []
    for name, folders in tqdm(arms.items(), "arms"):
        models = [load(find(folder))[0] for folder in folders]
        here, there = (np.mean([bits_of(model, way, tunes) for model in models], axis=0) for way in (as_written, moved))
        values = (*(bits.sum() / notes.sum() for bits in (here, there, there - here)),)
        values += interval_by_family(there - here, notes, family)
        counts = (len(folders), len(tunes), len(np.unique(family)), int(notes.sum()))
        rows.append(dict(zip(COLUMNS, (name, *map(str, counts), *(f"{value:.4f}" for value in values)), strict=True)))
        print(*rows[-1].values(), flush=True)
    write_csv(TABLE, COLUMNS, rows)


if __name__ == "__main__":
    main()
