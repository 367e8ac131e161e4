"""The arms read held-out tunes in the keys they are written in, and in others. From the repository, after the sweep of
the README:

    python -m experiments.augmentation.moved [RUNS]

Each test tune that has room for it is moved by a number of semitones from -6 to 6, but not 0, drawn by seed 0. Writes
moved.csv: a row an arm, its bits over the same tunes both ways, and the paired difference.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from experiments.study import by_arm, read_runs
from phin.corpus.intake import prepare
from phin.corpus.store import Store
from phin.data.datamodule import PhinDataModule
from phin.data.dataset import DataConfig
from phin.evaluation.intervals import interval_by_family
from phin.evaluation.split_bits import model_bits
from phin.model.checkpoint import find, load
from phin.music.augment import transpose, transpositions
from phin.music.lai import LaiLabel
from phin.music.phrase import Phrase
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="?", type=Path, default=HERE / "runs")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    config = DataConfig(splits="folk")
    store = prepare(config)
    moves = moves_of(store, store.split("test").tolist(), np.random.default_rng(0))
    tunes = np.array(sorted(moves))
    notes = np.array([len(store.phrase(tune).melody) for tune in tunes.tolist()])
    family = store.families[tunes].astype(np.int64)
    ways = [PhinDataModule(config, 0, each).test_dataloader() for each in (store, MovedTunes(store, moves))]
    rows = []
    for (name, _), runs in tqdm(by_arm(read_runs([asked.runs])).items(), "arms"):
        models = [load(find(run.folder))[0] for run in runs]
        read = [[model_bits(model, way, progress=False) for model in models] for way in ways]
        here, there = (np.mean([bits.headline[np.isin(bits.tune, tunes)] for bits in way], axis=0) for way in read)
        values = (*(bits.sum() / notes.sum() for bits in (here, there, there - here)),)
        values += interval_by_family(there - here, notes, family)
        counts = (len(runs), len(tunes), len(np.unique(family)), int(notes.sum()))
        rows.append(dict(zip(COLUMNS, (name, *map(str, counts), *(f"{value:.4f}" for value in values)), strict=True)))
        print(*rows[-1].values(), flush=True)
    write_csv(TABLE, COLUMNS, rows)


if __name__ == "__main__":
    main()
