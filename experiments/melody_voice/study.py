"""How often is the melody voice right? Folk melodies, accompanied in ways whose answer is known, and found again.

    python experiments/melody_voice/study.py [--tunes N]

Agreement is the share of notes whose voice is right; a tune counts as whole where every note's is. The skyline, the
highest sounding note of all parts together, stands beside it.
"""

import argparse
import csv
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from phin.corpus.files import find_units
from phin.corpus.reading import read_unit
from phin.corpus.settings import CorpusConfig
from phin.music.melody import PartName, find_melody, skyline
from phin.music.phrase import DURATION, ONSET, PITCH, VOICE, Rows, Voice, let_restruck_strings_stop, rows_from_columns

FOLK = ("han/han1", "essen/kinder0", "aird/")
"""What the ids of the files begin with."""

Case = tuple[Rows, np.ndarray, list[PartName]]
"""Rows with their true voices, the part of each note, and the parts."""


def joined(melody: Rows, *accompaniments: Rows, parts: bool = False) -> Case:
    """The notes of all, sorted; the melody is a part, and so is each accompaniment if `parts`."""
    every = np.concatenate([melody, *accompaniments]).astype(np.int64)
    number = np.repeat(np.arange(1 + len(accompaniments)), [len(melody), *map(len, accompaniments)])
    # the technique column carries the number of the part through the sorting
    rows = rows_from_columns(*every[:, :4].T, technique=number, voice=(number > 0).astype(np.int64))
    rows = let_restruck_strings_stop(rows)
    number = rows[:, 4].copy()
    return (
        rows,
        number if parts else np.zeros(len(rows), dtype=np.int64),
        [PartName()] * (1 + len(accompaniments) * parts),
    )


def struck(melody: Rows, pitch: int, every: int, rings: int, late: int = 0) -> Rows:
    """A pitch that is struck again and again."""
    onset = late + np.arange(melody[0, ONSET], melody[-1, ONSET] + 1, every)
    return rows_from_columns(onset, np.full(len(onset), rings), np.full(len(onset), pitch))


def ringing(melody: Rows, least: int) -> Rows:
    """Every note rings so long at least."""
    rows = melody.copy()
    rows[:, DURATION] = np.maximum(rows[:, DURATION], least)
    return let_restruck_strings_stop(rows)


def below(melody: Rows, semitones: int, every: int) -> Rows:
    """A note struck with every second or third of the melody, so far below."""
    rows = melody[::every].copy()
    rows[:, PITCH] -= semitones
    return rows


def chords(melody: Rows, pitches: tuple[int, ...]) -> Rows:
    """Chords of a half note each."""
    each = [struck(melody, pitch, 48, 48) for pitch in pitches]
    rows = np.concatenate(each)
    return rows[np.lexsort((rows[:, PITCH], rows[:, ONSET]))]


def low(melody: Rows) -> int:
    return int(melody[:, PITCH].min())


def middle(melody: Rows) -> int:
    return int(np.median(melody[:, PITCH])) + 1


CASES: dict[str, Callable[[Rows], Case]] = {
    "melody alone": lambda m: joined(m),
    "drone struck on each beat": lambda m: joined(m, struck(m, low(m) - 5, 24, 24)),
    "drone struck off the beat": lambda m: joined(m, struck(m, low(m) - 5, 24, 24, late=12)),
    "drone held for two bars": lambda m: joined(m, struck(m, low(m) - 5, 192, 192)),
    "two drones": lambda m: joined(m, struck(m, low(m) - 5, 48, 48), struck(m, low(m) - 12, 48, 48)),
    "drone amid the melody's range": lambda m: joined(m, struck(m, middle(m), 96, 96)),
    "strings ringing for a quarter": lambda m: joined(ringing(m, 24)),
    "strings ringing for a half": lambda m: joined(ringing(m, 48)),
    "ringing strings over a drone": lambda m: joined(ringing(m, 24), struck(m, low(m) - 5, 48, 48)),
    "dyads": lambda m: joined(m, below(m, 5, 2)),
    "chords below, on a track": lambda m: joined(m, chords(m, (48, 52, 55)), parts=True),
    "chords above, on a track": lambda m: joined(m, chords(m, (84, 88, 91)), parts=True),
    "bass and chords above, on tracks": lambda m: joined(m, chords(m, (84, 88, 91)), struck(m, 36, 24, 24), parts=True),
    "drone above, on a track": lambda m: joined(m, struck(m, int(m[:, PITCH].max()) + 5, 48, 48), parts=True),
}


def melodies(count: int) -> Iterator[Rows]:
    """Folk melodies of sixteen notes or more."""
    units, _ = find_units(CorpusConfig(sources=["essen", "han", "aird"]))
    phrases = [
        reading.phrase
        for unit in units
        if unit.id.startswith(FOLK)
        for reading in read_unit(unit, 16)
        if reading.phrase is not None
    ]
    for phrase in random.Random(0).sample(phrases, count):
        yield phrase.rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tunes", type=int, default=500)
    tunes = list(melodies(parser.parse_args().tunes))
    with open(Path(__file__).parent / "results.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["case", "notes", "agreement", "whole_tunes", "skyline_agreement", "skyline_whole_tunes"])
        for name, make in CASES.items():
            right, whole = np.zeros(2), np.zeros(2)
            notes = 0
            for tune in tunes:
                rows, part, parts = make(tune)
                truth = rows[:, VOICE] == Voice.MELODY
                rows = rows.copy()
                rows[:, VOICE] = 0
                answers = (find_melody(rows, part, parts) == Voice.MELODY, skyline(rows))
                agree = [answer == truth for answer in answers]
                right += [each.sum() for each in agree]
                whole += [each.all() for each in agree]
                notes += len(rows)
            ours, theirs = zip(right / notes, whole / len(tunes), strict=True)
            row = [name, notes, *(f"{value:.3f}" for value in (*ours, *theirs))]
            table.writerow(row)
            print(row)


if __name__ == "__main__":
    main()
