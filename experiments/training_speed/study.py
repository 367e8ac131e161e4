"""How fast does the default model train, what does it wait for, and what binds it? From the repository:

    python experiments/training_speed/study.py [--steps 60] [--threads 1 2]

Trains the default model on the default corpus for so many steps in a plain loop, and writes results.csv: notes a
second, the share of the time in which the next batch was waited for, the share of computed positions that are padding,
and the shares of the forward pass, the backward pass and the optimiser. Prints the operations that take longest.
"""

import argparse
import os
import platform
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch.profiler import ProfilerActivity, profile

from phin.batch import PhinBatch
from phin.cli.made import optimizer_maker
from phin.cli.train import TrainConfig
from phin.config import conf_dir, register
from phin.corpus.intake import prepare
from phin.corpus.store import Store
from phin.data.batching import epoch_batches
from phin.data.dataset import TrainingTunes
from phin.data.loader import TrainingLoader
from phin.model.loss import PhinLoss
from phin.model.transformer import PhinTransformer
from phin.tokenizer import Tokenizer
from phin.training.lit_module import weight_groups
from phin.whole_file import write_csv

HERE = Path(__file__).parent
WARM_UP = 5
PARTS = ("waiting", "forward", "backward", "optimiser")
COLUMNS = ("threads", "batch_notes", "steps", "notes_per_second", "padding", *PARTS, "cores", "torch", "python")


@dataclass
class Trained:
    """A model that learns in a plain loop, and what the loop's seconds went into."""

    config: TrainConfig
    store: Store

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        tokenizer = Tokenizer(sources=self.store.sources)
        self.model = PhinTransformer(self.config.model, tokenizer.condition_sizes)
        self.loss = PhinLoss(self.config.loss)
        self.optimizer = optimizer_maker(self.config.optimizer)(weight_groups(self.model, self.loss))
        tunes = TrainingTunes(self.store, tokenizer, self.config.data, seed=0)
        self.batches: Iterator[PhinBatch] = iter(TrainingLoader(tunes, self.store.split("train"), self.config.data))
        self.seconds: Counter[str] = Counter()
        self.notes = 0

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - began

    def train(self, steps: int) -> None:
        for _ in range(steps):
            with self.timed("waiting"):
                batch = next(self.batches)
            with self.timed("forward"):
                total = self.loss(self.model(batch)[0], batch).total
            with self.timed("backward"):
                total.backward()
            with self.timed("optimiser"):
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                self.optimizer.zero_grad()
            self.notes += int(batch.is_note.sum())


def padding(config: TrainConfig, store: Store) -> float:
    """The share of an epoch's computed positions that are padding."""
    lengths = np.minimum(store.lengths[store.split("train")], config.data.window).astype(np.int64)
    batches = epoch_batches(lengths, config.data.batch_notes, seed=0, epoch=0)
    computed = sum((lengths[batch].max() + 1) * len(batch) for batch in batches)
    return 1 - sum((lengths[batch] + 1).sum() for batch in batches) / computed


def measured(config: TrainConfig, store: Store, threads: int, steps: int) -> dict[str, str]:
    """A row of results.csv."""
    torch.set_num_threads(threads)
    trained = Trained(config, store)
    trained.train(WARM_UP)
    trained.seconds.clear()
    trained.notes = 0
    trained.train(steps)
    whole = trained.seconds.total()
    row = {"threads": threads, "batch_notes": config.data.batch_notes, "steps": steps, "cores": os.cpu_count()}
    row |= {"notes_per_second": round(trained.notes / whole), "padding": f"{padding(config, store):.4f}"}
    row |= {part: f"{trained.seconds[part] / whole:.4f}" for part in PARTS}
    row |= {"torch": torch.__version__, "python": platform.python_version()}
    return {name: str(row[name]) for name in COLUMNS}


def longest(config: TrainConfig, store: Store, steps: int = 5) -> str:
    """The operations of some steps that take longest, as torch's profiler counts them."""
    trained = Trained(config, store)
    trained.train(WARM_UP)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        trained.train(steps)
    return seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=12, max_name_column_width=40)


def settings(*overrides: str) -> TrainConfig:
    """Those of phin-train."""
    register("train", TrainConfig)
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return OmegaConf.to_object(compose("train", overrides=list(overrides)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    config = settings()
    store = prepare(config.data)
    rows = []
    for threads in asked.threads:
        for notes in (1024, 4096):
            steps = max(5, asked.steps * 1024 // notes)
            rows.append(measured(settings(f"data.batch_notes={notes}"), store, threads, steps))
            print(rows[-1], flush=True)
    print(longest(config, store))
    write_csv(HERE / "results.csv", COLUMNS, rows)


if __name__ == "__main__":
    main()
