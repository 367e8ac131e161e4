"""What came of every file: counts that stay small however many files there are, and a line a tune in report.json."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any

from phin.corpus.reading import Reading
from phin.corpus.store import SPLITS, Store

REPORT = "report.json"
MOST_SHOWN = 100
"""Refusals that are kept with the counts, and shown on the terminal; all of them are in report.json."""

_NUMBERS = re.compile(r"[+-]?\d+([,./]\d+)*")


class Kind(StrEnum):
    """What can become of a tune."""

    ACCEPTED = "accepted"
    REPAIRED = "repaired"
    REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    """What became of one tune; a repaired one is taken in, and `split` is None where its kin are held out."""

    id: str
    kind: Kind
    repairs: tuple[str, ...] = ()
    defect: str = ""
    reason: str = ""
    num_notes: int = 0
    family: int = -1
    split: str | None = None

    @classmethod
    def of(cls, reading: Reading, family: int = -1, split: str | None = None) -> "Outcome":
        """The outcome of a reading that has found its family and split."""
        if reading.phrase is None:
            return cls(reading.id, Kind.REFUSED, defect=str(reading.defect), reason=reading.reason)
        kind = Kind.REPAIRED if reading.repairs else Kind.ACCEPTED
        return cls(reading.id, kind, reading.repairs, "", "", len(reading.phrase), family, split)

    def as_dict(self) -> dict[str, Any]:
        """What report.json says of it."""
        fields: dict[str, Any] = {"id": self.id, "outcome": str(self.kind)}
        if self.kind is Kind.REFUSED:
            return fields | {"defect": self.defect, "reason": self.reason}
        if self.repairs:
            fields["repairs"] = list(self.repairs)
        return fields | {"notes": self.num_notes, "family": self.family, "split": self.split or "left out"}


def kind_of_repair(repair: str) -> str:
    """A repair without its numbers, so that those of many files can be counted as one."""
    return _NUMBERS.sub("N", repair)


@dataclass
class Tally:
    """Counts of outcomes, and the first refusals."""

    kinds: Counter[str] = field(default_factory=Counter)
    defects: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    refusals: list[dict[str, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Counts one more."""
        self.kinds[outcome.kind] += 1
        self.repairs.update({kind_of_repair(repair) for repair in outcome.repairs})
        if outcome.kind is Kind.REFUSED:
            self.defects[outcome.defect] += 1
            if len(self.refusals) < MOST_SHOWN:
                self.refusals.append({"id": outcome.id, "defect": outcome.defect, "reason": outcome.reason})
        elif outcome.split is None:
            self.left_out += 1
        else:
            self.splits[outcome.split] += 1

    def as_dict(self) -> dict[str, Any]:
        """The counts, by the names they have in reports."""
        return {
            "found": self.kinds.total(),
            "accepted": self.kinds[Kind.ACCEPTED] + self.kinds[Kind.REPAIRED],
            "accepted_with_repairs": self.kinds[Kind.REPAIRED],
            "left_out_as_kin_of_held_out": self.left_out,
            "refused": dict(self.defects.most_common()),
            "refusals": self.refusals,
            "repaired": dict(self.repairs.most_common()),
            "splits": {name: self.splits[name] for name in SPLITS},
        }


class ReportFile:
    """report.json: the outcomes as they come, a line each, and then the counts."""

    def __init__(self, folder: Path) -> None:
        self._file = open(folder / REPORT, "w", encoding="utf-8")
        self._file.write('{"files": [')
        self._before = "\n"

    def __enter__(self) -> "ReportFile":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, outcome: Outcome) -> None:
        """One more line."""
        self._file.write(self._before + json.dumps(outcome.as_dict(), ensure_ascii=False))
        self._before = ",\n"

    def finish(self, counts: dict[str, Any]) -> None:
        """The counts, but for the refusals, which stand above them already."""
        counts = {name: value for name, value in counts.items() if name != "refusals"}
        self._file.write(f'\n],\n"counts": {json.dumps(counts, ensure_ascii=False, indent=1)}}}\n')


def with_every_refusal(store: Store) -> dict[str, Any]:
    """The counts of a store's intake with all refusals (the store itself keeps the first): for a run's report."""
    if len(store.report["refusals"]) == sum(store.report["refused"].values()):
        return store.report
    files = json.loads((store.folder / REPORT).read_text(encoding="utf-8"))["files"]
    refused = [file for file in files if file["outcome"] == Kind.REFUSED]
    return store.report | {"refusals": [{name: file[name] for name in ("id", "defect", "reason")} for file in refused]}
