"""From a tune as it was drawn to one that a page can hold: letters, tablature, or both; each change is said.

Pages have less room than MIDI: their rhythm lies on slots, letters name seven pitches of the twelve, and tablature
holds what a hand can take. What is done about it, in this order, and nothing where nothing is needed; the rule is our
judgement, no source's:

1. Strokes off the slots are moved onto them (`phin.music.snapping`).
2. Where a page has letters and a pitch has none, the whole tune moves by as few semitones as give each note of the
   melody a letter (of two as few, up), and on a page of tablature each note a fret as well. So its key changes and
   its tune does not. If there is no such move it stays where it is.
3. Where a page has tablature, what the phin cannot play is fitted to it (`phin.music.fitting`).

Who then has no letter still is refused by name by those that write.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from phin.counted import counted
from phin.music.augment import transpose
from phin.music.fitting import fit
from phin.music.fretboard import DEFAULT, playable, tuning_of
from phin.music.grid import begin_of
from phin.music.letters import Letter
from phin.music.phrase import HIGHEST_PITCH, LOWEST_PITCH, Phrase
from phin.music.snapping import snap

LETTERED = (".txt", ".html")
FRETTED = (".tab", ".html", ".neck.png", ".neck.svg")
PAPER = (".txt", ".tab", ".html")
"""Endings of what holds letters, places on the neck, and slots."""


class OnPaper(NamedTuple):
    """A tune that a page can hold, as far as that can be had, and what was changed, a line each."""

    phrase: Phrase
    changes: tuple[str, ...] = ()


def for_paper(phrase: Phrase, ending: str) -> OnPaper:
    """The tune as a file of this ending holds it; the changes stand on a page as words before its first note.

    What is no page of letters or frets comes back as it is. Letters hold the melody alone. Raises InvalidTune where
    its rhythm is denser than slots can hold.
    """
    changes: list[str] = []
    if ending not in LETTERED + FRETTED or not len(phrase):
        return OnPaper(phrase)
    if ending == ".txt":
        phrase = phrase.melody
    if ending in PAPER:
        phrase, moved = snap(phrase)
        changes += moved
    fretted = ending in FRETTED
    if ending in LETTERED:
        phrase, moved = to_letters(phrase, fretted)
        changes += moved
    if fretted:
        fitted = fit(phrase, tuning_of(phrase))
        changes += _in_short(fitted.changes)
        phrase = fitted.phrase
    if changes and ending in PAPER:
        begins = begin_of(phrase)
        phrase = replace(phrase, words=((begins, f"({_without_brackets('; '.join(changes))})"), *phrase.words))
    return OnPaper(phrase, tuple(changes))


def to_letters(phrase: Phrase, fretted: bool) -> OnPaper:
    """The tune moved by as few semitones as give each note of its melody a letter; as it is where no move does.

    Where it is `fretted`, each note has a fret too, if there is such a move (point 2 of the rule above).
    """
    semitones = _move_to_letters(phrase, fretted)
    if not semitones:
        return OnPaper(phrase)
    way = "up" if semitones > 0 else "down"
    said = f"every note moves {counted(abs(semitones), 'semitone')} {way}, to where it has a letter"
    return OnPaper(transpose(phrase, semitones), (said,))


def _move_to_letters(phrase: Phrase, fretted: bool) -> int:
    """The smallest move that gives every melody note a letter, and every note a fret if `fretted`; 0 if none does."""
    melody, notes = set(phrase.melody.pitch.tolist()), set(phrase.pitch.tolist())

    def does(semitones: int, frets_too: bool) -> bool:
        lettered = all(0 <= p + semitones <= 127 and Letter.of_pitch(p + semitones) for p in melody)
        return lettered and (not frets_too or {p + semitones for p in notes} <= _frets(phrase, semitones))

    if does(0, False):
        return 0
    for frets_too in (True, False) if fretted else (False,):
        for semitones in _by_nearness(24 if frets_too else 6):
            if does(semitones, frets_too):
                return semitones
    return 0


def _frets(phrase: Phrase, semitones: int) -> set[int]:
    """The pitches that the phin has in the tuning of the phrase once it has moved (`phin.music.augment.transpose`)."""
    tuning = tuning_of(phrase) if semitones % 12 == 0 else DEFAULT
    return {pitch for pitch in playable(tuning) if LOWEST_PITCH <= pitch <= HIGHEST_PITCH}


def _by_nearness(furthest: int) -> Iterator[int]:
    for distance in range(1, furthest + 1):
        yield from (distance, -distance)


def _in_short(changes: Iterable[str]) -> Iterator[str]:
    """What fitting says: of single notes only how many things were done to them."""
    single = [change for change in changes if change.startswith("note ")]
    yield from (change for change in changes if not change.startswith("note "))
    if single:
        yield f"fitted to the phin in {counted(len(single), 'place')}"


def _without_brackets(text: str) -> str:
    return text.translate({ord("("): None, ord(")"): None})
