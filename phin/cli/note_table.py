"""Tables with a row a note: where each note stands on its page, and how a table is written."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from phin.music.grid import SLOTS_PER_HONG, SLOTS_PER_LINE, STEPS_PER_SLOT, begin_of
from phin.music.phrase import Phrase, pitch_name
from phin.whole_file import write_csv, write_text

FROM = "learned from"
"""The column that says what all rows were learned from; as JSON it is said once."""
TABLES = (".csv", ".json")


def places(phrase: Phrase, page: Phrase) -> list[dict[str, object]]:
    """The slot that each note of a phrase is nearest to on a page, counted from 1, and its pitch."""
    found, begins = list[dict[str, object]](), begin_of(page)
    for onset, pitch in zip(phrase.onset.tolist(), phrase.pitch.tolist(), strict=True):
        line, slot = divmod((onset - begins + STEPS_PER_SLOT // 2) // STEPS_PER_SLOT, SLOTS_PER_LINE)
        hong, slot = divmod(slot, SLOTS_PER_HONG)
        found.append({"line": line + 1, "hong": hong + 1, "slot": slot + 1, "pitch": pitch_name(pitch)})
    return found


def write_table(rows: Sequence[Mapping[str, object]], about: str, path: Path) -> None:
    """Writes rows by the ending of `path`, one of TABLES."""
    if path.suffix.casefold() == ".csv":
        write_csv(path, list(rows[0]), rows)
        return
    notes = [{name: value for name, value in row.items() if name != FROM} for row in rows]
    write_text(path, json.dumps({"about": about, "notes": notes}, ensure_ascii=False, indent=1) + "\n")
