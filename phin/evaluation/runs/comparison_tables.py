"""A comparison in words: its tables, in the order in which one asks, and how a terminal shows them."""

import statistics
from collections.abc import Sequence
from typing import Any

from phin.counted import counted
from phin.difference import MISSING
from phin.evaluation.bits_table import ALL
from phin.evaluation.by_tune import TEST_BITS, ByTune
from phin.evaluation.intervals import said_interval
from phin.evaluation.paired import Paired, paired
from phin.evaluation.runs.comparison import NO_CURVE, Arm, Comparison, Entry, row_of
from phin.evaluation.runs.run_folder import differing
from phin.evaluation.tabular import Table

_LONGEST_NAME, _LONGEST_VALUE = 48, 32
_PAIRED_HEAD = ("tunes", "families", "bits/note", "95 %", "of its bits", "so it reads")


def tables(comparison: Comparison) -> list[Table]:
    """Everything that a comparison has to say."""
    entries, arms = comparison.entries, comparison.arms
    finished = [entry for entry in entries if entry.run.finished]
    found = [_runs(entries)]
    if len(entries) > 1:
        found.append(_settings(entries))
    if finished:
        found += [_machines(finished), _bits(finished)]
    if len(finished) > 1:
        found.append(_paired(comparison, finished))
    if any(len(arm.seeds) > 1 for arm in arms):
        found.append(_arms(arms, finished))
        if any(entry.tunes for entry in finished) and len([arm for arm in arms if arm.seeds]) > 1:
            found.append(_paired_arms(arms))
    return found


def _runs(entries: Sequence[Entry]) -> Table:
    rows, notes = [], list[str]()
    for entry in entries:
        finished, curves = entry.run.finished, entry.curves
        best, at = (f"{curves.best[0]:.3f}", str(curves.best[1])) if curves.best else ("", "")
        steps, seconds = str(curves.steps), ""
        if finished:
            steps, best = str(finished.steps), f"{finished.validation:.3f}"
            seconds = f"{finished.seconds:.1f}"
        last = "" if curves.last is None else f"{curves.last:.3f}"
        state = "finished" if finished else "not finished"
        names = [str(entry.number), str(entry.run.folder), entry.arm, state]
        rows.append([*names, str(entry.run.seed), steps, seconds, best, at, last])
        if curves.best is None:
            notes.append(f"run {entry.number}: {NO_CURVE}, so it has no curve")
    head = ("#", "run", "what differs", "state", "seed", "steps", "seconds", "best validation", "at step", "last")
    return Table(f"{counted(len(entries), 'run')}; bits per note, lower is better", head, rows, notes, words=4)


def _settings(entries: Sequence[Entry]) -> Table:
    differ = differing([entry.run.settings for entry in entries])
    notes = [] if differ else ["none: the runs are alike"]
    return _a_column_a_run("Settings that differ", entries, differ, notes)


def _machines(finished: Sequence[Entry]) -> Table:
    machines = [entry.run.finished.machine for entry in finished if entry.run.finished]
    differ = differing(machines)
    same = ", ".join(f"{name} {value}" for name, value in machines[0].items() if name not in differ)
    notes = [f"the same in all: {same}" if len(machines) > 1 else same] if same else []
    return _a_column_a_run("Machine and versions", finished, differ, notes)


def _a_column_a_run(title: str, entries: Sequence[Entry], differ: dict[str, list[Any]], notes: list[str]) -> Table:
    head = ("", *(str(entry.number) for entry in entries))
    rows = [[key, *("-" if value == MISSING else str(value) for value in values)] for key, values in differ.items()]
    return Table(title, head, rows, notes, words=len(head), longest=_LONGEST_VALUE, a_column_a_run=True)


def _bits(finished: Sequence[Entry]) -> Table:
    rows = []
    sources, notes = _sources(finished)
    for source in sources:
        for entry in finished:
            if row := row_of(entry, source):
                parts = [f"{number:.3f}" for number in (row.step, row.pitch, row.duration, row.bits)]
                own, markovs = (
                    said_interval(interval, row.families) for interval in (row.interval, row.markov_interval)
                )
                counts = [str(row.tunes), str(row.notes)]
                rows.append([source, str(entry.number), entry.arm, *counts, *parts, own, f"{row.markov:.3f}", markovs])
    head = ("source", "#", "what differs", "tunes", "notes", "step", "pitch", "dur.", "bits/note", "95 %")
    title = "Held-out bits per note (test split; intervals by family)"
    return Table(title, (*head, "Markov", "95 %"), rows, notes, words=3, longest=_LONGEST_NAME)


def _sources(finished: Sequence[Entry]) -> tuple[list[str], list[str]]:
    """All, and each source that some run was tested on; where that is one it is all, and a note says so."""
    rows = [row for entry in finished if entry.run.finished for row in entry.run.finished.rows]
    sources = list(dict.fromkeys(row.source for row in rows if row.source != ALL))
    return ([ALL], [f"all are of one source, {sources[0]}"]) if len(sources) == 1 else ([ALL, *sources], [])


def _paired(comparison: Comparison, finished: Sequence[Entry]) -> Table:
    rows, notes, against = [], list[str](), comparison.against
    for entry in finished:
        found = comparison.differences.get(entry.number)
        if entry.tunes is None:
            folder = entry.run.folder
            notes.append(f"run {entry.number} has no {TEST_BITS} and so no pairs: phin-train resume={folder} writes it")
        elif found and against:
            rows += [[row.source, str(entry.number), entry.arm, *_numbers(row)] for row in _one_of_one(found)]
            notes += _left_out(against, entry, found[0].tunes)
        elif against and entry is not against:
            notes.append(f"runs {against.number} and {entry.number} have no test tune in common")
    rows.sort(key=lambda row: row[0] != ALL)
    title = "Paired differences on the same test tunes"
    if against:
        title += f": each run less run {against.number} ({against.arm})"
    return Table(title, ("source", "#", "what differs", *_PAIRED_HEAD), rows, notes, words=3, longest=_LONGEST_NAME)


def _one_of_one(found: list[Paired]) -> list[Paired]:
    return found[:1] if len(found) == 2 else found


def _numbers(row: Paired) -> list[str]:
    low, high = row.interval
    interval = f"{low:+.3f} to {high:+.3f}" if row.families > 1 else "one family"
    verdict = "cannot tell"
    if row.is_same:
        verdict = "the same"
    elif row.families > 1 and not low <= 0 <= high:
        verdict = "fewer bits" if high < 0 else "more bits"
    return [str(row.tunes), str(row.families), f"{row.difference:+.3f}", interval, f"{row.share:+.1%}", verdict]


def _left_out(against: Entry, entry: Entry, shared: int) -> list[str]:
    """Which tunes one of two runs was not tested on."""
    counts = [len(tunes.id) for tunes in (against.tunes, entry.tunes) if tunes]
    if counts == [shared, shared]:
        return []
    numbers = f"runs {against.number} and {entry.number}"
    return [f"{numbers} share {shared} test tunes, of {counts[0]} and {counts[1]}: the difference is on those alone"]


def _arms(arms: Sequence[Arm], finished: Sequence[Entry]) -> Table:
    rows, sources = [], _sources(finished)[0]
    for source in sources:
        for arm in arms:
            by_seed = [
                [row_of(entry, source) for entry in arm.finished if entry.run.seed == seed] for seed in arm.seeds
            ]
            known = [statistics.fmean(row.bits for row in rows if row) for rows in by_seed if any(rows)]
            if known:
                spread = f"{statistics.stdev(known):.3f}" if len(known) > 1 else ""
                extent = f"{min(known):.3f}-{max(known):.3f}" if len(known) > 1 else ""
                rows.append([source, arm.name, _listed(arm.seeds), f"{statistics.fmean(known):.3f}", spread, extent])
    head = ("source", "arm", "seeds", "bits/note, mean", "sd over seeds", "lowest-highest")
    return Table("Arms over their seeds (test split)", head, rows, [], words=3)


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _paired_arms(arms: Sequence[Arm]) -> Table:
    rows, notes = [], ["over seeds, a tune counts by the mean of its bits; the interval is by family, not by seed"]
    first, *others = [(arm, by_seed) for arm in arms if (by_seed := _tunes_by_seed(arm))]
    for arm, ours in others:
        theirs = first[1]
        shared = sorted({*ours} & {*theirs})
        sides = [[side[seed] for seed in shared or side] for side in (ours, theirs)]
        said = _listed(shared) or f"{_listed(sorted(ours))} and {_listed(sorted(theirs))}"
        found = paired(*sides)
        rows += [[row.source, arm.name, said, *_numbers(row)] for row in _one_of_one(found)]
        if not found:
            notes.append(f"{arm.name} and {first[0].name} have no test tune in common")
    rows.sort(key=lambda row: row[0] != ALL)
    title = f"Paired differences by arm: each less {first[0].name}"
    return Table(title, ("source", "arm", "seeds", *_PAIRED_HEAD), rows, notes, words=3)


def _tunes_by_seed(arm: Arm) -> dict[int, ByTune]:
    """The first run of each seed that kept its test tunes."""
    return {entry.run.seed: entry.tunes for entry in reversed(arm.runs) if entry.tunes}
