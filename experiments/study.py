"""Collects a study's finished runs into its results.csv, and draws its figure.svg. Run from the repository:

    python experiments/study.py experiments/STUDY [RUNS ...]

RUNS are folders of sweeps, which hold a folder a run. With none, the figure alone is drawn anew, from results.csv.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from phin.cli.resume import OVERRIDES, SETTINGS
from phin.errors import PhinError
from phin.evaluation.report import ALL
from phin.music.picture import save
from phin.training.run import REPORT, finished_report
from phin.whole_file import whole_file

RESULTS, FIGURE = "results.csv", "figure.svg"
COLUMNS = (
    *("arm", "seed", "steps", "source", "tunes", "families", "notes", "step", "pitch", "duration"),
    *("bits_per_note", "low", "high", "markov", "validation_bits_per_note", "threads"),
)
HAS_A_COLUMN = ("seed=", "trainer.max_steps=")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's."""


@dataclass(frozen=True)
class Run:
    """A finished run of a sweep."""

    folder: Path
    overrides: list[str]
    seed: int
    report: dict[str, Any]


def read_runs(sweeps: list[Path]) -> list[Run]:
    """The runs of sweeps, in the order they ran. Raises PhinError where there are none, or one is not finished."""
    folders = [path.parent for sweep in sweeps for path in sorted(sweep.glob(f"*/{REPORT}"), key=_number)]
    if not folders:
        raise PhinError(sweeps[0], "holds no runs", "name the folder that holds a folder a run")
    return [_read(folder) for folder in folders]


def _number(report: Path) -> tuple[int, str]:
    name = report.parent.name
    return (int(name) if name.isdecimal() else 0), name


def _read(folder: Path) -> Run:
    report = finished_report(folder)
    if report is None:
        raise PhinError(folder, "is not finished", f"go on with phin-train resume={folder}, or remove it")
    overrides = [str(text) for text in OmegaConf.load(folder / OVERRIDES)]
    return Run(folder, overrides, int(OmegaConf.load(folder / SETTINGS)["seed"]), report)


def arms(runs: list[Run]) -> list[str]:
    """Of each run what tells its arm from others: the overrides that not all share, but for seed and steps."""
    shared = set.intersection(*(set(run.overrides) for run in runs))
    own = [[text for text in run.overrides if text not in shared and not text.startswith(HAS_A_COLUMN)] for run in runs]
    return [" ".join(texts) or "default" for texts in own]


def results(runs: list[Run]) -> list[dict[str, str]]:
    """A row an arm, seed and source, as results.csv holds them. Raises PhinError where two runs are the same."""
    rows, seen = [], {}
    for run, arm in zip(runs, arms(runs), strict=True):
        report = run.report
        key = arm, run.seed, report["steps"]
        if key in seen:
            raise PhinError(run.folder, f"is the same arm, seed and steps as {seen[key]}", "leave one of them out")
        seen[key] = run.folder
        for row in report["test"]:
            low, high = row["interval"]
            about = {"arm": arm, "seed": run.seed, "steps": report["steps"], "threads": report["machine"]["threads"]}
            counts = {name: row[name] for name in ("source", "tunes", "families", "notes")}
            bits = {name: row[name] for name in ("step", "pitch", "duration", "markov")}
            bits |= {"bits_per_note": row["bits"], "low": low, "high": high}
            bits |= {"validation_bits_per_note": report["validation_bits_per_note"]}
            values = about | counts | {name: f"{value:.4f}" for name, value in bits.items()}
            rows.append({name: str(values[name]) for name in COLUMNS})
    return rows


def picture(rows: list[dict[str, str]]) -> Figure:
    """Bits per note of each source with its interval, an arm a colour; runs of unequal steps in panels of their own."""
    steps = sorted({int(row["steps"]) for row in rows}, reverse=True)
    names = list(dict.fromkeys(row["arm"] for row in rows))
    sources = [*dict.fromkeys(row["source"] for row in rows if row["source"] != ALL), ALL]
    figure = Figure(figsize=(4.6 * len(steps), 1.6 + 0.5 * len(sources)))
    panels = figure.subplots(1, len(steps), sharex=True, sharey=True, squeeze=False)[0]
    for panel, count in zip(panels, steps, strict=True):
        here = [row for row in rows if int(row["steps"]) == count]
        runs = list(dict.fromkeys((row["arm"], row["seed"]) for row in here))
        lower = np.linspace(-0.28, 0.28, len(runs)) if len(runs) > 1 else [0.0]
        said = set()
        for row in here:
            arm, place = row["arm"], sources.index(row["source"])
            bits, low, high = (float(row[name]) for name in ("bits_per_note", "low", "high"))
            panel.errorbar(
                bits,
                place + lower[runs.index((arm, row["seed"]))],
                xerr=[[bits - low], [high - bits]],
                fmt="o",
                markersize=4,
                color=COLOURS[names.index(arm) % len(COLOURS)],
                label=None if arm in said else arm,
            )
            said.add(arm)
        markov = {row["source"]: float(row["markov"]) for row in here}
        places = [sources.index(source) for source in markov]
        panel.scatter(list(markov.values()), places, marker="|", s=260, color="#777", label="Markov model")
        panel.set_yticks(range(len(sources)), sources)
        panel.set_title(f"{count:,} steps", fontsize=10)
        panel.set_xlabel("bits per note, lower is better")
        panel.grid(axis="x", color="#ddd", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.legend(fontsize=7, frameon=False, markerscale=0.5, loc="lower center", bbox_to_anchor=(0.5, 1.08))
    panels[0].invert_yaxis()
    figure.tight_layout()
    return figure


def write_results(rows: list[dict[str, str]], path: Path) -> None:
    """results.csv, whole or not at all."""
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_results(path: Path) -> list[dict[str, str]]:
    """The rows of a results.csv."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def redo(study: Path, sweeps: list[Path]) -> list[dict[str, str]]:
    """Collects the sweeps, if any, and draws; returns the rows of results.csv."""
    if sweeps:
        write_results(results(read_runs(sweeps)), study / RESULTS)
    rows = read_results(study / RESULTS)
    save(picture(rows), study / FIGURE)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("runs", type=Path, nargs="*")
    arguments = parser.parse_args()
    try:
        rows = redo(arguments.study, arguments.runs)
    except PhinError as error:
        raise SystemExit(f"study.py: {error}") from None
    for row in rows:
        if row["source"] == ALL:
            interval = f"{row['low']}-{row['high']}"
            print(f"{row['arm']}, seed {row['seed']}, {row['steps']} steps: {row['bits_per_note']} ({interval})")


if __name__ == "__main__":
    main()
