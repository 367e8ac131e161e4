"""What the arms know of a tune's end: how often their tunes come home, and what they read of real ones, told and not.

    python -m experiments.countdown.ends RUNS [TABLE]

RUNS is a folder of runs, the sweep's. Writes ends.csv, or TABLE, a row a run; prints the arms, seeds together. A tune
has come home as in `experiments.reading.endings`, and is drawn as there: two lines, an exact length.
"""

import argparse
from itertools import groupby
from pathlib import Path

import torch

from experiments.reading.endings import is_home
from experiments.reading.study import as_generated, wilson
from experiments.reading.told import bits_of_ends
from experiments.study import names, read_runs
from phin.corpus.intake import prepare
from phin.data.dataset import DataConfig
from phin.generation.request import TuneRequest
from phin.generation.torch_engine import TorchEngine
from phin.model.checkpoint import find, load
from phin.whole_file import write_csv

TABLE = Path(__file__).with_name("ends.csv")
READ = ("bits", "last_pitch", "end")
COLUMNS = ("arm", "seed", "tunes", "home", "read", *(f"{name}_{how}" for how in ("not_told", "told") for name in READ))
DRAWN, SEED = 256, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("table", nargs="?", type=Path, default=TABLE)
    asked = parser.parse_args()
    runs = read_runs([asked.runs])
    torch.set_num_threads(1)
    store, rows = prepare(DataConfig(splits="folk")), []
    for run, arm in sorted(zip(runs, names(runs), strict=True), key=lambda pair: (pair[1], pair[0].seed)):
        model, identity = load(find(run.folder))
        home = sum(map(is_home, as_generated(TorchEngine(model, identity), TuneRequest(lines=2), DRAWN, SEED)))
        bits = list[float]()
        for told in (False, True):
            read, (all_notes, last_pitch, *_, end) = bits_of_ends(model, identity.tokenizer, store, told)
            bits += [all_notes, last_pitch, end]
        cells = (arm, run.seed, DRAWN, home, read, *(f"{number:.3f}" for number in bits))
        rows.append(dict(zip(COLUMNS, map(str, cells), strict=True)))
        print(", ".join(rows[-1].values()), flush=True)
    write_csv(asked.table, COLUMNS, rows)
    for arm, of_arm in groupby(rows, key=lambda row: row["arm"]):
        seeds = list(of_arm)
        home, tunes = (sum(int(row[name]) for row in seeds) for name in ("home", "tunes"))
        low, high = wilson(home, tunes)
        print(f"{arm}: {home} of {tunes} come home, {home / tunes:.0%} ({low:.0%} to {high:.0%})")


if __name__ == "__main__":
    main()
