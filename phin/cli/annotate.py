"""phin-annotate: how each note of a MIDI file was played, as far as the detector can tell."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from phin.cli.arguments import FileParser, files_of
from phin.cli.note_table import FROM, TABLES, places, write_table
from phin.counted import counted
from phin.errors import InvalidConfig
from phin.model.annotation import LEARNED_FROM, Annotation, annotate
from phin.model.detector import load
from phin.music.midi import read_midi, write_midi
from phin.music.midi_limits import ENDINGS
from phin.music.phrase import UNKNOWN
from phin.music.technique import FACTS, Technique, word

DESCRIPTION = f"""\
phin-annotate IN OUT: which technique each note of a performance was played with, by the ending of OUT.

  in   .mid, from another program or a recording: pitch bends are heard, and which channel a note is on
  out  .csv or .json (a note each: where it stands, technique, probability, what is heard)
       .mid (the notes with their techniques, played as phin plays them: its own bends, not those of IN)

  phin-annotate played.mid techniques.csv

What it says was learned from {LEARNED_FROM}: no labelled recording of a phin is public. Where it
is not sure enough it says 'unknown'.
"""
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
    said = (*reading.repairs, counts, SAID)
    return [f"{target}: {counted(len(annotation.notes), 'note')}", *(f"  {line}" for line in said)]


def table(annotation: Annotation) -> list[dict[str, object]]:
    """A dictionary a note: the slot it is nearest to, what it is, how it was played, and what is heard."""
    phrase, rows = annotation.phrase, list[dict[str, object]]()
    for place, note in zip(places(phrase, phrase), annotation.notes, strict=True):
        facts = FACTS[note.technique] if note.technique is not None else None
        said = {
            "technique": _name(note.technique),
            "thai": facts.thai if facts else "",
            "evidence": str(facts.evidence) if facts else "",
            "probability": round(note.probability, 3),
            "strokes": note.num_strokes,
            "reason": note.reason,
            FROM: LEARNED_FROM,
        }
        rows.append(place | said)
    return rows


def _name(technique: Technique | None) -> str:
    return "unknown" if technique is None else word(technique)


def _write_table(annotation: Annotation, path: Path) -> None:
    write_table(table(annotation), SAID, path)


WRITERS: dict[str, Callable[[Annotation, Path], None]] = {
    **dict.fromkeys(TABLES, _write_table),
    **dict.fromkeys(ENDINGS, lambda annotation, path: write_midi(annotation.phrase, path)),
}
