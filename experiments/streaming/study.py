"""Whether a tune without end stays what it was: bits per note, lai, time and memory. From the repository:

    python -m experiments.streaming.study EXPORTED [--tunes 16] [--lines 512]

EXPORTED is a folder that phin-export wrote. Every tune is asked to be in lai yai, which leans it and does not bind it.
Writes results.csv, a row for every eight lines, and figure.svg, which sets it beside window.csv (as README.md tells).
Bits are of all fields that the model draws: step, pitch and duration. Memory is what the process holds then beyond what
it held at the tune's first note, not the most it ever held; the notes that are kept here are among it.
"""

import argparse
import math
import os
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments.study import read_results
from phin.evaluation.runs.curves import COLOURS
from phin.generation.exported import Precision
from phin.generation.request import TuneRequest
from phin.generation.stream import StreamedNote, stream
from phin.music.lai import lai_named
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG
from phin.music.picture import save
from phin.runtime.onnx_engine import OnnxEngine
from phin.whole_file import write_csv

HERE = Path(__file__).parent
STEPS_PER_LINE = STEPS_PER_HONG * HONG_PER_LINE
COLUMNS = (
    *("from_line", "to_line", "notes", "bits_per_note", "bits_error", "in_lai", "in_lai_error"),
    *("ms_per_note", "megabytes"),
)
LINES_PER_STRETCH = 8
PANELS = {
    "bits_per_note": "bits per note,\nas drawn",
    "in_lai": "notes in lai yai,\nwhich is asked for",
    "ms_per_note": "milliseconds\na note",
    "megabytes": "megabytes more\nthan at its first note",
}
ARMS = {"theme and latest verses": "results.csv", "the last 256 notes (before)": "window.csv"}
"""The tables that are set beside each other."""
REQUEST = TuneRequest(lai="yai", source="han")


def held() -> float:
    """Megabytes of memory that the process holds now."""
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return resident * os.sysconf("SC_PAGESIZE") / 1e6


def streamed(engine: OnnxEngine, seed: int, lines: int) -> tuple[list[StreamedNote], list[float], list[float]]:
    """The notes of a tune of so many lines; and of each when it was drawn, and the megabytes the process held then."""
    when, memory = list[float](), list[float]()

    def watch(_: StreamedNote) -> None:
        when.append(time.process_time())
        memory.append(held())

    notes = stream(engine, REQUEST, seed, on_note=watch)
    return list(takewhile(lambda note: note.onset < lines * STEPS_PER_LINE, notes)), when, memory


def by_stretch(engine: OnnxEngine, tunes: int, lines: int) -> list[dict[str, str]]:
    """A row a stretch of lines, over all tunes; errors are of the mean over tunes, each of which counts once."""
    lai = lai_named(REQUEST.lai)
    assert lai is not None
    stretches = range(0, lines, LINES_PER_STRETCH)
    bits, inside, took, memory, notes = (np.full((tunes, len(stretches)), math.nan) for _ in range(5))
    for seed in range(tunes):
        drawn, when, size = streamed(engine, seed, lines)
        line = np.maximum([note.onset for note in drawn], 0) // STEPS_PER_LINE
        values = {
            "bits": np.array([-note.log_probability / math.log(2) for note in drawn]),
            "in": np.array([note.pitch % 12 in lai.pitch_classes for note in drawn], float),
            "took": np.diff(when[: len(drawn)], prepend=when[0]) * 1000,
            "held": np.array(size[: len(drawn)]) - size[0],
        }
        for place, first in enumerate(stretches):
            here = (first <= line) & (line < first + LINES_PER_STRETCH)
            notes[seed, place] = here.sum()
            if here.any():
                bits[seed, place], inside[seed, place] = values["bits"][here].mean(), values["in"][here].mean()
                took[seed, place], memory[seed, place] = np.median(values["took"][here]), values["held"][here][-1]
        print(f"tune {seed + 1}: {len(drawn)} notes", flush=True)
    rows = []
    for place, first in enumerate(stretches):
        error = [np.nanstd(of[:, place], ddof=1) / math.sqrt(tunes) for of in (bits, inside)]
        numbers = [np.nanmean(bits[:, place]), error[0], np.nanmean(inside[:, place]), error[1]]
        numbers += [np.nanmedian(took[:, place]), np.nanmean(memory[:, place])]
        values = [first + 1, min(first + LINES_PER_STRETCH, lines), int(np.nansum(notes[:, place]))]
        rows.append(dict(zip(COLUMNS, [*map(str, values), *(f"{number:.4f}" for number in numbers)], strict=True)))
    return rows


def picture(*arms: Sequence[dict[str, str]]) -> Figure:
    """Bits per note, notes in the lai, time a note and memory along the tunes: the first two with standard errors.

    `arms` are the rows of the tables of ARMS.
    """
    figure = Figure(figsize=(8, 6.4))
    panels = figure.subplots(len(PANELS), 1, sharex=True)
    for (name, rows), colour in zip(zip(ARMS, arms, strict=True), COLOURS, strict=False):
        line = [(int(row["from_line"]) + int(row["to_line"])) / 2 for row in rows]
        for panel, (key, label) in zip(panels, PANELS.items(), strict=True):
            if key not in rows[0]:
                continue
            mean = np.array([float(row[key]) for row in rows])
            if (error := key.removesuffix("_per_note") + "_error") in COLUMNS:
                either_way = np.array([float(row[error]) for row in rows])
                panel.fill_between(line, mean - either_way, mean + either_way, alpha=0.25, color=colour)
            panel.plot(line, mean, color=colour, label=name)
            panel.set_ylabel(label, fontsize=8)
            panel.grid(color="#ddd", linewidth=0.6)
    for panel, key in zip(panels, PANELS, strict=True):
        panel.set_ylim(0, 1 if key == "in_lai" else None)
    panels[-1].set_xlabel("line (eight hong)")
    panels[0].set_title("Tunes without end (band: standard error over tunes)", fontsize=9)
    panels[0].legend(fontsize=8, frameon=False, loc="lower left")
    figure.tight_layout()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported", nargs="?")
    parser.add_argument("--tunes", type=int, default=16)
    parser.add_argument("--lines", type=int, default=512)
    asked = parser.parse_args()
    if asked.exported:
        rows = by_stretch(OnnxEngine(asked.exported, Precision.FP32), asked.tunes, asked.lines)
        write_csv(HERE / "results.csv", COLUMNS, rows)
    save(picture(*(read_results(HERE / table) for table in ARMS.values())), HERE / "figure.svg")


if __name__ == "__main__":
    main()
