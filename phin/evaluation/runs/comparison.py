"""Runs side by side: what differs in their settings, what each reads, and which reads fewer bits on the same tunes."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from phin.errors import PhinError
from phin.evaluation.bits_table import BitsRow
from phin.evaluation.by_tune import TEST_BITS, ByTune, read_by_tune
from phin.evaluation.paired import Paired, paired
from phin.evaluation.runs.curves import Curves, Line, read_curves
from phin.evaluation.runs.run_folder import Run, arm_names, find_runs, read_run

RESULT_COLUMNS = (
    *("arm", "seed", "steps", "source", "tunes", "families", "notes", "step", "pitch", "duration"),
    *("bits_per_note", "low", "high", "markov", "validation_bits_per_note", "threads"),
    *("cores", "processor", "gpu", "torch", "revision"),
)
"""Of a row a run and source: the results.csv of a study, and the beginning of comparison.csv. The last five say what
made it, and are empty where the run does not say; studies older than they are have not got them."""
OF_MACHINE = ("threads", "cores", "processor", "gpu", "torch")
"""Of these what a run's report says of its machine."""
COLUMNS = (
    *("run", "finished", *RESULT_COLUMNS, "seconds"),
    *("against", "difference", "difference_low", "difference_high", "shared_tunes"),
)
NO_CURVE = "no validation was logged"


@dataclass(frozen=True)
class Entry:
    """A run of a comparison."""

    number: int
    run: Run
    arm: str
    curves: Curves
    tunes: ByTune | None
    """The test split tune by tune; None where the run did not finish, or did not keep it."""


class Arm(NamedTuple):
    """Runs that differ in their seed alone."""

    name: str
    runs: list[Entry]

    @property
    def finished(self) -> list[Entry]:
        """Those that came to their end."""
        return [entry for entry in self.runs if entry.run.finished]

    @property
    def seeds(self) -> list[int]:
        """The seeds of those, each once."""
        return sorted({entry.run.seed for entry in self.finished})


@dataclass(frozen=True)
class Comparison:
    """Runs, read, and how they were compared."""

    entries: list[Entry]
    arms: list[Arm]
    against: Entry | None
    """The run that others are compared with: the first that kept its test split tune by tune."""
    differences: dict[int, list[Paired]]
    """By the number of the run; no rows where no tune is shared."""
    unread: list[str]
    """Of runs of a sweep that cannot be read: why, in a line each."""


def compare(folders: Sequence[Path]) -> Comparison:
    """Reads the runs, and those of sweeps; of a sweep's, those that cannot be read are told and left out.

    Raises PhinError where there are none, or where a file of a run that was named is torn.
    """
    named = {folder.resolve() for folder in folders}
    read, unread = list[tuple[Run, Curves, ByTune | None]](), list[PhinError]()
    for folder in find_runs(folders):
        try:
            read.append(_read(folder))
        except PhinError as error:
            if folder.resolve() in named:
                raise
            unread.append(error)
    if not read:
        raise unread[0]
    names = arm_names([run for run, _, _ in read])
    entries = [
        Entry(number, run, arm, curves, tunes)
        for number, ((run, curves, tunes), arm) in enumerate(zip(read, names, strict=True), start=1)
    ]
    arms: dict[str, Arm] = {}
    for entry in entries:
        arms.setdefault(json.dumps(entry.run.arm, sort_keys=True, default=str), Arm(entry.arm, [])).runs.append(entry)
    kept = [(entry, entry.tunes) for entry in entries if entry.tunes is not None]
    against, its_tunes = kept[0] if kept else (None, None)
    differences = {entry.number: paired([tunes], [its_tunes]) for entry, tunes in kept[1:] if its_tunes is not None}
    return Comparison(entries, list(arms.values()), against, differences, [str(error) for error in unread])


def _read(folder: Path) -> tuple[Run, Curves, ByTune | None]:
    run = read_run(folder)
    return run, read_curves(folder, run.finished.steps if run.finished else None), _tunes(run)


def _tunes(run: Run) -> ByTune | None:
    path = run.folder / TEST_BITS
    return read_by_tune(path) if run.finished and path.is_file() else None


def row_of(entry: Entry, source: str) -> BitsRow | None:
    """What a run's report says of a source; None where the run is not finished, or was not tested on it."""
    rows = entry.run.finished.rows if entry.run.finished else []
    return next((row for row in rows if row.source == source), None)


def lines(comparison: Comparison) -> list[Line]:
    """The runs as they are drawn: a colour an arm, a marker a run of it; of one arm, a colour a run."""
    one_arm = len(comparison.arms) == 1
    by_seed = len({entry.run.seed for entry in comparison.entries}) > 1
    found = []
    for entry in comparison.entries:
        place = next(place for place, arm in enumerate(comparison.arms) if entry in arm.runs)
        among = comparison.arms[place].runs.index(entry)
        said = [entry.arm if not one_arm else entry.run.folder.name]
        said += [f"seed {entry.run.seed}"] if by_seed else []
        said += [] if entry.run.finished else ["not finished"]
        said += [] if entry.curves.best else [NO_CURVE]
        name = f"{entry.number}: {', '.join(said)}"
        found.append(Line(name, among if one_arm else place, 0 if one_arm else among, entry.curves))
    return found


def result_rows(run: Run, arm: str) -> list[dict[str, str]]:
    """A row a source of a finished run, by RESULT_COLUMNS. Raises PhinError where it is not finished."""
    if run.finished is None:
        raise PhinError(run.folder, "is not finished", f"go on with phin-train resume={run.folder}, or remove it")
    finished, rows = run.finished, []
    about = {"arm": arm, "seed": run.seed, "steps": finished.steps, "revision": finished.revision}
    about |= {name: "" if (value := finished.machine.get(name)) is None else value for name in OF_MACHINE}
    for row in finished.rows:
        counts = {name: getattr(row, name) for name in ("source", "tunes", "families", "notes")}
        bits = {name: getattr(row, name) for name in ("step", "pitch", "duration", "markov")}
        bits |= {"bits_per_note": row.bits, "low": row.interval[0], "high": row.interval[1]}
        bits |= {"validation_bits_per_note": finished.validation}
        values = about | counts | {name: f"{value:.4f}" for name, value in bits.items()}
        rows.append({name: str(values[name]) for name in RESULT_COLUMNS})
    return rows


def csv_text(comparison: Comparison) -> str:
    """comparison.csv: a row a run and source, by COLUMNS; of a run not finished one, with its last validation."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for entry in comparison.entries:
        run, about = entry.run, {"run": str(entry.run.folder), "finished": "yes" if entry.run.finished else "no"}
        if run.finished is None:
            last = "" if entry.curves.last is None else f"{entry.curves.last:.4f}"
            own = {"arm": entry.arm, "seed": run.seed, "steps": entry.curves.steps, "validation_bits_per_note": last}
            writer.writerow(about | own)
            continue
        found = {row.source: row for row in comparison.differences.get(entry.number, [])}
        for row in result_rows(run, entry.arm):
            difference = _difference(found.get(row["source"]), comparison.against)
            writer.writerow(about | row | {"seconds": f"{run.finished.seconds:.1f}"} | difference)
    return written.getvalue()


def _difference(row: Paired | None, against: Entry | None) -> dict[str, str]:
    if row is None or against is None:
        return {}
    numbers = (row.difference, *row.interval)
    values = [f"{value:.4f}" for value in numbers]
    return dict(zip(COLUMNS[-5:], [str(against.run.folder), *values, str(row.tunes)], strict=True))
