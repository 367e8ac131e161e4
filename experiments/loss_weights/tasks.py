"""Each task's own measure on the held-out tunes, and what the terms weighed. From the repository:

    python -m experiments.loss_weights.tasks RUNS

RUNS is the folder of the sweep. Writes tasks.csv, a row an arm: the five terms in nats (their parts summed as in
training, unweighed), on the test split, mean and range of the seeds; and the weights half-way and at the end.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from experiments.recipe import settings
from experiments.study import names, read_runs
from phin.batch import PARTS, label_counts
from phin.data.datamodule import PhinDataModule
from phin.evaluation.runs.curves import METRICS
from phin.evaluation.runs.run_folder import Run
from phin.model.checkpoint import find, load
from phin.model.loss import PARTS_OF_TERM, TERMS, LossConfig, PhinLoss, Weighing
from phin.whole_file import write_csv

HERE = Path(__file__).parent
MEASURED = tuple(term for term in TERMS if term != "technique")  # the folk corpus has none
COLUMNS = ("arm", *MEASURED, *(f"{term}_{of}" for term in MEASURED for of in ("low", "high")))
COLUMNS += tuple(f"{term}_weight_{when}" for term in MEASURED for when in ("half", "end"))


@torch.inference_mode()
def terms_of(run: Run, data: PhinDataModule) -> dict[str, float]:
    """The terms of a run's best checkpoint on the test split, in nats, each a sum over the split by its count."""
    model, _ = load(find(run.folder))
    loss = PhinLoss(LossConfig(weighing=Weighing.UNIFORM))
    sums, counts = torch.zeros(len(PARTS)), torch.zeros(len(PARTS))
    for batch in tqdm(data.test_dataloader(), desc=str(run.folder), disable=None):
        sums += loss.part_sums(model(batch)[0], batch)
        counts += label_counts(batch).sum(dim=1)
    parts = dict(zip(PARTS, (sums / counts.clamp(min=1)).tolist(), strict=True))
    return {term: sum(parts[part] for part in PARTS_OF_TERM[term]) for term in MEASURED}


def logged_weights(run: Run) -> list[tuple[int, dict[str, float]]]:
    """What each term weighed at each step at which that was logged, counted from 0."""
    with (run.folder / METRICS).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row[f"loss_weight/{MEASURED[0]}"]]
    return [(int(row["step"]), {term: float(row[f"loss_weight/{term}"]) for term in MEASURED}) for row in rows]


def weights_of(run: Run) -> dict[str, tuple[float, float]]:
    """What each term weighed half-way and at the end of a run."""
    logged = logged_weights(run)
    last, at_end = logged[-1]
    _, half_way = min(logged, key=lambda each: abs(each[0] - last / 2))
    return {term: (half_way[term], at_end[term]) for term in MEASURED}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    runs = read_runs([asked.runs])
    config = settings("run=unused")
    data = PhinDataModule(config.data, config.seed)
    by_arm: dict[str, list[tuple[dict[str, float], dict[str, tuple[float, float]]]]] = {}
    for run, arm in zip(runs, names(runs), strict=True):
        by_arm.setdefault(arm, []).append((terms_of(run, data), weights_of(run)))
    rows = []
    for arm, measured in by_arm.items():
        row = {"arm": arm}
        for term in MEASURED:
            of_term = [terms[term] for terms, _ in measured]
            numbers = {term: np.mean(of_term), f"{term}_low": min(of_term), f"{term}_high": max(of_term)}
            for place, when in enumerate(("half", "end")):
                numbers[f"{term}_weight_{when}"] = np.mean([weights[term][place] for _, weights in measured])
            row |= {key: f"{value:.4f}" for key, value in numbers.items()}
        rows.append(row)
        print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
    write_csv(HERE / "tasks.csv", COLUMNS, rows)


if __name__ == "__main__":
    main()
