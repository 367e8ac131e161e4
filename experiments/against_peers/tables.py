"""From runs to results.csv and figure.svg, and from rounds to speed.csv. As a program it draws the figure anew."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.study import read_results
from phin.corpus.store import Store
from phin.errors import PhinError
from phin.evaluation.intervals import interval_by_family
from phin.music.picture import save
from phin.whole_file import write_csv

HERE = Path(__file__).parent
RESULTS, FIGURE, SPEED, TRIALS = (HERE / name for name in ("results.csv", "figure.svg", "speed.csv", "trials.csv"))
NOTES, CLOCK, TRIAL = "notes", "clock", "trial"
TITLES = {NOTES: "equal notes seen", CLOCK: "equal time"}
OURS, MARKOV = "ours", "markov"
MEAN = "mean"
COLUMNS = (
    *("table", "arm", "seed", "rate", "parameters", "steps", "notes_seen", "seconds"),
    *("tunes", "families", "notes", "bits_per_note", "low", "high", "more_than_ours", "more_low", "more_high"),
)
Row = dict[str, str]


def draw(runs: Path, store: Store) -> list[Row]:
    """results.csv from the runs, if there are any, and the figure from results.csv; returns its rows."""
    if runs.is_dir():
        write_csv(RESULTS, COLUMNS, results(runs, store))
        write_trials(runs)
    rows = read_results(RESULTS)
    save(picture(rows), FIGURE)
    for row in rows:
        if row["seed"] == MEAN:
            print(f"{TITLES[row['table']]:17} {row['arm']:22} {row['bits_per_note']} ({row['low']}-{row['high']})")
    return rows


def write_trials(runs: Path) -> None:
    """trials.csv: what each arm reads of the validation split after a short run at each rate."""
    columns = ("arm", "rate", "seed", "steps", "bits_per_note")
    made = [json.loads(file.read_text(encoding="utf-8")) for file in (runs / TRIAL).glob("*.json")]
    made.sort(key=lambda trial: (trial["arm"], trial["rate"]))
    rows = [
        {**{name: trial[name] for name in columns}, "bits_per_note": f"{trial['bits_per_note']:.4f}"} for trial in made
    ]
    write_csv(TRIALS, columns, rows)


def results(runs: Path, store: Store) -> list[Row]:
    """A row a run, and a row an arm of the mean over its seeds, of both tables."""
    rows = []
    for table in (NOTES, CLOCK):
        by_arm: dict[str, list[dict[str, Any]]] = {}
        for file in sorted((runs / table).glob("*.json")):
            made = json.loads(file.read_text(encoding="utf-8"))
            by_arm.setdefault(made["arm"], []).append(made)
        if OURS not in by_arm:
            raise PhinError(runs / table, "holds no run of ours to compare with", f"run --arms {OURS}")
        ours = by_seed(by_arm[OURS])
        for arm, made in by_arm.items():
            if (seeds := by_seed(made)).keys() != ours.keys():
                raise PhinError(runs / table, f"holds {arm} and ours of unlike seeds", "make the runs that are missing")
            rows += [row(table, arm, str(seed), run, ours[seed], store) for seed, run in seeds.items()]
    return rows


def by_seed(runs: Sequence[dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """An arm's runs, and after them their mean, of which what is one in all runs is kept."""
    every: dict[int | str, dict[str, Any]] = {run["seed"]: run for run in runs}
    mean = {key: runs[0][key] for key in ("rate", "parameters", "notes_of", "tune_of")}
    mean |= {key: float(np.mean([run[key] for run in runs])) for key in ("steps", "notes", "seconds")}
    return every | {MEAN: mean | {"bits_of": np.mean([run["bits_of"] for run in runs], axis=0)}}


def row(table: str, arm: str, seed: str, run: dict[str, Any], ours: dict[str, Any], store: Store) -> Row:
    """Bits a note with their interval by family, and how many more than ours, tune for tune."""
    if run["tune_of"] != ours["tune_of"]:
        raise PhinError(f"{arm}, seed {seed}", "was measured on other tunes than ours", "make both runs anew")
    bits, more = np.array(run["bits_of"]), np.array(run["bits_of"]) - np.array(ours["bits_of"])
    notes, family = np.array(run["notes_of"]), store.families[run["tune_of"]]
    numbers = [bits.sum() / notes.sum(), *interval_by_family(bits, notes, family)]
    numbers += [more.sum() / notes.sum(), *interval_by_family(more, notes, family)]
    took = [_said(run["rate"]), _said(run["parameters"]), f"{run['steps']:.0f}", f"{run['notes']:.0f}"]
    counts = [len(bits), len(np.unique(family)), notes.sum()]
    values = [table, arm, seed, *took, f"{run['seconds']:.1f}", *counts, *(f"{number:.4f}" for number in numbers)]
    return dict(zip(COLUMNS, map(str, values), strict=True))


def _said(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def picture(rows: Sequence[Row]) -> Figure:
    """Bits a note of every arm, the mean over seeds with its interval and a tick a seed; a panel a table."""
    arms = sorted({row["arm"] for row in rows}, key=lambda arm: _mean(rows, arm))
    figure = Figure(figsize=(10, 0.9 + 0.4 * len(arms)))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, (table, title) in zip(panels, TITLES.items(), strict=True):
        for here in (row for row in rows if row["table"] == table):
            place, bits = arms.index(here["arm"]), float(here["bits_per_note"])
            if here["seed"] != MEAN:
                panel.scatter(bits, place, marker="|", s=90, color="#777")
                continue
            spread = [[bits - float(here["low"])], [float(here["high"]) - bits]]
            colour = "#D55E00" if here["arm"] == OURS else "#0072B2"
            panel.errorbar(bits, place, xerr=spread, fmt="o", markersize=4, color=colour)
        panel.set_yticks(range(len(arms)), arms)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("bits per note, lower is better")
        panel.grid(axis="x", color="#ddd", linewidth=0.6)
        panel.set_axisbelow(True)
    panels[0].invert_yaxis()
    figure.tight_layout()
    return figure


def _mean(rows: Sequence[Row], arm: str) -> float:
    return min(float(row["bits_per_note"]) for row in rows if row["arm"] == arm and row["seed"] == MEAN)


def write_speed(rates: dict[str, list[float]], parameters: dict[str, int]) -> None:
    """speed.csv: notes a second, and ours over each arm's within a round; medians with the lowest and highest round."""
    rows = []
    for arm, values in rates.items():
        ratio = np.array(rates[OURS]) / np.array(values)
        numbers = [f"{value:.0f}" for value in _spread(np.array(values))] + [f"{value:.2f}" for value in _spread(ratio)]
        rows.append(dict(zip(SPEED_COLUMNS, [arm, *numbers, str(parameters[arm])], strict=True)))
        print(f"{arm:22}", *(f"{number:>8}" for number in numbers))
    write_csv(SPEED, SPEED_COLUMNS, rows)


def read_speed(parameters: dict[str, int]) -> dict[str, float]:
    """How many times as fast as each arm ours is, by speed.csv: 1 where that is what some rounds say and others do not.

    Raises PhinError where it was measured of other arms.
    """
    rows = {row["arm"]: row for row in read_results(SPEED)}
    for arm, number in parameters.items():
        if arm not in rows or rows[arm].get("parameters") != str(number):
            raise PhinError(SPEED, f"tells of another {arm} than that of {number:,} parameters", "run `speed` first")
    alike = {arm for arm, row in rows.items() if float(row["lowest_times"]) <= 1 <= float(row["highest_times"])}
    return {arm: 1.0 if arm in alike else float(row["ours_times"]) for arm, row in rows.items()}


SPEED_COLUMNS = (
    *("arm", "notes_a_second", "slowest", "fastest", "ours_times", "lowest_times", "highest_times"),
    "parameters",
)


def _spread(values: np.ndarray) -> tuple[float, float, float]:
    return float(np.median(values)), float(values.min()), float(values.max())


if __name__ == "__main__":
    save(picture(read_results(RESULTS)), FIGURE)
