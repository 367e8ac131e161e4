"""Tunes that the tokenizer holds: any at all, drawn by hypothesis, and long plain ones that a test can count on."""

import numpy as np
from hypothesis import strategies as st

from phin.music.phrase import DURATION, ONSET, PITCH, UNKNOWN, Metre, Phrase, Rows, Voice, rows_from_columns
from phin.music.technique import Technique
from phin.tokenizer import HIGHEST_PITCH, LONGEST_STEP, LOWEST_PITCH, METRES, first_origin

MINOR_PENTATONIC_ON_A = (57, 60, 62, 64, 67, 69, 72, 74, 76, 79, 81)
CHROMATIC = tuple(range(57, 82))
TWO_FOUR = Metre(2, 4)


@st.composite
def tunes(draw: st.DrawFn, min_notes: int = 0, max_notes: int = 16) -> Phrase:
    """Pickups, chords, rests, strokes on a ringing string, the longest and shortest of everything, much unknown."""
    metre = draw(st.none() | st.sampled_from([*METRES, Metre(4, 3)]))
    lengths = st.sampled_from([1, 6, 12, 24, LONGEST_STEP]) | st.integers(1, LONGEST_STEP)
    note = st.tuples(
        st.just(0) | lengths,
        lengths,
        st.sampled_from([LOWEST_PITCH, 57, HIGHEST_PITCH]) | st.integers(LOWEST_PITCH, HIGHEST_PITCH),
        st.just(UNKNOWN) | st.integers(1, 127),
        st.just(UNKNOWN) | st.sampled_from(Technique),
        st.sampled_from(Voice),
    )
    notes = np.array(draw(st.lists(note, min_size=min_notes, max_size=max_notes)), dtype=np.int64).reshape(-1, 6)
    onset = first_origin(metre) + notes[:, 0].cumsum()
    return Phrase(without_overlaps(rows_from_columns(onset, *notes.T[1:])), metre=metre)


def without_overlaps(rows: Rows) -> Rows:
    """Each note ends where its pitch is struck again; of two strokes at once one stays."""
    last: dict[int, Rows] = {}
    for row in rows:
        before = last.get(int(row[PITCH]))
        if before is not None:
            before[DURATION] = min(before[DURATION], row[ONSET] - before[ONSET])
        last[int(row[PITCH])] = row
    return rows[rows[:, DURATION] > 0]


def wander(
    seed: int, num_notes: int = 64, scale: tuple[int, ...] = CHROMATIC, metre: Metre | None = TWO_FOUR, **facts: str
) -> Phrase:
    """A melody in eighths that nobody else sings: pitches drawn from a scale, no two seeds alike."""
    pitch = np.random.default_rng(seed).choice(scale, num_notes)
    return Phrase(rows_from_columns(np.arange(num_notes) * 12, np.full(num_notes, 12), pitch), metre=metre, **facts)


def sung(*pitches: int) -> Phrase:
    """A melody in eighths."""
    onset = np.arange(len(pitches)) * 12
    return Phrase(rows_from_columns(onset, np.full(len(pitches), 12), np.array(pitches, dtype=int)))


def of_notes(*notes: tuple[int, int, int] | tuple[int, int, int, Voice], **facts: object) -> Phrase:
    """Notes as (onset, duration, pitch), melody unless a voice is given."""
    rows = [
        (onset, duration, pitch, UNKNOWN, UNKNOWN, *(voice or [Voice.MELODY]))
        for onset, duration, pitch, *voice in notes
    ]
    return Phrase(np.array(rows), **facts)


def with_drone(melody: Phrase, pitch: int = 52) -> Phrase:
    """The melody over a low string that is struck on every other beat."""
    onset = np.arange(0, int(melody.end.max()), 48)
    drone = rows_from_columns(onset, np.full(len(onset), 48), np.full(len(onset), pitch), voice=Voice.ACCOMPANIMENT)
    rows = np.concatenate([melody.rows, drone])
    rows = rows[np.lexsort((rows[:, PITCH], rows[:, ONSET]))]
    return Phrase(rows, metre=melody.metre, title=melody.title, source=melody.source)
