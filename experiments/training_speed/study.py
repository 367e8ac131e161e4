"""How fast does the default model train, what does it wait for, and what binds it? From the repository:

    python -m experiments.training_speed.study [--steps 60] [--threads 1 2]

Trains the default model on the default corpus for so many steps in a plain loop, and writes results.csv: notes a
second, the share of the time in which the next batch was waited for, the share of computed positions that are padding,
and the shares of the forward pass, the backward pass and the optimiser. Prints the operations that take longest.
"""

import argparse
import os
import platform
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from experiments.recipe import PARTS, WARM_UP, Loop, settings
from phin.cli.train import TrainConfig
from phin.corpus.intake import prepare
from phin.corpus.store import Store
from phin.data.batching import epoch_batches
from phin.whole_file import write_csv

HERE = Path(__file__).parent
OPTIMIZERS = ("muon", "adamw")
"""The default first."""
COLUMNS = (
    *("optimizer", "threads", "batch_notes", "steps", "notes_per_second", "padding", *PARTS),
    *("cores", "torch", "python"),
)


def padding(config: TrainConfig, store: Store) -> float:
    """The share of an epoch's computed positions that are padding."""
    lengths = np.minimum(store.lengths[store.split("train")], config.data.window).astype(np.int64)
    batches = epoch_batches(lengths, config.data.batch_notes, seed=0, epoch=0)
    computed = sum((lengths[batch].max() + 1) * len(batch) for batch in batches)
    return 1 - sum((lengths[batch] + 1).sum() for batch in batches) / computed


def measured(optimizer: str, notes: int, store: Store, threads: int, steps: int) -> dict[str, str]:
    """A row of results.csv."""
    torch.set_num_threads(threads)
    config = settings(f"optimizer={optimizer}", f"data.batch_notes={notes}", "run=unused")
    trained = Loop(config, store)
    trained.train(WARM_UP)
    trained.seconds.clear()
    trained.notes = 0
    trained.train(steps)
    whole = trained.seconds.total()
    row = {"optimizer": optimizer, "threads": threads, "batch_notes": notes, "steps": steps, "cores": os.cpu_count()}
    row |= {"notes_per_second": round(trained.notes / whole), "padding": f"{padding(config, store):.4f}"}
    row |= {part: f"{trained.seconds[part] / whole:.4f}" for part in PARTS}
    row |= {"torch": torch.__version__, "python": platform.python_version()}
    return {name: str(row[name]) for name in COLUMNS}


def longest(config: TrainConfig, store: Store, steps: int = 5) -> str:
    """The operations of some steps that take longest, as torch's profiler counts them."""
    trained = Loop(config, store)
    trained.train(WARM_UP)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        trained.train(steps)
    return seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=12, max_name_column_width=40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    config = settings("run=unused")
    store = prepare(config.data)
    rows = []
    for threads in asked.threads:
        for notes, optimizer in product((1024, 4096), OPTIMIZERS):
            rows.append(measured(optimizer, notes, store, threads, max(5, asked.steps * 1024 // notes)))
            print(rows[-1], flush=True)
    print(longest(config, store))
    write_csv(HERE / "results.csv", COLUMNS, rows)


if __name__ == "__main__":
    main()
