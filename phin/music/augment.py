"""Musical augmentation: pure functions from a phrase to a phrase; labels move with the notes."""

import math
from dataclasses import replace

import numpy as np

from phin.music.lai import LAI_ROOTS, NO_LAI, LaiLabel
from phin.music.phrase import DURATION, HIGHEST_PITCH, LOWEST_PITCH, ONSET, PITCH, Phrase


def transpose(phrase: Phrase, semitones: int) -> Phrase:
    """Every note moved by `semitones`.

    A lai belongs to its key, and a tuning to its piece's drone: any move but whole octaves clears their names. Of whole
    octaves the drone knows nothing: it stays on the low strings.
    """
    rows = phrase.rows.copy()
    rows[:, PITCH] += semitones
    in_key = semitones % 12 == 0
    return replace(
        phrase,
        rows=rows,
        lai=phrase.lai if in_key or phrase.lai in (None, NO_LAI) else None,
        tuning=phrase.tuning if in_key else None,
        drone=tuple(pitch + int(math.fmod(semitones, 12)) for pitch in phrase.drone),
    )


def transpositions(lowest: int, highest: int, root: int | None) -> np.ndarray:
    """The moves, in semitones, that keep pitches `lowest` to `highest` on the phin's range.

    A tune with a pentatonic set on `root` moves only to where its set is one of the three of the six lai.
    """
    moves = np.arange(LOWEST_PITCH - lowest, HIGHEST_PITCH - highest + 1)
    if root is not None:
        moves = moves[np.isin((root + moves) % 12, LAI_ROOTS)]
    return moves


def random_transposition(phrase: Phrase, found: LaiLabel, rng: np.random.Generator) -> tuple[Phrase, LaiLabel]:
    """The phrase at one of its `transpositions`, drawn evenly, with what was recognised moved along and the lai named.

    A phrase that has no admissible move stays where it is.
    """
    moves = transpositions(int(phrase.pitch.min()), int(phrase.pitch.max()), found.root)
    semitones = int(rng.choice(moves)) if len(moves) else 0
    moved = found.transposed(semitones)
    return named(transpose(phrase, semitones), moved), moved


def named(phrase: Phrase, found: LaiLabel) -> Phrase:
    """The phrase with the lai that was recognised in it, or with "none"."""
    return replace(phrase, lai=found.lai.name if found.lai else NO_LAI)


def change_chan(phrase: Phrase, numerator: int, denominator: int = 1) -> Phrase | None:
    """Note values multiplied by `numerator / denominator`; None where they would leave the grid.

    Chan (ชั้น) is the layer of a Thai tune: the same melody in doubled or halved values (Chaichana 2022, p. 77). A
    plain time stretch changes only the tempo on a beat grid, so this is the stretch that music knows.
    """
    times = phrase.rows[:, [ONSET, DURATION]] * numerator
    if (times % denominator).any():
        return None
    rows = phrase.rows.copy()
    rows[:, [ONSET, DURATION]] = times // denominator
    words = tuple((step * numerator // denominator, text) for step, text in phrase.words)
    return replace(phrase, rows=rows, words=words, deviation=None)
