"""What hypothesis draws: any phrase that the contract allows, and melodies of shapes that a test can name."""

import numpy as np
from hypothesis import strategies as st

from phin.music.grid import quantise
from phin.music.midi import MAX_TEMPO, MIN_TEMPO
from phin.music.phrase import (
    HIGHEST_PITCH,
    LABEL_SOURCES,
    LOWEST_PITCH,
    STEPS_PER_QUARTER,
    UNKNOWN,
    Inferred,
    Metre,
    Phrase,
    Rows,
    Voice,
    rows_from_columns,
)

METRES = [Metre(2, 4), Metre(4, 4), Metre(3, 4), Metre(6, 8), Metre(3, 8), Metre(7, 8), Metre(2, 2), Metre(4, 3)]
"""Bars of whole and of half quarters, and 4/3, which a bar can have and a MIDI time signature cannot say."""

DIVISIONS = [24, 96, 100, 220, 480, 960, 5, 1, 32_767, 40_000]
"""Ticks a quarter that programs use, some that the grid does not divide, and one that no MIDI file can have."""

TITLES = ["", "ลายใหญ่", "Lai Noi", "สุดสะแนน (ทางยาว)"]
TECHNIQUES = range(16)
"""Those that have a name, and two that a later vocabulary may give one."""
PENTATONIC = [0, 3, 5, 7, 10]
SHAPES = ("rising", "falling", "arch", "zigzag", "repeated", "free")


@st.composite
def performances(draw: st.DrawFn, max_notes: int = 24, quarter: int = STEPS_PER_QUARTER) -> Rows:
    """Rows as they might be played, times in parts of a quarter: chords, rests, overlaps, no pitch sounding twice."""
    times = st.integers(0, 2 * quarter)
    velocity = st.integers(1, 127) | st.just(UNKNOWN)
    technique = st.sampled_from(TECHNIQUES) | st.just(UNKNOWN)
    # few pitches, so that strokes on one pitch meet often
    pitch = st.sampled_from([52, 57, 64, 69]) | st.integers(0, 127)
    note = st.tuples(times, times, pitch, velocity, technique, st.sampled_from(Voice))
    notes = np.array(draw(st.lists(note, max_size=max_notes)), dtype=np.int64).reshape(-1, 6)
    pickup = draw(st.integers(0, quarter) | st.just(0))
    onset, duration, pitches = notes[:, 0].cumsum() - pickup, notes[:, 1] + 1, notes[:, 2]
    _, first = np.unique(np.stack([onset, pitches]), axis=1, return_index=True)
    rows = rows_from_columns(onset[first], duration[first], *notes[first].T[2:])
    for before, after in zip(*_strokes_on_one_pitch(rows), strict=True):
        rows[before, 1] = min(rows[before, 1], rows[after, 0] - rows[before, 0])
    return rows


def _strokes_on_one_pitch(rows: Rows) -> tuple[list[int], list[int]]:
    """Each stroke that has a next one on its pitch, and that next one."""
    order = np.lexsort((rows[:, 0], rows[:, 2]))
    same = rows[order][1:, 2] == rows[order][:-1, 2]
    return order[:-1][same].tolist(), order[1:][same].tolist()


@st.composite
def phrases(draw: st.DrawFn, max_notes: int = 24) -> Phrase:
    """Any phrase: on the grid or off it, with a pickup, chords and a drone, and every fact known or unknown."""
    rows, deviation = draw(performances(max_notes)), None
    if draw(st.booleans()):
        division = draw(st.sampled_from(DIVISIONS) | st.integers(1, 2000))
        rows, deviation = quantise(draw(performances(max_notes, quarter=division)), division)
    return Phrase(
        rows,
        metre=draw(st.none() | st.sampled_from(METRES)),
        tempo=draw(st.none() | st.integers(MIN_TEMPO, 2_000_000) | st.just(MAX_TEMPO)),
        lai=draw(st.sampled_from([None, "none", "yai", "noi", "se", "sutsanaen", "po sai", "soi"])),
        title=draw(st.sampled_from(TITLES) | st.text(max_size=20)),
        source=draw(st.sampled_from(["", "essen", "composer"])),
        tuning=draw(st.sampled_from([None, "E-A-E", "A-D-A"])),
        drone=draw(st.sampled_from([(), (57,), (52, 57)])),
        words=draw(st.sampled_from([(), ((-42, "ท่อน 1"), (150, "ซ้ำ"))])),
        inferred=draw(st.frozensets(st.sampled_from(Inferred))),
        techniques_from=draw(st.sampled_from(LABEL_SOURCES)),
        deviation=deviation,
    )


@st.composite
def melodies(draw: st.DrawFn, min_notes: int = 8, max_notes: int = 32) -> Phrase:
    """One note at a time inside the range of the phin, in a shape that its title names (one of SHAPES)."""
    shape = draw(st.sampled_from(SHAPES))
    num_notes = draw(st.integers(min_notes, max_notes))
    scale = [pitch for pitch in range(LOWEST_PITCH, HIGHEST_PITCH + 1) if (pitch - 57) % 12 in PENTATONIC]
    degrees = {
        "rising": np.linspace(0, len(scale) - 1, num_notes).round(),
        "falling": np.linspace(len(scale) - 1, 0, num_notes).round(),
        "arch": np.sin(np.linspace(0, np.pi, num_notes)) * (len(scale) - 1),
        "zigzag": 5 + np.arange(num_notes) % 2 * 2,
        "repeated": np.full(num_notes, 5),
        "free": draw(st.lists(st.integers(0, len(scale) - 1), min_size=num_notes, max_size=num_notes)),
    }[shape]
    duration = np.array(draw(st.lists(st.sampled_from([6, 12, 24]), min_size=num_notes, max_size=num_notes)))
    onset = duration.cumsum() - duration
    pitch = np.array(scale)[np.asarray(degrees, dtype=int)]
    return Phrase(rows_from_columns(onset, duration, pitch), metre=Metre(2, 4), tempo=500_000, title=shape)
