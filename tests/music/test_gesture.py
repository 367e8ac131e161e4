"""What is heard of a stroke: equal to a reading by hand, and deaf to what a file cannot tell."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phin.music.composer import compose
from phin.music.gesture import FAR, FEATURES, MOMENTS, NEAR, TOGETHER, Gestures, hear
from phin.music.labelled import Told, read_performed
from phin.music.midi import MidiReading
from phin.music.perform import PerformanceStyle
from phin.music.phrase import Phrase, Voice, rows_from_columns
from phin.music.technique import Technique
from tests.strategies import phrases


def by_hand(reading: MidiReading) -> list[dict[str, float]]:
    """Every column of every stroke in the order of time, one stroke and one question at a time; on the grid only."""
    phrase = reading.phrase
    tempo = (phrase.tempo or 500_000) / 1e6
    part = reading.part.tolist() or [0] * len(phrase)
    played = [
        {
            "row": row,
            "onset": onset / 24 * tempo,
            "end": (onset + duration) / 24 * tempo,
            "pitch": pitch,
            "velocity": max(velocity, 0),
            "voice": voice,
            "part": part[row],
        }
        for row, (onset, duration, pitch, velocity, _, voice) in enumerate(phrase.rows.tolist())
    ]
    slot = tempo / 4
    loud = sorted(each["velocity"] for each in played)
    middle = (loud[(len(loud) - 1) // 2] + loud[len(loud) // 2]) / 2
    table = []
    for n, me in enumerate(played):
        told: dict[str, float] = {}
        told["length"] = me["end"] - me["onset"]
        told["length in slots"] = told["length"] / slot
        for name, cycle in (("beat", 4), ("slot", 1)):
            told[f"{name}, sine"] = math.sin(2 * math.pi * me["onset"] / slot / cycle)
            told[f"{name}, cosine"] = math.cos(2 * math.pi * me["onset"] / slot / cycle)
        for of in ("part", "voice"):
            its = [other for other in played if other[of] == me[of]]
            place = its.index(me)
            for side, there in (("before", place > 0), ("after", place + 1 < len(its))):
                other = its[place + (1 if side == "after" else -1)] if there else me
                apart = abs(me["onset"] - other["onset"]) if there else FAR
                first, second = (other, me) if side == "before" else (me, other)
                told[f"{of} {side}: apart"] = min(apart, FAR)
                told[f"{of} {side}: slots"] = min(apart / slot, FAR) if there else FAR
                silence = second["onset"] - first["end"] if there else FAR
                told[f"{of} {side}: silence"] = max(min(silence, FAR), -FAR)
                told[f"{of} {side}: interval"] = other["pitch"] - me["pitch"]
                told[f"{of} {side}: louder"] = other["velocity"] - me["velocity"]
            if of == "part":
                alike = [other for other in its if other["pitch"] == me["pitch"]]
                at = alike.index(me)
                told["pitch before"] = min(me["onset"] - alike[at - 1]["onset"], FAR) if at else FAR
                last = at + 1 == len(alike)
                told["pitch after"] = FAR if last else min(alike[at + 1]["onset"] - me["onset"], FAR)
                told["second before"] = place > 1 and its[place - 2]["pitch"] == me["pitch"]
                told["second after"] = place + 2 < len(its) and its[place + 2]["pitch"] == me["pitch"]
                told["share of pitch in part"] = len(alike) / len(its)
                told["above the part's lowest"] = me["pitch"] - min(other["pitch"] for other in its)
            else:
                near = [other["velocity"] for other in its[max(place - NEAR, 0) : place + NEAR + 1]]
                told["louder than near"] = me["velocity"] - sum(near) / len(near)
        told["share of pitch"] = sum(other["pitch"] == me["pitch"] for other in played) / len(played)
        told["velocity"] = me["velocity"]
        told["louder than the file"] = me["velocity"] - middle
        told["velocities differ"] = len(set(loud)) > 1
        struck = [other for other in played if abs(other["onset"] - me["onset"]) <= TOGETHER + 1e-9]
        below = [me["pitch"] - other["pitch"] for other in struck if other["pitch"] < me["pitch"]]
        above = [other["pitch"] - me["pitch"] for other in struck if other["pitch"] > me["pitch"]]
        told["struck below"], told["struck above"] = len(below), len(above)
        told["down to"], told["up to"] = min(below, default=0), min(above, default=0)
        told["late"] = me["onset"] - min(other["onset"] for other in struck)
        told["above the lowest"] = me["pitch"] - min(other["pitch"] for other in played)
        told["parts"] = len(set(part)) > 1
        told["accompaniment"] = me["voice"] == Voice.ACCOMPANIMENT
        told["file bends"] = bool(reading.bends)
        curve = [
            (time / 24 * tempo, height) for time, height in reading.bends.get(me["row"], np.empty((0, 2))).tolist()
        ]
        told |= bend_by_hand(curve)
        earlier = [other for other in played[:n] if other["part"] == me["part"]]
        start = told["bend starts"] + me["pitch"] - earlier[-1]["pitch"] if curve and earlier else 0
        table.append(told | {"bend from before": start})
    return table


def bend_by_hand(curve: list[tuple[float, float]]) -> dict[str, float]:
    heights = [height for _, height in curve] or [0.0]
    told: dict[str, float] = {"bent": bool(curve), "bend starts": heights[0], "bend ends": heights[-1]}
    told["bend highest"], told["bend lowest"] = max(heights), min(heights)
    ways = [(time, there - here) for (_, here), (time, there) in itertools.pairwise(curve) if there != here]
    told["bend travels"] = sum(abs(way) for _, way in ways)
    told["bend moves"] = ways[-1][0] if ways else 0.0
    turns = sum((one > 0) != (other > 0) for (_, one), (_, other) in itertools.pairwise(ways))
    told["bend swings"] = turns / 2 / told["bend moves"] if told["bend moves"] else 0.0
    for moment in MOMENTS:
        told[f"bend at {moment:g}"] = ([height for time, height in curve if time <= moment] or [0.0])[-1]
    return told


@st.composite
def readings(draw: st.DrawFn) -> MidiReading:
    """Phrases on the grid, on up to three parts, some of their notes bent."""
    phrase = replace(draw(phrases(max_notes=12)), deviation=None)
    part = draw(st.lists(st.integers(0, 2), min_size=len(phrase), max_size=len(phrase)))
    bends = {}
    for row in range(len(phrase)):
        if draw(st.booleans()):
            steps = draw(st.lists(st.integers(1, 12), max_size=5))
            height = draw(st.lists(st.integers(-24, 24), min_size=len(steps) + 1, max_size=len(steps) + 1))
            bends[row] = np.stack([np.append(0, np.cumsum(steps)), np.array(height) / 8], axis=1).astype(float)
    return MidiReading(phrase, (), bends, np.array(part, dtype=np.int32))


@settings(max_examples=40)
@given(readings())
def test_what_is_heard_equals_what_is_counted_by_hand(reading: MidiReading) -> None:
    """Fails: the detector is told of other strokes than those that were played."""
    heard, expected = hear(reading), by_hand(reading) if len(reading.phrase) else []
    assert len(heard) == len(expected)
    assert heard.row.tolist() == list(range(len(expected)))
    for place, told in enumerate(expected):
        assert set(told) == set(FEATURES)
        for name, value in told.items():
            assert heard.column(name)[place] == pytest.approx(float(value), abs=1e-9), name


def test_strokes_exactly_as_far_apart_as_can_be_are_struck_together() -> None:
    """Fails: the seconds' last digit decides whether a strum is heard."""
    rows = rows_from_columns(np.array([1, 17]), np.array([1, 1]), np.array([52, 52]))
    reading = MidiReading(Phrase(rows, tempo=60_000), (), {}, np.array([0, 1]))
    assert hear(reading).column("late").tolist() == pytest.approx([0, 0.04])


@settings(max_examples=40)
@given(readings())
def test_what_a_network_takes_is_finite_and_small(reading: MidiReading) -> None:
    """Fails: one absurd note drowns all others."""
    scaled = hear(reading).scaled
    assert scaled.dtype == np.float32
    assert np.isfinite(scaled).all()
    assert abs(scaled).max(initial=0) <= 3


def bent(phrase: Phrase, style: PerformanceStyle, technique: Technique) -> tuple[Gestures, int]:
    """What is heard of a phrase whose second note is played in a technique, and that note's place."""
    rows = phrase.rows.copy()
    rows[:, 4] = 0
    rows[1, 4] = technique
    labelled = read_performed(replace(phrase, rows=rows), style, np.random.default_rng(0))
    heard = hear(labelled.reading)
    (row,) = np.flatnonzero(labelled.technique == technique)
    return heard, heard.row.tolist().index(row)


def test_bends_are_heard_in_the_units_they_are_played_in() -> None:
    """Fails: a bend of two semitones is heard as one of half a semitone, and called a vibrato."""
    onset = np.arange(4) * 24
    phrase = Phrase(rows_from_columns(onset, onset * 0 + 24, np.array([69, 72, 74, 72]), 80), tempo=500_000)
    style = PerformanceStyle(
        bend_range=7, timing_jitter=0.0, bend_depth=1.5, bend_length=0.2, vibrato_rate=5.0, vibrato_depth=0.4
    )
    heard, at = bent(phrase, style, Technique.BEND)
    assert heard.column("bend highest")[at] == pytest.approx(1.5, abs=0.01)
    assert heard.column("bend moves")[at] == pytest.approx(0.2, abs=0.01)
    assert heard.column("bend swings")[at] == 0
    heard, at = bent(phrase, style, Technique.VIBRATO)
    assert heard.column("bend highest")[at] == pytest.approx(0.4, abs=0.01)
    assert heard.column("bend swings")[at] == pytest.approx(5, abs=0.7)
    heard, at = bent(phrase, style, Technique.SLIDE)
    assert heard.column("bend starts")[at] == pytest.approx(-3, abs=0.01)
    assert heard.column("bend from before")[at] == pytest.approx(0, abs=0.01)
    assert heard.column("bend ends")[at] == 0


def test_strokes_of_one_step_are_heard_in_the_order_they_were_played() -> None:
    """Fails: a flick of four hundredths of a second is heard backwards, for its notes share a step of the grid."""
    rng = np.random.default_rng(5)
    style = PerformanceStyle(flick_length=0.02, flick_notes=3)
    labelled = read_performed(compose(rng), style, rng)
    assert (labelled.technique == Technique.FLICK).any()
    apart = hear(labelled.reading).column("voice before: apart")
    assert (apart >= 0).all()
    row = hear(labelled.reading).row
    assert not (np.diff(row) == 1).all(), "this piece has such strokes"


@pytest.mark.parametrize("told", [Told(bends=False), Told(velocities=False), Told(strings=False)], ids=str)
def test_what_a_file_does_not_tell_is_not_heard(told: Told) -> None:
    """Fails: files of other programs, with one channel or one velocity, are heard as if they said more."""
    rng = np.random.default_rng(1)
    heard = hear(read_performed(compose(rng), PerformanceStyle(), rng, told).reading)
    assert heard.column("file bends").any() == told.bends
    assert heard.bent.any() == told.bends
    assert heard.column("velocities differ").all() == told.velocities
    assert heard.column("parts").all() == told.strings
    if not told.velocities:
        assert not heard.column("louder than near").any()


def test_labels_of_a_rendering_are_those_of_its_notes() -> None:
    """Fails: the detector is taught that a tremolo is plain."""
    rng = np.random.default_rng(2)
    phrase = compose(rng)
    for told in (Told(), Told(strings=False), Told(bends=False)):
        labelled = read_performed(phrase, PerformanceStyle(), np.random.default_rng(3), told)
        notes = labelled.technique[labelled.begins]
        most = np.bincount(phrase.technique, minlength=14)
        assert abs(np.bincount(notes, minlength=14) - most).sum() <= 2, "but for strokes in unison"
        several = np.isin(labelled.technique, (Technique.TREMOLO, Technique.TRILL, Technique.FLICK))
        assert labelled.begins[~several].all()
        assert not labelled.begins[several].all()
