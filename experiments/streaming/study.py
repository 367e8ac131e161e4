"""Whether a tune without end stays what it was: bits per note, lai, time and memory, line by line. From the repository:

    python -m experiments.streaming.study EXPORTED [--tunes 16] [--lines 64]

EXPORTED is a folder that phin-export wrote. Every tune is asked to be in lai yai, which leans it and does not bind it.
Writes results.csv, a row a line, and figure.svg.
"""

import argparse
import csv
import math
import resource
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from phin.generation.exported import Precision
from phin.generation.request import TuneRequest
from phin.generation.stream import WINDOW, StreamedNote, stream
from phin.music.lai import lai_named
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG
from phin.music.picture import save
from phin.runtime.onnx_engine import OnnxEngine
from phin.whole_file import write_csv

HERE = Path(__file__).parent
STEPS_PER_LINE = STEPS_PER_HONG * HONG_PER_LINE
COLUMNS = ("line", "notes", "bits_per_note", "bits_error", "in_lai", "in_lai_error", "ms_per_note", "megabytes")
REQUEST = TuneRequest(lai="yai", source="han")


def streamed(engine: OnnxEngine, seed: int, lines: int) -> tuple[list[StreamedNote], list[float], list[float]]:
    """The notes of a tune of so many lines; and of each when it was drawn, and the process's memory then."""
    when, memory = list[float](), list[float]()

    def watch(_: StreamedNote) -> None:
        when.append(time.process_time())
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

    notes = stream(engine, REQUEST, seed, on_note=watch)
    return list(takewhile(lambda note: note.onset < lines * STEPS_PER_LINE, notes)), when, memory


def by_line(engine: OnnxEngine, tunes: int, lines: int) -> list[dict[str, str]]:
    """A row a line, over all tunes; errors are of the mean over tunes."""
    lai = lai_named(REQUEST.lai)
    assert lai is not None
    bits, inside, took, memory, notes = (np.full((tunes, lines), math.nan) for _ in range(5))
    for seed in range(tunes):
        drawn, when, size = streamed(engine, seed, lines)
        line = np.maximum([note.onset for note in drawn], 0) // STEPS_PER_LINE
        values = {
            "bits": np.array([-note.log_probability / math.log(2) for note in drawn]),
            "in": np.array([note.pitch % 12 in lai.pitch_classes for note in drawn], float),
            "took": np.diff(when[: len(drawn)], prepend=when[0]) * 1000,
        }
        for each in range(lines):
            here = line == each
            if here.any():
                bits[seed, each], inside[seed, each], took[seed, each] = (
                    value[here].mean() for value in values.values()
                )
                memory[seed, each] = max(np.array(size[: len(drawn)])[here])
                notes[seed, each] = here.sum()
        print(f"tune {seed + 1}: {len(drawn)} notes", flush=True)
    rows = []
    for each in range(lines):
        error = [np.nanstd(of[:, each]) / math.sqrt(tunes) for of in (bits, inside)]
        numbers = [np.nanmean(bits[:, each]), error[0], np.nanmean(inside[:, each]), error[1]]
        numbers += [np.nanmedian(took[:, each]), np.nanmax(memory[:, each])]
        values = [each + 1, int(np.nansum(notes[:, each])), *(f"{number:.4f}" for number in numbers)]
        rows.append({key: str(value) for key, value in zip(COLUMNS, values, strict=True)})
    return rows


def picture(rows: Sequence[dict[str, str]]) -> Figure:
    """Bits per note and the share of notes in the lai, line by line, each with its standard error."""
    figure = Figure(figsize=(8, 5))
    panels = figure.subplots(3, 1, sharex=True)
    line = [int(row["line"]) for row in rows]
    named = ("bits_per_note", "bits per note,\nas drawn"), ("in_lai", "notes in lai yai,\nwhich is asked for")
    for panel, (key, label), colour in zip(panels, named, ("#0072B2", "#D55E00"), strict=False):
        mean = np.array([float(row[key]) for row in rows])
        error = np.array([float(row[key.removesuffix("_per_note") + "_error"]) for row in rows])
        panel.fill_between(line, mean - error, mean + error, alpha=0.25, color=colour)
        panel.plot(line, mean, color=colour)
        panel.set_ylabel(label, fontsize=8)
        panel.set_ylim(0, 1 if key == "in_lai" else None)
    panels[2].plot(line, [float(row["ms_per_note"]) for row in rows], color="#009E73")
    panels[2].set_ylabel("milliseconds\na note", fontsize=8)
    panels[2].set_ylim(0, None)
    panels[2].set_xlabel("line (eight hong)")
    for panel in panels:
        panel.grid(color="#ddd", linewidth=0.6)
    panels[0].set_title(
        f"Tunes without end, each note seeing {WINDOW} rows (band: standard error over tunes)", fontsize=9
    )
    figure.tight_layout()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported", nargs="?")
    parser.add_argument("--tunes", type=int, default=16)
    parser.add_argument("--lines", type=int, default=64)
    asked = parser.parse_args()
    if asked.exported:
        rows = by_line(OnnxEngine(asked.exported, Precision.FP32), asked.tunes, asked.lines)
        write_csv(HERE / "results.csv", COLUMNS, rows)
    with (HERE / "results.csv").open(encoding="utf-8") as file:
        save(picture(list(csv.DictReader(file))), HERE / "figure.svg")


if __name__ == "__main__":
    main()
