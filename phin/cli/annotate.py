"""phin-annotate: how each note of a MIDI file was played, as far as the detector can tell."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from phin.cli.arguments import FileParser, files_of
from phin.errors import InvalidConfig
from phin.model.annotation import LEARNED_FROM, Annotation, annotate
from phin.model.detector import load
from phin.music.grid import SLOTS_PER_HONG, SLOTS_PER_LINE, STEPS_PER_SLOT, begin_of
from phin.music.midi import read_midi, write_midi
from phin.music.phrase import UNKNOWN, pitch_name
from phin.music.technique import FACTS, Technique, word
from phin.whole_file import write_text

DESCRIPTION = f"""\
phin-annotate IN OUT: which technique each note of a performance was played with, by the ending of OUT.

  in   .mid, from another program or a recording: pitch bends are heard, and which channel a note is on
  out  .csv or .json (a note each: where it stands, technique, probability, what is heard)
       .mid (the notes with their techniques, played as phin plays them: its own bends, not those of IN)

  phin-annotate played.mid techniques.csv

What it says was learned from {LEARNED_FROM}: no labelled recording of a phin is public. Where it
is not sure enough it says 'unknown'.
"""
ENDINGS = (".mid", ".midi")
SAID = f"learned from {LEARNED_FROM}: to be checked by ear"


def main(argv: Sequence[str] | None = None) -> None:
    """Console script."""
    parser = FileParser("phin-annotate", DESCRIPTION)
    parser.run(lambda arguments: run(*files_of(arguments)), argv)


def run(source: Path, target: Path) -> list[str]:
    """Reads, detects, writes; lines that say what was done. Raises PhinError before anything is written."""
    if source.suffix.casefold() not in ENDINGS:
        raise InvalidConfig(str(source), "IN is no MIDI file by its ending", f"take {' or '.join(ENDINGS)}")
    write = WRITERS.get(target.suffix.casefold())
    if write is None:
        reason = "OUT has no ending that phin-annotate knows"
        raise InvalidConfig(str(target), reason, f"take {', '.join(WRITERS)}")
    reading = read_midi(source, min_notes=1)
    if (reading.phrase.technique != UNKNOWN).any():
        raise InvalidConfig(
            str(source), "has its techniques written in it by phin", "annotate a file that another program made"
        )
    annotation = annotate(reading, load())
    write(annotation, target)
    told = Counter(_name(note.technique) for note in annotation.notes)
    counts = ", ".join(f"{name} {number}" for name, number in told.most_common())
    return [f"{target}: {len(annotation.notes)} notes", *(f"  {line}" for line in (*reading.repairs, counts, SAID))]


def table(annotation: Annotation) -> list[dict[str, object]]:
    """A dictionary a note: the slot it is nearest to, what it is, how it was played, and what is heard."""
    phrase = annotation.phrase
    begins = begin_of(phrase)
    rows = []
    for onset, pitch, note in zip(phrase.onset.tolist(), phrase.pitch.tolist(), annotation.notes, strict=True):
        line, slot = divmod((onset - begins + STEPS_PER_SLOT // 2) // STEPS_PER_SLOT, SLOTS_PER_LINE)
        facts = FACTS[note.technique] if note.technique is not None else None
        rows.append(
            {
                "line": line + 1,
                "hong": slot // SLOTS_PER_HONG + 1,
                "slot": slot % SLOTS_PER_HONG + 1,
                "pitch": pitch_name(pitch),
                "technique": _name(note.technique),
                "thai": facts.thai if facts else "",
                "evidence": str(facts.evidence) if facts else "",
                "probability": round(note.probability, 3),
                "strokes": note.num_strokes,
                "reason": note.reason,
                "learned from": LEARNED_FROM,
            }
        )
    return rows


def _name(technique: Technique | None) -> str:
    return "unknown" if technique is None else word(technique)


def _write_csv(annotation: Annotation, path: Path) -> None:
    rows = table(annotation)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _write_json(annotation: Annotation, path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "learned from"} for row in table(annotation)]
    write_text(path, json.dumps({"about": SAID, "notes": rows}, ensure_ascii=False, indent=1) + "\n")


WRITERS: dict[str, Callable[[Annotation, Path], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    **dict.fromkeys(ENDINGS, lambda annotation, path: write_midi(annotation.phrase, path)),
}
