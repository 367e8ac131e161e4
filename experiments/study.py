"""Collects a study's finished runs into its results.csv, and draws its figure.svg. Run from the repository:

    python experiments/study.py experiments/STUDY [RUNS ...]

RUNS are folders of sweeps, which hold a folder a run. With none, the figure alone is drawn anew, from results.csv.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from phin.errors import PhinError
from phin.evaluation.comparison import RESULT_COLUMNS, result_rows
from phin.evaluation.curves import COLOURS
from phin.evaluation.runs import Run, arm_names, find_runs, read_run
from phin.evaluation.table import ALL
from phin.music.picture import save
from phin.whole_file import write_csv

RESULTS, FIGURE = "results.csv", "figure.svg"
HAS_A_COLUMN = ("seed", "trainer.max_steps")


def read_runs(sweeps: list[Path]) -> list[Run]:
    """The runs of sweeps, in the order they ran. Raises PhinError where there are none, or one is not finished."""
    return [read_run(folder) for folder in find_runs(sweeps)]


def results(runs: list[Run]) -> list[dict[str, str]]:
    """A row an arm, seed and source, as results.csv holds them. Raises PhinError where two runs are the same."""
    rows, seen = list[dict[str, str]](), dict[tuple[str, int, str], Path]()
    for run, arm in zip(runs, arm_names(runs, beside=HAS_A_COLUMN), strict=True):
        own = result_rows(run, arm)
        key = arm, run.seed, own[0]["steps"]
        if key in seen:
            raise PhinError(run.folder, f"is the same arm, seed and steps as {seen[key]}", "leave one of them out")
        seen[key] = run.folder
        rows += own
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
    write_csv(path, RESULT_COLUMNS, rows)


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
