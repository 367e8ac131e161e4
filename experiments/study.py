"""Collects a study's finished runs into its results.csv, and draws its figure.svg. Run from the repository:

    python experiments/study.py experiments/STUDY [RUNS ...] [--against ARM]    # or a folder within it

RUNS are folders of sweeps, which hold a folder a run. With none, the figure alone is drawn anew, from results.csv. With
--against, every arm is also compared with that one on the same tunes (paired.csv), and that is what the figure shows.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from phin.errors import PhinError
from phin.evaluation.bits_table import ALL
from phin.evaluation.by_tune import TEST_BITS, read_by_tune
from phin.evaluation.paired import paired
from phin.evaluation.runs.comparison import RESULT_COLUMNS, result_rows
from phin.evaluation.runs.curves import COLOURS
from phin.evaluation.runs.run_folder import Run, arm_names, find_runs, read_run
from phin.music.picture import save
from phin.whole_file import write_csv

RESULTS, PAIRED, FIGURE = "results.csv", "paired.csv", "figure.svg"
NOT_NAMED = ("seed", "trainer.max_steps", "trainer.val_check_interval", "sampler")
"""The first two have columns of their own; a run of other steps is validated after others, and how samples are drawn
changes no bits."""
PAIRED_COLUMNS = (
    *("arm", "steps", "against", "against_steps", "seeds", "source", "tunes", "families", "notes"),
    *("step", "pitch", "duration", "bits_per_note", "lowest_seed", "highest_seed"),
    *("difference", "low", "high", "share"),
)
"""A row an arm, number of steps and source. Bits are the mean of the seeds; the difference is paired tune by tune, its
interval is 95 % by family."""
LONG_NAME = 20
"""Letters of an arm's name, beyond which two lines are needed below a figure."""
Row = dict[str, str]
Arm = tuple[str, int]
"""Its name, and after how many steps."""


def read_runs(sweeps: list[Path]) -> list[Run]:
    """The runs of sweeps, in the order they ran. Raises PhinError where there are none, or one is not finished."""
    return [read_run(folder) for folder in find_runs(sweeps)]


def names(runs: list[Run]) -> list[str]:
    """What the arm of each run is called in the tables."""
    return arm_names(runs, beside=NOT_NAMED)


def results(runs: list[Run]) -> list[Row]:
    """A row an arm, seed and source, as results.csv holds them. Raises PhinError where two runs are the same."""
    rows, seen = list[Row](), dict[tuple[str, int, str], Path]()
    for run, arm in zip(runs, names(runs), strict=True):
        own = result_rows(run, arm)
        key = arm, run.seed, own[0]["steps"]
        if key in seen:
            raise PhinError(run.folder, f"is the same arm, seed and steps as {seen[key]}", "leave one of them out")
        seen[key] = run.folder
        rows += own
    return rows


def by_arm(runs: list[Run]) -> dict[Arm, list[Run]]:
    """The runs of each arm, which differ in their seed alone. All must be finished (`results` says so)."""
    arms: dict[Arm, list[Run]] = {}
    for run, name in zip(runs, names(runs), strict=True):
        assert run.finished is not None
        arms.setdefault((name, run.finished.steps), []).append(run)
    return arms


def differences(runs: list[Run], rows: Sequence[Row], against: str) -> list[Row]:
    """Every arm beside `against` after the same steps, or, where it has none such, after those it has: paired.csv.

    Seeds count by the mean of their bits on each tune. Raises PhinError where no run is called so.
    """
    arms = by_arm(runs)
    own_steps = [steps for name, steps in arms if name == against]
    if not own_steps:
        raise PhinError(f"--against {against}", "no arm is called so", f"take one of {', '.join(n for n, _ in arms)}")
    read = {arm: [read_by_tune(run.folder / TEST_BITS) for run in group] for arm, group in arms.items()}
    found = list[Row]()
    for (name, steps), tunes in read.items():
        beside = steps if steps in own_steps else max(own_steps)
        for row in paired(tunes, read[against, beside]):
            means = [r for r in rows if (r["arm"], int(r["steps"]), r["source"]) == (name, steps, row.source)]
            bits = {key: [float(r[key]) for r in means] for key in ("step", "pitch", "duration", "bits_per_note")}
            about = {"arm": name, "steps": steps, "against": against, "against_steps": beside, "seeds": len(tunes)}
            about |= {key: getattr(row, key) for key in ("source", "tunes", "families", "notes")}
            numbers = {key: float(np.mean(values)) for key, values in bits.items()}
            numbers |= {"lowest_seed": min(bits["bits_per_note"]), "highest_seed": max(bits["bits_per_note"])}
            numbers |= {"difference": row.difference, "low": row.interval[0], "high": row.interval[1]}
            numbers |= {"share": row.share}
            values = about | {key: f"{value:.4f}" for key, value in numbers.items()}
            found.append({key: str(values[key]) for key in PAIRED_COLUMNS})
    return found


def picture(rows: Sequence[Row]) -> Figure:
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


def picture_of_differences(rows: Sequence[Row]) -> Figure:
    """Each arm's paired difference from the one they are compared with: in all with its interval, and by source."""
    arms = list(dict.fromkeys((row["arm"], row["steps"]) for row in rows))
    sources = [source for source in dict.fromkeys(row["source"] for row in rows) if source != ALL]
    several = len({steps for _, steps in arms}) > 1
    figure = Figure(figsize=(7.2, 1.3 + 0.3 * len(arms)))
    panel = figure.subplots()
    panel.axvline(0, color="#777", linewidth=0.8)
    for number, source in enumerate(sources):
        here = [row for row in rows if row["source"] == source]
        places = [arms.index((row["arm"], row["steps"])) for row in here]
        marker, colour = "ovs^Dp"[number % 6], COLOURS[number % len(COLOURS)]
        values = [float(row["difference"]) for row in here]
        panel.scatter(values, places, marker=marker, s=14, color=colour, alpha=0.7, label=source)
    for row in rows:
        if row["source"] == ALL:
            value, low, high = (float(row[name]) for name in ("difference", "low", "high"))
            place = arms.index((row["arm"], row["steps"]))
            panel.errorbar(
                value,
                place,
                xerr=[[value - low], [high - value]],
                fmt="D",
                markersize=5,
                color="black",
                label=ALL if place == 0 else None,
            )
    panel.set_yticks(range(len(arms)), [f"{arm}, {int(steps):,} steps" if several else arm for arm, steps in arms])
    panel.invert_yaxis()
    between = "\n" if len(rows[0]["against"]) > LONG_NAME else " "
    panel.set_xlabel(f"bits per note less those of {rows[0]['against']},{between}tune by tune")
    panel.grid(axis="x", color="#ddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.legend(fontsize=7, frameon=False, ncols=len(sources) + 1, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.tight_layout()
    return figure


def table(rows: Sequence[Row]) -> str:
    """Paired rows of all sources, as a README has them."""
    head = f"| arm | steps | step | pitch | duration | bits/note | seeds | less `{rows[0]['against']}` | 95 % |"
    lines = [head, "|---|--:|--:|--:|--:|--:|---|--:|---|"]
    for row in rows:
        if row["source"] == ALL:
            numbers = [f"{float(row[name]):.3f}" for name in ("step", "pitch", "duration", "bits_per_note")]
            seeds = f"{float(row['lowest_seed']):.3f}-{float(row['highest_seed']):.3f}"
            interval = f"{float(row['low']):+.3f} to {float(row['high']):+.3f}"
            cells = [f"`{row['arm']}`", row["steps"], *numbers, seeds, f"{float(row['difference']):+.3f}", interval]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_results(rows: Sequence[Row], path: Path) -> None:
    """results.csv, whole or not at all."""
    write_csv(path, RESULT_COLUMNS, rows)


def read_results(path: Path) -> list[Row]:
    """The rows of a study's table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def redo(study: Path, sweeps: list[Path], against: str | None = None) -> list[Row]:
    """Collects the sweeps, if any, and draws; returns the rows of results.csv."""
    if sweeps:
        runs = read_runs(sweeps)
        rows = results(runs)
        compared = differences(runs, rows, against) if against is not None else None
        write_results(rows, study / RESULTS)
        if compared is not None:
            write_csv(study / PAIRED, PAIRED_COLUMNS, compared)
        else:
            (study / PAIRED).unlink(missing_ok=True)
    rows = read_results(study / RESULTS)
    compared_file = study / PAIRED
    drawn = picture_of_differences(read_results(compared_file)) if compared_file.is_file() else picture(rows)
    save(drawn, study / FIGURE)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--against", metavar="ARM")
    arguments = parser.parse_args()
    if arguments.against is not None and not arguments.runs:
        parser.error("--against needs RUNS: paired differences are of tunes, which results.csv does not hold")
    try:
        rows = redo(arguments.study, arguments.runs, arguments.against)
    except PhinError as error:
        raise SystemExit(f"study.py: {error}") from None
    if (arguments.study / PAIRED).is_file():
        print(table(read_results(arguments.study / PAIRED)))
        return
    for row in rows:
        if row["source"] == ALL:
            interval = f"{row['low']}-{row['high']}"
            print(f"{row['arm']}, seed {row['seed']}, {row['steps']} steps: {row['bits_per_note']} ({interval})")


if __name__ == "__main__":
    main()
