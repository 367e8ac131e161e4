"""How far tunes of an exported model go where they are asked to: conditions, guidance, and blends of two styles. From
the repository:

    python -m experiments.steering.study [EXPORTED]

EXPORTED is a folder that phin-export wrote. Writes results.csv, a row for every request, and figure.svg; without a
folder only the figure is drawn anew.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.study import read_results
from phin.evaluation.runs.curves import COLOURS
from phin.generation.exported import Precision
from phin.generation.play import play
from phin.generation.request import SamplerConfig, Style, TuneRequest
from phin.music.lai import lai_named
from phin.music.phrase import Phrase
from phin.music.picture import save
from phin.runtime.onnx_engine import OnnxEngine
from phin.tokenizer import density
from phin.whole_file import write_csv

HERE = Path(__file__).parent
TUNES, SEED, LINES = 128, 0, 4
COLUMNS = ("question", "arm", "asked", "measured", "mean", "error", "tunes")
"""`asked` is where on the figure's axis a request stands; `error` is the standard error of the mean over tunes."""
LAIS = ("yai", "noi", "soi", "po sai")
DENSITIES = (0.6, 0.9, 1.1, 1.4, 1.6, 1.9, 2.2, 2.7, 3.5, 4.5)
GUIDANCE = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
BLENDS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
Measure = Callable[[Phrase], float]


class Asked(NamedTuple):
    """A request, what is measured of its tunes, and where it stands in table and figure."""

    question: str
    arm: str
    asked: float
    measured: str
    measure: Measure
    request: TuneRequest


def in_lai(name: str) -> Measure:
    """The share of a tune's melody notes that are in a lai."""
    lai = lai_named(name)
    assert lai is not None
    inside = sorted(lai.pitch_classes)
    return lambda tune: float(np.isin(tune.melody.pitch % 12, inside).mean())


def f_of_e_and_f(tune: Phrase) -> float:
    """What lai po sai has and yai lacks, as a share of that and of what yai has and po sai lacks; NaN for neither."""
    e, f = (np.count_nonzero(tune.melody.pitch % 12 == pitch) for pitch in (4, 5))
    return f / (e + f) if e + f else np.nan


def notes_a_hong(tune: Phrase) -> float:
    """Its density."""
    found = density(tune)
    assert found is not None
    return found


def requests() -> Iterator[Asked]:
    """All that is asked."""
    for name in LAIS:
        for guidance in GUIDANCE:
            request = TuneRequest(lines=LINES, lai=name, guidance=guidance)
            yield Asked("guidance", f"lai {name}", guidance, "notes in the lai", in_lai(name), request)
    for guidance in (1.0, 2.0):
        for each in DENSITIES:
            request = TuneRequest(lines=LINES, density=each, guidance=guidance)
            yield Asked("density", f"guidance {guidance:g}", each, "notes a hong", notes_a_hong, request)
    for alpha in BLENDS:
        request = blended(Style(source="essen"), Style(source="oneill"), alpha)
        yield Asked("blend", "from essen to oneill", alpha, "notes a hong", notes_a_hong, request)
    for alpha in BLENDS:
        request = blended(Style(density=1.0), Style(density=3.0), alpha)
        yield Asked("blend", "from 1 note a hong to 3", alpha, "notes a hong", notes_a_hong, request)
    for alpha in BLENDS:
        request = blended(Style(lai="yai"), Style(lai="po sai"), alpha)
        yield Asked("blend", "from lai yai to lai po sai", alpha, "F, of all E and F", f_of_e_and_f, request)


def blended(one: Style, other: Style, alpha: float) -> TuneRequest:
    """From one style (0) to another (1)."""
    mine = {} if alpha == 1 else {"lai": one.lai, "source": one.source, "density": one.density}
    return TuneRequest(lines=LINES, blend=alpha, other=other if alpha else Style(), **mine)


def measured(engine: OnnxEngine, asked: Asked) -> dict[str, str]:
    """The row of a request."""
    tunes = play(engine, asked.request, TUNES, SEED, SamplerConfig(top_p=0.98))
    values = np.array([asked.measure(each.phrase) for each in tunes])
    values = values[~np.isnan(values)]
    error = values.std(ddof=1) / np.sqrt(len(values))
    cells = asked.question, asked.arm, f"{asked.asked:g}", asked.measured, f"{values.mean():.4f}", f"{error:.4f}"
    return dict(zip(COLUMNS, (*cells, str(len(values))), strict=True))


def picture(rows: Sequence[dict[str, str]]) -> Figure:
    """What was measured, by what was asked, with standard errors."""
    figure = Figure(figsize=(9.5, 6.4))
    panels = list(figure.subplots(2, 2).flat)
    of_notes = [row for row in rows if row["question"] == "blend" and row["measured"] == "notes a hong"]
    draw(panels[0], [row for row in rows if row["question"] == "guidance"], "guidance")
    draw(panels[1], [row for row in rows if row["question"] == "density"], "density that is asked for")
    draw(panels[2], of_notes, "blend")
    draw(panels[3], [row for row in rows if row["question"] == "blend" and row not in of_notes], "blend")
    panels[1].plot(DENSITIES, DENSITIES, color="#777", linewidth=0.8, linestyle="--", label="as asked")
    panels[1].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    return figure


def draw(panel: Axes, rows: Sequence[dict[str, str]], label: str) -> None:
    """An arm a colour."""
    for arm, colour in zip(dict.fromkeys(row["arm"] for row in rows), COLOURS, strict=False):
        mine = [row for row in rows if row["arm"] == arm]
        x, mean, error = ([float(row[name]) for row in mine] for name in ("asked", "mean", "error"))
        panel.errorbar(x, mean, yerr=error, fmt="o-", markersize=3, linewidth=1, color=colour, label=arm)
    panel.set_xlabel(label, fontsize=9)
    panel.set_ylabel(rows[0]["measured"], fontsize=9)
    panel.set_ylim(0, None)
    panel.grid(color="#ddd", linewidth=0.6)
    panel.legend(fontsize=7, frameon=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported", nargs="?")
    asked = parser.parse_args()
    if asked.exported:
        engine, rows = OnnxEngine(asked.exported, Precision.FP32), list[dict[str, str]]()
        for each in requests():
            rows.append(measured(engine, each))
            print(", ".join(rows[-1].values()), flush=True)
        write_csv(HERE / "results.csv", COLUMNS, rows)
    save(picture(read_results(HERE / "results.csv")), HERE / "figure.svg")


if __name__ == "__main__":
    main()
