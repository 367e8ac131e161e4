"""How the page sounds a technique, held to how the program plays it (phin/music/perform.py)."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from phin.music.fretboard import DEFAULT
from phin.music.perform import ROW, STYLE, PerformanceStyle, perform
from phin.music.phrase import DURATION, ONSET, PITCH, VELOCITY, Metre, Phrase, Voice, rows_from_columns
from phin.music.technique import Technique
from phin.web.tune import to_json
from tests.web.pages import Open

pytestmark = pytest.mark.slow
TEMPO = 100
PACE = 60 / TEMPO / 24
"""Seconds a step."""
PLAYED = """async ([style, notes, pace]) => {
  const { scaleOf, strokesAt, tellPerformance } = await import("/static/js/performance.js");
  const { play, tunings } = phin.about;
  tellPerformance({ play: { writing: { ...play.writing, style } }, tunings });
  return notes.map((_, place) => strokesAt(notes, place, pace, scaleOf(notes)));
}"""
OTHER = replace(
    STYLE, accent=31.0, tremolo_rate=17.0, trill_rate=11.0, flick_notes=3, flick_length=0.03, legato_softness=0.5,
    slide_length=0.2, bend_length=0.08, bend_depth=1.0, vibrato_rate=7.0, vibrato_depth=0.7, mute_length=0.02,
    strum_stagger=0.03, dyad_spread=0.02, bend_range=4,
)  # fmt: skip
"""Another style in each number: what the page had by heart would not change."""
TUNES = {
    "from above": [(0, 12, 69), (12, 12, 72), (24, 12, 76), (36, 24, 74), (60, 24, 67), (84, 12, 64)],
    "from below": [(0, 12, 69), (12, 12, 76), (24, 12, 72), (36, 48, 74), (84, 24, 67), (108, 12, 64)],
    "again": [(0, 12, 76), (12, 12, 72), (24, 12, 74), (36, 6, 74), (42, 24, 67), (66, 12, 69), (78, 6, 64)],
    "open": [(0, 12, 69), (12, 12, 72), (24, 12, 74), (36, 24, 64), (60, 24, 67), (84, 12, 64)],
    "soon": [(0, 12, 69), (12, 22, 76), (34, 2, 72), (36, 24, 74), (60, 24, 67), (84, 12, 64)],
}
"""(onset, duration, pitch) of A C D E G, of which the fourth is played with the technique."""


def played(page: Any, phrase: Phrase, style: PerformanceStyle) -> list[list[dict[str, Any]]]:
    """The strokes of each note as the page has them, their onsets and bends by the clock of the tune."""
    notes = [note.model_dump() for note in to_json(phrase).notes]
    strokes = page.evaluate(PLAYED, [asdict(style), notes, PACE])
    return [
        [stroke | {"onset": note["onset"] * PACE + stroke["after"]} for stroke in of_note]
        for note, of_note in zip(notes, strokes, strict=True)
    ]


def hold(page: Any, phrase: Phrase, row: int, style: PerformanceStyle) -> None:
    """A note's strokes and bend are those of a performance."""
    wanted, found = perform(phrase, style), played(page, phrase, style)[row]
    second = wanted.ticks_per_quarter * TEMPO / 60
    begins = wanted.strokes[wanted.strokes[:, ROW] == 0][0, ONSET] - phrase.onset[0] * PACE * second
    strokes = wanted.strokes[wanted.strokes[:, ROW] == row]
    assert [stroke["pitch"] for stroke in found] == strokes[:, PITCH].tolist()
    assert [stroke["velocity"] for stroke in found] == pytest.approx(strokes[:, VELOCITY], abs=0.51)
    assert [stroke["onset"] for stroke in found] == pytest.approx((strokes[:, ONSET] - begins) / second, abs=0.003)
    assert [stroke["seconds"] for stroke in found] == pytest.approx(strokes[:, DURATION] / second, abs=0.004)
    assert (row in wanted.bends) == (found[0]["bend"] is not None)
    if row in wanted.bends:
        times = np.arange(0, strokes[0, DURATION] / second, 0.01)
        ticks, semitones = wanted.bends[row].T
        curve = np.interp(times, (ticks - begins) / second - found[0]["onset"], semitones)
        assert np.interp(times, found[0]["bend"][::2], found[0]["bend"][1::2]) == pytest.approx(curve, abs=0.1)
        assert np.abs(semitones).max() > 0.2


@pytest.mark.long
@pytest.mark.parametrize("technique", [each for each in Technique if each not in (Technique.STRUM, Technique.DYAD)])
def test_a_technique_sounds_on_the_page_as_in_a_file(opened: Open, technique: Technique) -> None:
    """Fails: who hears a slide, a trill or a flick on the page finds another one in the file that is saved."""
    page = opened()
    for notes in TUNES.values():
        for style in (STYLE, OTHER):
            rows = rows_from_columns(*np.array(notes).T, 80, Technique.PLAIN)
            rows[3, 4] = technique
            hold(page, Phrase(rows, metre=Metre(2, 4), tempo=round(60e6 / TEMPO), tuning=DEFAULT.name), 3, style)


@pytest.mark.long
@pytest.mark.parametrize("technique", [Technique.STRUM, Technique.DYAD])
def test_a_chord_is_struck_one_by_one_on_the_page_as_in_a_file(opened: Open, technique: Technique) -> None:
    """Fails: a strum is one blow on the page and none in the file, or waits for the drone."""
    page = opened()
    rows = rows_from_columns(
        *np.array([(0, 24, 69), (24, 24, 52), (24, 24, 57), (24, 24, 67)]).T, 80, Technique.PLAIN, Voice.MELODY
    )
    rows[1:3, 5] = Voice.ACCOMPANIMENT
    rows[2:, 4] = technique
    for under in (technique, Technique.DRONE):
        rows[1, 4] = under
        phrase = Phrase(rows, metre=Metre(2, 4), tempo=round(60e6 / TEMPO), tuning=DEFAULT.name)
        for row in range(1, 4):
            hold(page, phrase, row, STYLE)
            hold(page, phrase, row, OTHER)
