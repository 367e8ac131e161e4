"""What the terms weighed while the weights were learned. From the repository:

    python -m experiments.loss_weights.weights [RUNS ...]

RUNS are folders of runs, or of sweeps; arms whose weights stay as they are set are left out. Writes weights.csv, a row
an arm, seed and logged step, and draws weights.svg; with none it draws the picture anew.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from experiments.loss_weights.tasks import MEASURED, logged_weights
from experiments.study import names, read_results, read_runs
from phin.evaluation.runs.curves import COLOURS
from phin.evaluation.runs.run_folder import Run
from phin.music.picture import save
from phin.whole_file import write_csv

HERE = Path(__file__).parent
TABLE = HERE / "weights.csv"
COLUMNS = ("arm", "seed", "step", *MEASURED)
Row = dict[str, str]


def weights_over_time(run: Run, arm: str) -> list[Row]:
    """A row a step at which the weights were logged, counted in steps done."""
    about = {"arm": arm, "seed": str(run.seed)}
    return [
        about | {"step": str(step + 1)} | {term: f"{weight:.4f}" for term, weight in weights.items()}
        for step, weights in logged_weights(run)
    ]


def picture(rows: Sequence[Row]) -> Figure:
    """A panel an arm, a colour a term, a line a seed."""
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    figure = Figure(figsize=(3.6 * len(arms), 3.2), layout="constrained")
    panels = figure.subplots(1, len(arms), sharex=True, squeeze=False)[0]
    for panel, arm in zip(panels, arms, strict=True):
        for seed in dict.fromkeys(row["seed"] for row in rows if row["arm"] == arm):
            own = [row for row in rows if (row["arm"], row["seed"]) == (arm, seed)]
            steps = [int(row["step"]) for row in own]
            for term, colour in zip(MEASURED, COLOURS, strict=False):
                panel.plot(steps, [float(row[term]) for row in own], color=colour, label=term, linewidth=1.4)
        panel.set_title(arm, fontsize=10)
        panel.set_xlabel("steps")
        panel.set_ylim(bottom=0)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("weight of the term")
    handles, labels = panels[0].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    panels[-1].legend(once.values(), once.keys(), frameon=False, fontsize=8)
    return figure


def measured(sweeps: Sequence[Path]) -> list[Row]:
    """The rows of weights.csv: of the arms whose weights change, at each logged step."""
    runs = read_runs(list(sweeps))
    rows = list[Row]()
    for run, arm in zip(runs, names(runs), strict=True):
        own = weights_over_time(run, arm)
        if any(row[term] != own[0][term] for row in own for term in MEASURED):
            rows += own
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*")
    asked = parser.parse_args().runs
    if asked:
        write_csv(TABLE, COLUMNS, measured(asked))
    save(picture(read_results(TABLE)), HERE / "weights.svg")


if __name__ == "__main__":
    main()
