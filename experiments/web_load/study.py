"""What phin-web does under load: twenty streams for two minutes on loopback. From the repository:

    python -m experiments.web_load.study EXPORTED [--seconds 120] [--clients 20] [--precision int8]

EXPORTED is a folder that phin-export wrote. A real phin-web is started with it; clients in this process draw, cut their
connections, come back, and check all that they hear. Writes results.csv, seconds.csv (a row a second) and figure.svg;
without EXPORTED the figure alone is drawn anew. Ends with status 1 where anything was lost, doubled or reordered.
Memory is read from /proc (Linux).
"""

import argparse
import asyncio
import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments.web_load.client import Counts, Server
from experiments.web_load.load import full, load
from phin.music.picture import save
from phin.whole_file import write_csv

HERE = Path(__file__).parent
RESULTS, SECONDS = ("measure", "value", "unit"), ("second", "notes", "first_note_ms", "megabytes")
AHEAD = 5.0
"""Seconds that endless tunes are drawn ahead: so they soon draw at the pace of their tempo."""
LEAD = 0.12
"""Seconds after its first note at which a tune sounds on the page (SOON of its sound.js)."""
FREE = 1_000_000
"""Tunes a minute: all clients have one address here."""
Row = dict[str, str]


@contextmanager
def serving(model: Sequence[str], clients: int) -> Iterator[tuple[subprocess.Popen[str], Server]]:
    """phin-web with settings that any user can type, and where it listens."""
    limits = {"most_streams": clients, "tunes_a_minute": FREE, "tunes_at_once": FREE, "ahead_seconds": AHEAD}
    command = [sys.executable, "-c", "from phin.cli.web import main; main()", *model, "port=0"]
    command += [f"limits.{name}={value}" for name, value in limits.items()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.match(r"http://([^:]+):(\d+)", process.stdout.readline())
            if found is None:
                raise SystemExit("web_load: phin-web did not start")
            yield process, Server(found[1], int(found[2]))
            process.send_signal(signal.SIGTERM)
            if process.wait(30) != 0:
                raise SystemExit(f"web_load: phin-web ended with status {process.returncode}")
        finally:
            process.kill()


def megabytes(pid: int) -> float:
    """Resident memory of a process and all below it."""
    pages, waiting = 0, [pid]
    while waiting:
        each = waiting.pop()
        try:
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
            for task in Path(f"/proc/{each}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except FileNotFoundError:  # it has just ended
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def run(pid: int, server: Server, clients: int, seconds: float) -> tuple[Counts, list[Row], list[float]]:
    """What was counted, a row for each second, and the seconds in which a place was had again on a full stage."""
    counts, samples = Counts(), list[tuple[float, float]]()

    async def sample() -> None:
        while True:
            samples.append((time.monotonic(), megabytes(pid)))
            await asyncio.sleep(1 - (time.monotonic() - began) % 1)

    began = time.monotonic()
    sampling = asyncio.create_task(sample())
    await load(server, clients, seconds, counts)
    sampling.cancel()
    places = await full(server, clients, counts)
    rows = list[Row]()
    for second, (when, size) in enumerate(samples):
        notes = sum(when <= each < when + 1 for each in counts.note_times)
        first = [1000 * took for each, took in counts.first_note if when <= each < when + 1]
        values = second, notes, f"{np.median(first):.1f}" if first else "", f"{size:.2f}"
        rows.append({name: str(value) for name, value in zip(SECONDS, values, strict=True)})
    return counts, rows, places


def results(counts: Counts, rows: Sequence[Row], places: Sequence[float], clients: int, seconds: float) -> list[Row]:
    """What was measured, a row a measure. Memory is that of the first and the last quarter, and its slope over the
    second half: in the first one what is kept for who lost the connection fills up.
    """
    size = np.array([float(row["megabytes"]) for row in rows])
    quarter = max(1, len(size) // 4)
    later = size[len(size) // 2 :]
    slope = 60 * np.polyfit(np.arange(len(later)), later, 1)[0] if len(later) > 1 else 0.0
    first = 1000 * np.array([took for _, took in counts.first_note])
    found: list[tuple[str, float, str]] = [
        ("clients", clients, ""),
        ("duration", seconds, "s"),
        ("streams heard", len(counts.first_note), ""),
        ("finite tunes heard whole", counts.tunes, ""),
        ("notes", counts.notes, ""),
        ("notes a second", counts.notes / seconds, "1/s"),
        *((f"first note, {share} %", float(np.percentile(first, share)), "ms") for share in (50, 95, 99)),
        ("notes of endless tunes", len(counts.late), ""),
        ("notes of endless tunes that came too late to sound", sum(late > LEAD for late in counts.late), ""),
        ("connections cut and taken up again", counts.cuts, ""),
        ("lost, doubled, reordered or otherwise wrong", len(counts.faults), ""),
        ("tunes unlike an earlier one of their seed", counts.otherwise, ""),
        ("refused where there was a place", counts.refused, ""),
        ("files read", counts.files, ""),
        ("a file, 50 %", 1000 * float(np.median(counts.read)), "ms"),
        ("a place given back and taken, 50 %", 1000 * float(np.median(places)), "ms"),
        ("a place given back and taken, longest", 1000 * max(places), "ms"),
        ("memory, first quarter", size[:quarter].mean(), "MB"),
        ("memory, last quarter", size[-quarter:].mean(), "MB"),
        ("memory, slope of the second half", slope, "MB/min"),
    ]
    return [{"measure": name, "value": f"{value:.5g}", "unit": unit} for name, value, unit in found]


def picture(rows: Sequence[Row]) -> Figure:
    """Notes, the time to the first note, and memory, second by second."""
    figure = Figure(figsize=(8, 5))
    panels = figure.subplots(3, 1, sharex=True)
    named = ("notes", "notes\na second"), ("first_note_ms", "ms to the first\nnote (median)"), ("megabytes", "MB")
    for panel, (key, label), colour in zip(panels, named, ("#0072B2", "#D55E00", "#009E73"), strict=True):
        there = [row for row in rows if row[key]]
        panel.plot([int(row["second"]) for row in there], [float(row[key]) for row in there], color=colour)
        panel.set_ylabel(label, fontsize=8)
        panel.set_ylim(0, None)
        panel.grid(color="#ddd", linewidth=0.6)
    panels[2].set_xlabel("second")
    panels[0].set_title("phin-web under load: half endless tunes, half tunes one after the other", fontsize=9)
    figure.tight_layout()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported", nargs="?")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--out", type=Path, default=HERE, help="where the tables and the figure go")
    asked = parser.parse_args()
    faults = list[str]()
    if asked.exported:
        model = [f"checkpoint={asked.exported}", f"precision={asked.precision}"]
        with serving(model, asked.clients) as (process, server):
            counts, rows, places = asyncio.run(run(process.pid, server, asked.clients, asked.seconds))
        measured = results(counts, rows, places, asked.clients, asked.seconds)
        faults = [*counts.faults]
        faults += [f"{counts.otherwise} tunes unlike an earlier one of their seed"] if counts.otherwise else []
        faults += [f"{counts.refused} refused where there was a place"] if counts.refused else []
        asked.out.mkdir(parents=True, exist_ok=True)
        write_csv(asked.out / "results.csv", RESULTS, measured)
        write_csv(asked.out / "seconds.csv", SECONDS, rows)
        for row in measured:
            print(f"{row['measure']}: {row['value']} {row['unit']}".rstrip())
    with (asked.out / "seconds.csv").open(encoding="utf-8") as file:
        save(picture(list(csv.DictReader(file))), asked.out / "figure.svg")
    if faults:
        raise SystemExit("\n".join(["web_load: not all was well:", *faults[:20]]))


if __name__ == "__main__":
    main()
