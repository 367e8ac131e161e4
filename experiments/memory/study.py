"""Does training on a million tunes need more memory than on ten thousand? From the repository:

    python experiments/memory/study.py [--tunes 10000 100000 1000000] [--keep FOLDER]

Makes a store of so many tunes, all of them synthetic (composer pieces, of which there are as many kinds as --pieces,
written again and again under other names: what is measured does not hear the difference), trains a tiny model on each
for some steps in a process of its own, and writes results.csv.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from phin.corpus.store import Store, Tune, write_store
from phin.music.composer import compose
from phin.music.lai import label_lai
from phin.whole_file import write_csv

HERE = Path(__file__).parent
COLUMNS = ("tunes", "notes", "store_megabytes", "steps", "private_megabytes", "peak_megabytes", "torch", "python")
STEPS = 60

TRAIN = """
import json, sys
from pathlib import Path
import lightning as L
import torch
from functools import partial
from phin.corpus.store import Store
from phin.data.datamodule import PhinDataModule
from phin.data.dataset import DataConfig
from phin.model.loss import LossConfig
from phin.model.transformer import TransformerConfig
from phin.training.run import build, silence_lightning
from phin.training.schedule import ScheduleConfig

torch.set_num_threads(1)
silence_lightning()
L.seed_everything(0, workers=True, verbose=False)
store = Store(Path(sys.argv[1]))
data = PhinDataModule(DataConfig(name="many", sources=["composer"]), 0, store=store)
model = TransformerConfig(dim=32, num_layers=2, num_heads=2, time_heads=1, pitch_heads=1)
module = build(data, model, LossConfig(), partial(torch.optim.AdamW, lr=0.001), ScheduleConfig())
trainer = L.Trainer(accelerator="cpu", max_steps=int(sys.argv[2]), max_epochs=-1, limit_val_batches=0, logger=False,
    enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False)
trainer.fit(module, datamodule=data)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
kilobytes = {name: int(status[name].split()[0]) for name in ("RssAnon", "VmHWM")}
print(json.dumps(kilobytes))
"""


def tunes(count: int, pieces: int) -> list[tuple]:
    """The kinds of pieces, each with its label."""
    kinds = [compose(np.random.default_rng(seed)) for seed in range(min(pieces, count))]
    return [(replace(kind, source="composer"), label_lai(kind)) for kind in kinds]


def store_of(folder: Path, count: int, pieces: int) -> Store:
    """So many tunes; of every hundred, one is held out to validate and one to test."""
    kinds = tunes(count, pieces)

    def written():
        for number in range(count):
            phrase, found = kinds[number % len(kinds)]
            split = ("validation", "test")[number % 100] if number % 100 < 2 else "train"
            yield Tune(f"composer/{number}", replace(phrase, title=f"no. {number}"), found, number, split)

    return write_store(folder, written(), ["composer"], "synthetic", {})


def measured(store: Store) -> dict[str, float]:
    """Megabytes of a process that trains on a store: its own at the end, and the peak of all that it had mapped."""
    command = [sys.executable, "-c", TRAIN, str(store.folder), str(STEPS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kilobytes = json.loads(done.stdout.splitlines()[-1])
    return {"private_megabytes": kilobytes["RssAnon"] / 1024, "peak_megabytes": kilobytes["VmHWM"] / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tunes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--pieces", type=int, default=1000)
    parser.add_argument("--keep", type=Path, help="a folder for the stores, kept")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for count in asked.tunes:
            began = time.perf_counter()
            store = store_of((asked.keep or Path(temporary)) / f"of-{count}", count, asked.pieces)
            print(f"{count:,} tunes written in {time.perf_counter() - began:.0f} s", flush=True)
            size = sum(file.stat().st_size for file in store.folder.iterdir()) / 2**20
            about = {"tunes": count, "notes": len(store.rows), "store_megabytes": size, "steps": STEPS}
            import torch

            versions = {"torch": torch.__version__, "python": platform.python_version()}
            row = about | measured(store) | versions
            rows.append({name: f"{row[name]:.1f}" if isinstance(row[name], float) else row[name] for name in COLUMNS})
            print(rows[-1], flush=True)
    write_csv(HERE / "results.csv", COLUMNS, rows)


if __name__ == "__main__":
    main()
