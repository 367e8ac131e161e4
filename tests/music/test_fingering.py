"""The fingering against a search that tries everything, and against what a hand can do."""

from dataclasses import replace
from itertools import product
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phin.music.fingering import COSTS, ELSEWHERE, SPAN, Costs, Fingering, Unplayable, finger
from phin.music.fretboard import DEFAULT, FRET_DISTANCES, FRETS, TUNINGS, Tuning, playable, positions
from phin.music.phrase import ASSUMED_TEMPO, Metre, Phrase, Voice, let_restruck_strings_stop, rows_from_columns
from tests.strategies import melodies
from tests.tunes import MINOR_PENTATONIC_ON_A, of_notes, wander, with_drone

ACCOMPANIMENT = Voice.ACCOMPANIMENT
A_HAND = range(1, len(FRETS))
SLOW, FAST = 2_000_000, 300_000
ON_FRETS = {tuning: playable(tuning) for tuning in TUNINGS}


def eighths(*pitches: int) -> Phrase:
    return of_notes(*((12 * place, 12, pitch) for place, pitch in enumerate(pitches)))


def places(fingering: Fingering) -> list[tuple[int, int]]:
    return list(zip(fingering.string.tolist(), fingering.fret.tolist(), strict=True))


@st.composite
def few_notes(draw: st.DrawFn, tuning: Tuning) -> Phrase:
    """One to five notes on frets, struck at up to three times, often too many or too far apart for a hand."""
    pitch = st.sampled_from(ON_FRETS[tuning]) | st.sampled_from([*tuning.open_pitches, tuning.open_pitches[-1] + 8])
    note = st.tuples(st.sampled_from([0, 6, 24]), st.sampled_from([3, 6, 24, 60]), pitch, st.sampled_from(Voice))
    notes = draw(st.lists(note, min_size=1, max_size=5, unique_by=lambda note: (note[0], note[2])))
    onset, duration, pitches, voice = np.array(notes).T
    rows = let_restruck_strings_stop(rows_from_columns(onset, duration, pitches, voice=voice))
    return Phrase(rows, tempo=draw(st.sampled_from([None, SLOW, FAST])), hand=draw(st.sampled_from([None, None, 2, 9])))


def lowest_cost(phrase: Phrase, tuning: Tuning, costs: Costs) -> float:
    """The cost of the best of all fingerings, each of them tried, with the hand in each place at each stroke."""
    onsets = sorted(set(phrase.onset.tolist()))
    hands = np.array(list(product(A_HAND, repeat=len(onsets))))  # (way, stroke): every way a hand can go
    index = np.array(FRET_DISTANCES)[hands]
    going = np.zeros(len(hands))
    for stroke in range(1, len(onsets)):
        seconds = (onsets[stroke] - onsets[stroke - 1]) / 24 * (phrase.tempo or ASSUMED_TEMPO) / 1e6
        length = np.abs(index[:, stroke] - index[:, stroke - 1])
        going += costs.shift * (length > 0) + costs.hurry * length / seconds
    if phrase.hand is not None:
        going += np.where(hands != phrase.hand, ELSEWHERE, 0.0).sum(axis=1)
    lowest = np.inf
    for chosen in product(*(positions(pitch, tuning) for pitch in phrase.pitch.tolist())):
        total = going.copy()
        for stroke, onset in enumerate(onsets):
            sounding = [n for n in range(len(phrase)) if phrase.onset[n] <= onset < phrase.end[n]]
            strings = [chosen[note].string for note in sounding]
            if len(set(strings)) < len(strings):
                total += np.inf
                break
            stopped = [FRET_DISTANCES[chosen[note].fret] for note in sounding if chosen[note].fret]
            for at in stopped:
                reach = at - index[:, stroke]
                total[(reach < -1e-9) | (reach > SPAN + 1e-9)] = np.inf
            total += costs.stretch * (max(stopped) - min(stopped)) if stopped else 0
            for note in (note for note in sounding if phrase.onset[note] == onset):
                string, fret = chosen[note]
                if fret:
                    total += costs.stop + costs.reach * (FRET_DISTANCES[fret] - index[:, stroke])
                if phrase.voice[note] == ACCOMPANIMENT:
                    total += costs.high_drone * (tuning.num_strings - string) + costs.stopped_drone * (fret > 0)
                else:
                    total += (costs.low_melody + costs.dull * FRET_DISTANCES[fret]) * (string - 1)
        lowest = min(lowest, total.min())
    return lowest


@settings(max_examples=100)
@given(st.data())
def test_no_fingering_is_cheaper_than_the_one_that_is_found(data: st.DataObject) -> None:
    """The player would be sent up and down the neck where a better way lies under the hand, or be told of none."""
    tuning = data.draw(st.sampled_from([DEFAULT, DEFAULT, *TUNINGS]))
    phrase = data.draw(few_notes(tuning))
    weights = st.tuples(*[st.sampled_from([0.0, 0.3, 1.0, 4.0])] * 8)
    costs = data.draw(st.just(COSTS) | weights.map(lambda drawn: Costs(*drawn)))
    lowest = lowest_cost(phrase, tuning, costs)
    if np.isinf(lowest):
        with pytest.raises(Unplayable):
            finger(phrase, tuning, costs=costs)
        return
    found = finger(phrase, tuning, costs=costs)
    assert found.cost == pytest.approx(lowest, rel=1e-12, abs=1e-9)
    assert_a_hand_can_play(phrase, found)


def assert_a_hand_can_play(phrase: Phrase, found: Fingering) -> None:
    """Nothing here knows how the fingering was found."""
    assert found.pitch.tolist() == phrase.pitch.tolist()
    assert found.fret.min(initial=0) >= 0
    assert found.fret.max(initial=0) < len(FRETS)
    assert set(found.string.tolist()) <= set(range(1, found.tuning.num_strings + 1))
    for onset, hand in zip(phrase.onset.tolist(), found.hand.tolist(), strict=True):
        sounding = (phrase.onset <= onset) & (onset < phrase.end)
        assert len(set(found.string[sounding])) == sounding.sum()
        reach = [FRET_DISTANCES[fret] - FRET_DISTANCES[hand] for fret in found.fret[sounding] if fret]
        assert all(-1e-9 < length < SPAN + 1e-9 for length in reach)
        assert len(set(found.hand[phrase.onset == onset])) == 1


@settings(max_examples=40)
@given(melodies())
def test_every_melody_of_a_lai_has_a_fingering_over_a_drone(melody: Phrase) -> None:
    """Tunes made for the phin could not be played on it with the low string ringing."""
    assert_a_hand_can_play(melody, finger(melody))
    above = replace(melody, rows=melody.rows[melody.pitch > 55])
    accompanied = with_drone(above) if len(above) else above
    found = finger(accompanied)
    assert_a_hand_can_play(accompanied, found)
    assert set(found.string[~accompanied.is_melody].tolist()) <= {3}
    assert not found.fret[~accompanied.is_melody].any()


def test_the_tempo_changes_the_fingering() -> None:
    """A quick player would be sent to and fro between frets 8 and 4; over two strings the hand stays where it is."""
    figure = eighths(*[52, 76, 69, 76] * 2)
    slow, fast = finger(figure, tempo=SLOW), finger(figure, tempo=FAST)
    assert places(slow) == [(3, 0), (1, 8), (1, 4), (1, 8)] * 2
    assert places(fast) == [(3, 0), (1, 8), (2, 8), (1, 8)] * 2
    assert set(fast.hand.tolist()) == {8}
    assert set(slow.hand.tolist()) == {4, 8}


def test_a_tune_climbs_string_1_and_not_the_low_ones() -> None:
    """A plain scale would be read off frets 10 to 13 of the strings that are there for the drone."""
    scale = eighths(67, 69, 72, 74, 76, 79, 81)
    assert places(finger(scale)) == [(1, fret) for fret in (3, 4, 6, 7, 8, 10, 11)]
    crowded = finger(scale, costs=replace(COSTS, dull=0.0))
    assert set(crowded.string.tolist()) > {1}


def test_the_tempo_is_the_one_asked_for_then_the_phrase_s_then_100_hong_a_minute() -> None:
    """The fingering would be made for another tempo than the one that is heard."""
    figure = eighths(*[52, 72, 69, 72] * 2)
    assert finger(figure).cost == finger(figure, tempo=ASSUMED_TEMPO).cost
    assert finger(replace(figure, tempo=FAST)).cost == finger(figure, tempo=FAST).cost
    assert finger(replace(figure, tempo=FAST), tempo=SLOW).cost == finger(figure, tempo=SLOW).cost
    assert finger(figure, tempo=SLOW).cost < finger(figure, tempo=FAST).cost


def test_a_shift_within_an_eighth_costs_about_what_reaching_two_frets_does() -> None:
    """The hand would hop after each note of a quick tune, or strain for one rather than move in a slow one."""
    at, eighth = np.array(FRET_DISTANCES[1:]), ASSUMED_TEMPO / 2e6
    shift = COSTS.hurry * np.diff(at)[:-1] / eighth + COSTS.shift
    reach = COSTS.reach * (at[2:] - at[:-2])
    assert shift.mean() / reach.mean() == pytest.approx(0.9, abs=0.05)


def test_a_hand_that_was_asked_to_stay_leaves_only_for_what_it_does_not_reach() -> None:
    """Fails: keep.hand=9, and the tablature has frets 4 to 8."""
    low, middle, high = (64 + FRETS[fret] for fret in (9, 10, 11))
    tune = replace(eighths(low, middle, low, high, middle, low), hand=9)
    found = finger(tune, Tuning.parse("E-A-E"))
    assert found.hand.tolist() == [9] * 6
    assert all(fret == 0 or fret >= 9 for fret in found.fret.tolist())
    far = replace(eighths(low, middle, 53, high, middle), hand=9)
    assert [hand == 9 for hand in finger(far, Tuning.parse("E-A-E")).hand.tolist()] == [True, True, False, True, True]


def test_open_strings_are_played_open() -> None:
    """A finger would press what rings by itself."""
    assert places(finger(eighths(52, 57, 64))) == [(3, 0), (2, 0), (1, 0)]
    assert finger(eighths(52, 57, 64), costs=replace(COSTS, low_melody=0.0)).cost == 0


def test_a_ringing_string_is_left_alone() -> None:
    """The drone would be choked each time the melody passes over its string."""
    drone = (0, 96, 57, ACCOMPANIMENT)
    alone, over_drone = eighths(60, 62, 64), of_notes(drone, (0, 12, 60), (12, 12, 62), (24, 12, 64))
    assert places(finger(alone)) == [(2, 3), (2, 4), (1, 0)]
    assert places(finger(over_drone)) == [(2, 0), (3, 6), (3, 7), (1, 0)]


def test_an_accompanying_note_takes_the_lowest_open_string() -> None:
    """The drone of a unison would sit on the string that the melody needs."""
    assert places(finger(of_notes((0, 12, 57, ACCOMPANIMENT)), Tuning.parse("E-A-A"))) == [(2, 0)]
    assert places(finger(of_notes((0, 12, 57)), Tuning.parse("E-A-A"))) == [(1, 0)]


def test_a_hand_reaches_more_frets_where_they_lie_closer() -> None:
    """Dyads that every player knows high up the neck would be refused, or ones torn from the nut be asked for."""
    assert places(finger(of_notes((0, 6, 53), (0, 6, 69)))) == [(3, 1), (1, 4)]
    with pytest.raises(Unplayable, match="F3 and B4 are struck together, and lie further apart on E-A-E than a hand"):
        finger(of_notes((0, 6, 53), (0, 6, 71)))  # frets 1 and 5
    wide = finger(of_notes((0, 6, 69), (0, 6, 84)), costs=replace(COSTS, reach=0.0, stretch=0.0))
    assert places(wide) == [(2, 8), (1, 13)]


@pytest.mark.parametrize(
    ("phrase", "tuning", "said"),
    [
        (
            of_notes((0, 8, 57), (8, 8, 61)),
            "E-A-E",
            "phrase, note 2 (hong 2, after slot 1): C#4 is on no fret of E-A-E",
        ),
        (
            replace(eighths(57, 60, 61), title="Lai Noi", metre=Metre(2, 4)),
            "D-A-G",
            "Lai Noi, note 3 (hong 3, slot 4): C#4 is on no fret of D-A-G",
        ),
        (
            of_notes((-24 * 9 - 1, 12, 61)),
            "E-A-E",
            "phrase, note 1 (step -217): C#4 is on no fret of E-A-E",
        ),
        (
            of_notes((6, 6, 52), (6, 6, 53), (6, 6, 72)),
            "E-A-E",
            "phrase, notes 1, 2 and 3 (hong 2, slot 1): 3 notes are struck together, and only 2 of them can have a "
            "string of E-A-E each",
        ),
        (
            of_notes((0, 6, 57), (0, 6, 60), (0, 6, 64)),
            "E-A",
            "phrase, notes 1, 2 and 3 (hong 1, slot 4): 3 notes are struck together, and only 2 of them can have a "
            "string of E-A each",
        ),
        (
            of_notes((0, 6, 53), (0, 6, 81)),
            "E-A-E",
            "phrase, notes 1 and 2 (hong 1, slot 4): F3 and A5 are struck together, and lie further apart on E-A-E "
            "than a hand reaches",
        ),
        (
            of_notes((0, 48, 52), (12, 12, 55)),
            "E-A-E",
            "phrase, note 2 (hong 2, slot 2): note 1 still rings, and no string of E-A-E that the hand can reach is "
            "left",
        ),
    ],
)
def test_what_cannot_be_fingered_is_said_with_the_note_the_time_and_the_reason(
    phrase: Phrase, tuning: str, said: str
) -> None:
    """The player would learn that something somewhere is wrong."""
    with pytest.raises(Unplayable) as refusal:
        finger(phrase, Tuning.parse(tuning))
    assert str(refusal.value) == f"{said}. Take the nearest that can be played (phin-convert --fit)."


def test_a_phrase_without_notes_has_an_empty_fingering() -> None:
    """An empty tune would stop a picture of a whole book."""
    nothing = finger(Phrase(np.zeros((0, 6), dtype=np.int32)))
    assert places(nothing) == []
    assert nothing.cost == 0


def test_a_thousand_notes_are_fingered_while_one_waits() -> None:
    """The neck on the screen would freeze; unhurried, this takes a tenth of a second."""
    melody = wander(0, 1000, MINOR_PENTATONIC_ON_A)
    tune = with_drone(replace(melody, metre=Metre(2, 4)))
    start = perf_counter()
    assert_a_hand_can_play(tune, finger(tune))
    assert perf_counter() - start < 5
