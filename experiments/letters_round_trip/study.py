"""Do pages of real notation come back from MIDI as they went in? A folder of pages, each through phin-convert's rooms.

    python experiments/letters_round_trip/study.py FOLDER

Each .txt file is read and written as letters, whose slots are compared with the file's own, and read again; written as
MIDI, read from that, and written as letters. A page comes back if letters, slots and octave marks are the same each
time. Writes results.csv; no tune is copied anywhere.
"""

import argparse
import csv
import re
from collections import Counter
from pathlib import Path

from phin.errors import PhinError
from phin.music.midi import midi_bytes, read_midi_bytes
from phin.music.notation import format_letters, parse_letters, read_letters

SAME = "same letters, slots and octave marks"


def slots_of(text: str) -> str:
    """Letters, marks and hyphens of the lines that have bars, to the last letter: read by nobody but this study."""
    lines = [re.sub(r"[(\[].*?[)\]]", "", line) for line in text.splitlines() if "|" in line]
    return re.sub(r"[^ดรมฟซลท\u0e4d\u0e3a-]", "", "".join(lines)).rstrip("-")


def verdict(path: Path) -> tuple[str, int]:
    """What became of a page, and how many notes are on it."""
    try:
        phrase = read_letters(path).phrase
    except PhinError as error:
        return f"refused: {error.reason}", 0
    page = format_letters(phrase)
    if slots_of(path.read_text(encoding="utf-8")) != slots_of(page):
        return "changed by being read", len(phrase)
    if parse_letters(page).phrase != phrase:
        return "changed by being written as letters", len(phrase)
    if format_letters(read_midi_bytes(midi_bytes(phrase), path.name, min_notes=1).phrase) != page:
        return "changed by MIDI", len(phrase)
    return SAME, len(phrase)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    pages = sorted(parser.parse_args().folder.rglob("*.txt"))
    if not pages:
        raise SystemExit("the folder holds no .txt files")
    found, notes = Counter[str](), Counter[str]()
    for page in pages:
        what, count = verdict(page)
        found[what] += 1
        notes[what] += count
    with open(Path(__file__).parent / "results.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["pages", "notes", "what became of them"])
        for what, count in found.most_common():
            table.writerow([count, notes[what], what])
            print(f"{count:5} pages, {notes[what]:7,} notes: {what}")


if __name__ == "__main__":
    main()
