"""What reading does all at once is what it would do note by note: the obvious way, kept here as the specification."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from phin.music import melody
from phin.music.grid import quantise
from phin.music.melody import HELD, LOW_DRONE, find_melody
from phin.music.midi import _bent_notes
from phin.music.midi_seal import Part
from phin.music.midi_writing import WHEEL
from phin.music.perform import Curve
from phin.music.phrase import DURATION, ONSET, PITCH, Rows, rows_from_columns


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """A channel: notes, some without length, some at once, and turns of its wheel, some of them at one tick."""
    note = st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(60, 63), st.just(80))
    turn = st.tuples(st.integers(0, 50), st.sampled_from([0, 0, 4096, -8192, 100]))
    bends = sorted(draw(st.lists(turn, max_size=15)), key=lambda turn: turn[0])
    return Part(
        np.array(draw(st.lists(note, max_size=12)), dtype=np.int64).reshape(-1, 4),
        np.array(bends, dtype=np.int64).reshape(-1, 2),
        draw(st.sampled_from([200, 1200])),
    )


@st.composite
def sorted_rows(draw: st.DrawFn) -> Rows:
    """A few notes that overlap, sorted, of which some pitches sound for most of the time."""
    note = st.tuples(st.integers(0, 60), st.integers(1, 12) | st.integers(20, 40), st.integers(55, 64))
    notes = draw(st.lists(note, min_size=1, max_size=30, unique_by=lambda note: (note[0], note[2])))
    return rows_from_columns(*np.array(notes, dtype=np.int64).T)


def plainly_bent(parts: list[Part]) -> tuple[dict[tuple[int, int], Curve], int]:
    """The curve of each bent note, and how many turns of a wheel bend none: note by note."""
    bent: dict[tuple[int, int], Curve] = {}
    num_left_out = 0
    for part in parts:
        tick, semitones = part.bends[:, 0], part.bends[:, 1] * part.bend_cents / (100 * WHEEL)
        heard = semitones == 0
        for onset, duration, pitch in part.notes[:, :3].tolist():
            first, last = np.searchsorted(tick, onset, "right"), np.searchsorted(tick, onset + duration, "left")
            start = float(semitones[first - 1]) if first else 0.0
            if not start and not semitones[first:last].any():
                continue
            heard[max(first - 1, 0) : last] = True
            held = np.append(start, semitones[first:last])
            time = np.append(0, tick[first:last] - onset)
            points = np.stack([np.repeat(time, 2)[1:], np.repeat(held, 2)[:-1]], axis=1)
            if len(points) > len(bent.get((onset, pitch), ())):
                bent[onset, pitch] = points
        num_left_out += int((~heard).sum())
    return bent, num_left_out


def plainly_under(line: Rows) -> list[bool]:
    """Whether each note begins and ends while a higher one sounds (see `melody._is_under_a_held_note`): with sets."""
    onset, end, pitch = line[:, ONSET].tolist(), (line[:, ONSET] + line[:, DURATION]).tolist(), line[:, PITCH].tolist()
    under, accompanied = [False] * len(line), set[int]()
    strokes = set(zip(onset, pitch, strict=True))
    for note in range(len(line)):
        least = HELD * (end[note] - onset[note]) if (end[note], pitch[note]) in strokes else 0
        higher = {other for other in range(note) if end[other] > onset[note] and pitch[other] > pitch[note]}
        around = {other for other in higher if end[other] > end[note] and end[other] - onset[other] >= least}
        accompanied |= around
        under[note] = bool(around) or any(end[other] == end[note] for other in accompanied & higher)
    return under


def plainly_apart(steps: Rows) -> list[list[int]]:
    """Strokes on steps, each on a free step of its pitch, the one before it cut short: pitch by pitch."""
    moved = steps.copy()
    for pitch in set(steps[:, PITCH].tolist()):
        before = None
        for row in [row for row in range(len(steps)) if steps[row, PITCH] == pitch]:
            if before is not None:
                moved[row, ONSET] = max(moved[row, ONSET], moved[before, ONSET] + 1)
                moved[before, DURATION] = min(moved[before, DURATION], moved[row, ONSET] - moved[before, ONSET])
            before = row
    return moved[np.lexsort((moved[:, PITCH], moved[:, ONSET]))].tolist()


@settings(max_examples=300)
@given(parts=st.lists(parts(), max_size=3))
def test_bends_are_told_as_note_by_note(parts: list[Part]) -> None:
    """Fails: a slide that somebody played is lost, or a note is bent that was not."""
    repairs: list[str] = []
    bent = _bent_notes(parts, repairs)
    expected, num_left_out = plainly_bent(parts)
    assert {key: curve.tolist() for key, curve in bent.items()} == {k: curve.tolist() for k, curve in expected.items()}
    assert list(bent) == list(expected)
    assert any(repair.startswith(f"{num_left_out} pitch bend") for repair in repairs) == (num_left_out > 0)


@settings(max_examples=300)
@given(rows=sorted_rows())
def test_accompanying_notes_are_told_as_note_by_note(rows: Rows) -> None:
    """Fails: the drone under a held note is learned as melody."""
    line = rows[np.append(True, rows[1:, ONSET] != rows[:-1, ONSET])]
    assert melody._is_under_a_held_note(line).tolist() == plainly_under(line)


@settings(max_examples=300)
@given(rows=sorted_rows())
def test_only_pitches_that_sound_for_long_are_looked_at_as_drones(rows: Rows) -> None:
    """Fails: a drone is passed over, and learned as melody."""
    span = int((rows[:, ONSET] + rows[:, DURATION]).max() - rows[:, ONSET].min())
    looked_at: list[int] = []
    is_apart = melody._is_apart
    melody._is_apart = lambda rows, mine: bool(looked_at.append(int(rows[mine, PITCH][0]))) or is_apart(rows, mine)
    try:
        find_melody(rows)
    finally:
        melody._is_apart = is_apart
    long = [
        int(pitch)
        for pitch in np.unique(rows[:, PITCH])
        if rows[rows[:, PITCH] == pitch, DURATION].sum() / span >= LOW_DRONE and (rows[:, PITCH] != pitch).sum() >= 4
    ]
    assert looked_at == (long if melody._overlap(rows) else [])


@settings(max_examples=300)
@given(rows=sorted_rows(), division=st.sampled_from([24, 96, 7, 480]))
def test_strokes_are_moved_apart_as_pitch_by_pitch(rows: Rows, division: int) -> None:
    """Fails: of two quick strokes one is lost on the grid."""
    ticks = rows.copy()
    ticks[:, DURATION] = np.minimum(ticks[:, DURATION], 3)
    near = ((2 * 24 * ticks[:, :2] + division) // (2 * division)).astype(np.int32)
    steps = ticks.copy()
    steps[:, :2] = near
    steps[:, DURATION] = np.maximum(steps[:, DURATION], 1)
    assert quantise(ticks, division)[0].tolist() == plainly_apart(steps)
