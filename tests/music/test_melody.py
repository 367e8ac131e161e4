"""The melody voice: found among parts, over and under drones, in chords and in ringing strings; nothing is deleted."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.music.melody import PartName, find_melody, skyline
from phin.music.phrase import Rows, Voice, let_restruck_strings_stop, rows_from_columns
from tests.strategies import melodies, performances

TUNE = (57, 60, 62, 64, 67, 69, 67, 64, 62, 60, 57, 55, 57, 62, 64, 60, 69, 72, 69, 67, 64, 62, 60, 57)
Notes = list[tuple[int, int, int]]


def line(pitches: Sequence[int] = TUNE, each: int = 12, rings: int | None = None, start: int = 0) -> Notes:
    """One note after the other, as (onset, duration, pitch)."""
    return [(start + number * each, rings or each, pitch) for number, pitch in enumerate(pitches)]


def together(*parts: Notes) -> tuple[Rows, np.ndarray]:
    """The rows of several parts, and which part each is of."""
    notes = np.array([(*note, number) for number, part in enumerate(parts) for note in part])
    rows = rows_from_columns(*notes.T[:3], voice=notes[:, 3])
    rows = let_restruck_strings_stop(rows)
    return rows, rows[:, 5].copy()


def found(rows: Rows, part: np.ndarray | None = None, parts: Sequence[PartName] = (PartName(),)) -> list[int]:
    """The pitches that are melody, in their order."""
    voice = find_melody(rows, part, parts)
    return rows[voice == Voice.MELODY, 2].tolist()


def in_one_part(*parts: Notes) -> list[int]:
    return found(together(*parts)[0])


# --- one part


@given(melodies())
def test_a_melody_alone_is_all_melody(phrase) -> None:
    """Notes of the tune would be lost to an accompaniment that nobody plays."""
    assert (find_melody(phrase.rows) == Voice.MELODY).all()


@given(performances(), st.lists(st.integers(0, 3), min_size=24, max_size=24))
def test_every_note_gets_a_voice_and_some_note_is_melody(rows: Rows, part: list[int]) -> None:
    """A file would be refused, or have no tune, for being unlike those that somebody thought of."""
    voice = find_melody(rows, np.array(part)[: len(rows)], [PartName()] * 4)
    assert set(voice.tolist()) <= set(Voice)
    assert len(voice) == len(rows)
    assert len(rows) == 0 or (voice == Voice.MELODY).any()


@given(performances(), st.integers(-3, 3), st.integers(0, 9))
def test_the_voice_depends_on_neither_key_octave_nor_when_the_tune_begins(rows: Rows, octaves: int, bars: int) -> None:
    """The same tune in another place would be another tune."""
    moved = rows.copy()
    moved[:, 0] += 48 * bars
    moved[:, 2] += octaves
    if moved[:, 2].min(initial=0) < 0 or moved[:, 2].max(initial=0) > 127:
        return
    assert np.array_equal(find_melody(moved), find_melody(rows))


@pytest.mark.parametrize("pitch", [40, 45, 52])
@pytest.mark.parametrize(("each", "rings"), [(24, 24), (48, 48), (12, 12), (24, 60), (288, 288)])
def test_a_melody_over_a_drone_is_the_melody(pitch: int, each: int, rings: int) -> None:
    """The drone would be taken for the tune, and every interval read from it would be wrong."""
    assert in_one_part(line(), line([pitch] * (288 // each), each, rings)) == list(TUNE)


def test_two_drones_are_two_drones() -> None:
    """A phin with both lower strings ringing would lose its melody to one of them."""
    assert in_one_part(line(), line([45] * 6, 48), line([52] * 6, 48)) == list(TUNE)


def test_a_melody_that_dips_below_a_high_drone_is_still_the_melody() -> None:
    """The tune would lose every note below the ringing string."""
    assert in_one_part(line(), [(0, 288, 65)]) == list(TUNE)
    assert in_one_part(line(), line([65] * 3, 96)) == list(TUNE)


def test_a_melody_that_stops_while_its_drone_goes_on_does_not_move_to_the_drone() -> None:
    """Rests would be filled with the drone: the tune would leap down two octaves and back."""
    second = line(TUNE, start=len(TUNE) * 12 + 96)
    drone = line([45] * 14, 48)
    assert in_one_part(line(), second, drone) == list(TUNE) * 2


@pytest.mark.parametrize("rings", [13, 18, 24, 30, 48])
def test_strings_left_ringing_are_one_line(rings: int) -> None:
    """A player who lets the strings ring would lose every note that falls."""
    assert in_one_part(line(rings=rings)) == list(TUNE)


def test_strings_that_are_stopped_together_are_one_line() -> None:
    """A pedal that is lifted at the end of each bar would turn all but one of its notes into accompaniment."""
    notes = [(onset, 48 - onset % 48, pitch) for onset, _, pitch in line()]
    assert in_one_part(notes) == list(TUNE)


def test_of_a_chord_the_highest_note_is_the_melody() -> None:
    """The lower strings of a strum would be read as steps of the tune."""
    strums = [(onset, 12, pitch - below) for onset, _, pitch in line() for below in (5, 9) if onset % 24 == 0]
    assert in_one_part(line(), strums) == list(TUNE)


def test_what_is_struck_below_a_held_melody_note_accompanies_it() -> None:
    """An arpeggio under a long note would be taken for the tune, and the long note for one of its notes."""
    melody = line([72, 74, 76, 74, 72, 79], each=48)
    arpeggio = line([48, 52, 55] * 6, each=12)
    arpeggio = [(onset + 12 * (onset // 36 + 1), 12, pitch) for onset, _, pitch in arpeggio]
    assert in_one_part(melody, [note for note in arpeggio if note[0] < 288]) == [72, 74, 76, 74, 72, 79]


def test_a_tune_on_few_notes_over_nothing_is_no_drone() -> None:
    """A lament on two notes would vanish."""
    pitches = [57, 57, 60, 57, 57, 57, 60, 57] * 3
    assert in_one_part(line(pitches)) == pitches


# --- several parts

CHORDS = [(onset, 48, pitch) for onset in range(0, 288, 48) for pitch in (72, 76, 79)]
BASS = line([33, 40] * 6, each=24)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
@pytest.mark.parametrize("name", ["", "Lead", "Melody 1", "VOCAL", "พิณ", "ทำนอง"])
def test_the_part_that_moves_and_can_be_reached_is_the_melody(order: tuple[int, ...], name: str) -> None:
    """A file from a karaoke disc would teach its chords, which lie higher than the voice."""
    parts = [line(), CHORDS, BASS]
    facts = [PartName(name), PartName("", 48), PartName("", 33)]
    rows, part = together(*(parts[place] for place in order))
    assert found(rows, part, [facts[place] for place in order]) == list(TUNE)


@pytest.mark.parametrize("program", [0, 104, 105, 110, 21])
def test_no_program_and_no_lack_of_chords_counts_against_a_part(program: int) -> None:
    """Rules of other collections delete what is monophonic or 'ethnic': the phin is both."""
    rows, part = together(line(), CHORDS)
    assert found(rows, part, [PartName("", program), PartName("", 0)]) == list(TUNE)


def test_a_name_says_more_than_the_notes_do() -> None:
    """A file whose author has written which track is the melody would be read against his word."""
    moving = line([p + 12 for p in TUNE])
    slow = line([57, 60, 62, 57, 60, 62], each=48)
    rows, part = together(moving, slow)
    assert found(rows, part, [PartName(), PartName()]) == [p + 12 for p in TUNE]
    assert found(rows, part, [PartName(), PartName("Vocals")]) == [57, 60, 62, 57, 60, 62]
    assert found(rows, part, [PartName("Bass"), PartName()]) == [57, 60, 62, 57, 60, 62]


def test_a_drone_on_a_track_of_its_own_is_no_melody() -> None:
    """A phin with a bass string on another channel would lose its tune."""
    for drone in (line([45] * 12, 24), line([76] * 12, 24), [(0, 288, 76)]):
        rows, part = together(drone, line())
        assert found(rows, part, [PartName(), PartName()]) == list(TUNE)


@pytest.mark.parametrize("name", ["", "phin"])
def test_strings_with_a_channel_each_are_one_instrument(name: str) -> None:
    """A tune played across three strings would keep the notes of one of them."""
    strings = [[note for note in line() if low <= note[2] < high] for low, high in ((0, 60), (60, 65), (65, 128))]
    rows, part = together(*strings)
    assert found(rows, part, [PartName(name, 105)] * 3) == list(TUNE)


def test_no_note_is_no_fault() -> None:
    """A file without notes would break the reader."""
    assert find_melody(np.zeros((0, 6), dtype=np.int32)).tolist() == []


def test_the_skyline_is_the_highest_sounding_note() -> None:
    """What the rules are measured against would be another rule than it is called."""
    onset, pitch = np.array([0, 0, 24, 24, 48, 60]), np.array([45, 57, 45, 60, 62, 57])
    rows = rows_from_columns(onset, np.full(6, 24), pitch)
    assert skyline(rows).tolist() == [False, True, False, True, True, False]  # the last while 62 still sounds
    assert skyline(rows[:0]).tolist() == []
