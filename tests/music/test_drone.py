"""The drone under a tune: what it is, when it is struck, and that it never meets the melody's own stroke."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from phin.errors import PhinError
from phin.music.composer import compose
from phin.music.drone import strokes, with_drone
from phin.music.midi import read_midi, write_midi
from phin.music.phrase import DUPLE, ONSET, PITCH, Phrase, Voice, rows_from_columns
from phin.music.technique import Technique
from tests.strategies import melodies

LINE = Phrase(
    rows_from_columns(np.array([0, 12, 24, 36, 48, 72]), np.array([12, 12, 12, 12, 24, 24]), np.full(6, 69)),
    metre=DUPLE,
    lai="yai",
)


def slow_strokes(first: int, end: int, every: int, taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Step by step: a stroke begins on each beat, and sounds until the next one or until its string is taken."""
    found: list[list[int]] = []
    sounding = False
    for step in range(first, end + every):
        busy = any(start <= step < over for start, over in taken)
        if step < end and step % every == 0:
            sounding = not busy
            found += [[step, 0]] * sounding
        elif busy or step % every == 0:
            sounding = False
        if sounding:
            found[-1] = [found[-1][0], found[-1][1] + 1]
    return [(onset, duration) for onset, duration in found]


@pytest.mark.parametrize("every", [6, 12, 24])
@pytest.mark.parametrize("taken", [[], [(20, 30)], [(24, 25), (70, 100)], [(0, 200)]])
def test_strokes_come_on_the_beat_and_yield_to_who_takes_their_string(every: int, taken: list[tuple[int, int]]) -> None:
    """Fails: the drone and the melody are struck on one string at once, or the drone drifts off the beat."""
    for first, end in ((0, 97), (-30, 60), (7, 8)):
        assert list(strokes(first, end, every, taken)) == slow_strokes(first, end, every, taken)


def test_a_tune_is_droned_by_what_its_head_names_or_by_the_tonic_of_its_lai() -> None:
    """Fails: a player who wrote a drone over the letters does not hear it, or hears another."""
    under = with_drone(LINE)
    assert under.drone == (57,)  # A3, the middle string of E-A-E: lai yai comes home to A
    assert under.melody.rows.tolist() == LINE.rows.tolist()
    held = under.rows[~under.is_melody]
    assert held[:, PITCH].tolist() == [57] * 4
    assert held[:, ONSET].tolist() == [0, 24, 48, 72]
    assert set(under.technique[~under.is_melody].tolist()) == {Technique.DRONE}
    assert set(with_drone(replace(LINE, drone=(52, 59))).pitch.tolist()) == {52, 59, 69}
    assert with_drone(replace(LINE, lai="noi", tuning="D-A-G")).drone == (50,)
    assert with_drone(LINE, every=48).rows[:, ONSET].tolist().count(24) == 1


def test_a_drone_is_refused_where_none_is_known_or_one_is_struck_already() -> None:
    """Fails: a drone is guessed for a tune in no lai, or struck twice."""
    with pytest.raises(PhinError, match="nothing says what its drone is"):
        with_drone(replace(LINE, lai=None))
    with pytest.raises(PhinError, match="nothing says what its drone is"):
        with_drone(replace(LINE, lai="none"))
    with pytest.raises(PhinError, match="already has a drone"):
        with_drone(with_drone(LINE))
    empty = replace(LINE, rows=LINE.rows[:0])
    assert with_drone(empty) is empty


@settings(max_examples=50)
@given(phrase=melodies())
def test_any_melody_keeps_its_notes_under_a_drone_of_its_own_pitches(phrase: Phrase) -> None:
    """Fails: a melody that lies on the drone's pitch loses notes to it, or breaks the rows' contract."""
    pitches = tuple(sorted(set(phrase.pitch.tolist())))[:2]
    under = with_drone(replace(phrase, drone=pitches, deviation=None))
    assert under.melody.rows.tolist() == phrase.rows.tolist()
    assert (under.end[~under.is_melody] > under.onset[~under.is_melody]).all()


def test_the_melody_is_found_again_over_the_drone(tmp_path) -> None:
    """Fails: what phin-convert writes with a drone comes back as another tune."""
    tune = compose(np.random.default_rng(3)).melody
    write_midi(with_drone(tune), tmp_path / "droned.mid")
    again = read_midi(tmp_path / "droned.mid").phrase
    assert again.melody.pitch.tolist() == tune.pitch.tolist()
    assert (~again.is_melody).any()
    assert set(again.voice.tolist()) == {Voice.MELODY, Voice.ACCOMPANIMENT}
