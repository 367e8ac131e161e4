"""Onto paper: a tune moves to where it has letters and frets by the least there is, and says so."""

from dataclasses import replace

import numpy as np
import pytest

from phin.music.fretboard import Tuning, playable
from phin.music.letters import Letter
from phin.music.paper import for_paper, to_letters
from phin.music.phrase import DUPLE, Phrase, rows_from_columns


def tune(*pitches: int, tuning: str | None = None) -> Phrase:
    onset = 6 * np.arange(len(pitches))
    return Phrase(rows_from_columns(onset, np.full(len(pitches), 6), np.array(pitches)), metre=DUPLE, tuning=tuning)


G_MAJOR = (67, 69, 71, 72, 74, 76, 78, 79)
B_FLAT = (70, 72, 74, 75, 77, 79, 81, 82)
CHROMATIC = tuple(range(60, 73))


def lettered(phrase: Phrase) -> bool:
    return all(Letter.of_pitch(pitch) for pitch in phrase.melody.pitch.tolist())


@pytest.mark.parametrize(("pitches", "semitones"), [(G_MAJOR, 5), (B_FLAT, 2), ((66, 68, 70, 73, 75), 1)])
def test_a_tune_without_letters_moves_by_as_few_semitones_as_give_it_some(
    pitches: tuple[int, ...], semitones: int
) -> None:
    """Fails: a tune in G cannot be printed; or it lands in another octave than its neighbour's."""
    moved, changes = to_letters(tune(*pitches), fretted=False)
    assert (moved.pitch - np.array(pitches)).tolist() == [semitones] * len(pitches)
    assert lettered(moved)
    way = f"{semitones} semitone{'s' * (semitones > 1)} up"
    assert changes == (f"every note moves {way}, to where it has a letter",)


def test_of_two_moves_as_short_the_one_up_is_taken() -> None:
    """Fails: which key a page is in hangs on the order of a loop."""
    both_ways = tune(66, 68, 70)  # F# G# A#: one semitone up G A B, one down F G A
    assert to_letters(both_ways, fretted=False).phrase.pitch.tolist() == [67, 69, 71]


def test_what_has_letters_or_can_have_none_stays_where_it_is() -> None:
    """Fails: a page that needed no change is in another key; or one that cannot be helped is moved all the same."""
    for phrase in (tune(60, 64, 67), tune(*CHROMATIC)):
        assert to_letters(phrase, fretted=True) == (phrase, ())
    for ending in (".mid", ".wav", ".png"):
        assert for_paper(tune(*G_MAJOR), ending) == (tune(*G_MAJOR), ())


def test_on_a_page_of_tablature_each_note_has_a_fret_as_well() -> None:
    """Fails: a note is moved to a letter that the phin cannot play, where another move had given both."""
    low = tune(46, 48, 50)  # two semitones up they have letters, C D E, and the lowest string is that E
    shown, _ = to_letters(low, fretted=True)
    assert lettered(shown)
    assert set(shown.pitch.tolist()) <= set(playable(Tuning.parse("E-A-E")))
    assert not set(to_letters(low, fretted=False).phrase.pitch.tolist()) <= set(playable(Tuning.parse("E-A-E")))


def test_frets_are_those_of_the_tunes_own_tuning_while_it_stays_in_its_key() -> None:
    """Fails: a tune for two strings is laid out on three."""
    two = tune(54, 57, 59, tuning="E-B")
    shown, _ = to_letters(two, fretted=True)
    whole_octaves = (shown.pitch[0] - 54) % 12 == 0
    assert shown.tuning == ("E-B" if whole_octaves else None)
    octave_up = tune(52, 64, 76, tuning="E-E")
    assert to_letters(octave_up, fretted=True).phrase == octave_up


def test_what_was_changed_stands_on_the_page_before_its_first_note() -> None:
    """Fails: a player reads a tune in another key and is not told."""
    shown, changes = for_paper(replace(tune(*G_MAJOR), words=((0, "ท่อน 1"),)), ".txt")
    assert changes == ("every note moves 5 semitones up, to where it has a letter",)
    assert shown.words[0][1] == f"({changes[0]})"
    assert shown.words[1:] == ((0, "ท่อน 1"),)
