"""Bits a note by how many tunes were learned from, a line a size of the model: curve.svg, drawn from results.csv.

python -m experiments.scaling.curve
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments.study import read_results
from phin.evaluation.bits_table import ALL
from phin.evaluation.runs.curves import COLOURS
from phin.music.picture import save

HERE = Path(__file__).parent
TUNES = {"0.0625": 577, "0.25": 2492, "1": 9924}
"""Training tunes of each share of the families."""
ARM = re.compile(r"model=(?P<model>\w+) data\.share=(?P<share>[\d.]+)")


def by_size(rows: Sequence[dict[str, str]]) -> dict[str, dict[int, list[float]]]:
    """The bits of each seed, by size and number of tunes."""
    found: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        arm = ARM.fullmatch(row["arm"])
        if row["source"] == ALL and arm:
            of_size = found.setdefault(arm["model"], {})
            of_size.setdefault(TUNES[arm["share"]], []).append(float(row["bits_per_note"]))
    return found


def picture(rows: Sequence[dict[str, str]]) -> Figure:
    """Means of the seeds, and the lowest and highest."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    panel = figure.subplots()
    for (size, of_size), colour in zip(by_size(rows).items(), COLOURS, strict=False):
        tunes = sorted(of_size)
        means = np.array([np.mean(of_size[count]) for count in tunes])
        ends = [(min(of_size[count]), max(of_size[count])) for count in tunes]
        spread = np.abs(np.array(ends).T - means)
        panel.errorbar(tunes, means, yerr=spread, marker="o", markersize=4, capsize=3, color=colour, label=size)
    panel.set_xscale("log")
    panel.set_xticks(list(TUNES.values()), [f"{count:,}" for count in TUNES.values()])
    panel.minorticks_off()
    panel.set_xlabel("training tunes")
    panel.set_ylabel("bits per note, lower is better")
    panel.grid(color="#ddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.legend(frameon=False)
    return figure


def main() -> None:
    save(picture(read_results(HERE / "results.csv")), HERE / "curve.svg")


if __name__ == "__main__":
    main()
