"""What a MIDI file may hold to be a tune: the limits, and the one line of `InvalidMidi` where one is passed."""

import numpy as np
from jaxtyping import Int

from phin.errors import Defect, InvalidMidi

Notes = Int[np.ndarray, "note 4"]
"""Onset, duration, pitch and velocity in ticks, int64: the columns of a row that MIDI has."""

ENDINGS = (".mid", ".midi")
"""Of the names of MIDI files."""

MAX_BYTES = 2_000_000
"""Some 250,000 notes: more than any tune, and few enough that the worst file costs about a second."""

MAX_TICKS = 10_000_000
"""pretty_midi's own limit: what is taken in here opens there. 87 minutes at 960 ticks a quarter and 120 a minute."""

MAX_SECONDS = 3600
"""A whole set of a mor lam night fits; one tune does not last longer."""

MAX_NOTE_SECONDS = 600
"""No string rings for ten minutes: the end of such a note was lost."""

MIN_TEMPO, MAX_TEMPO = 60_000, 0xFFFFFF
"""Microseconds a quarter: a thousand quarters a minute, and the most that the three bytes of a tempo event can say."""

DEFAULT_TEMPO = 500_000
"""What a file without a tempo is played at, by the MIDI standard. Nobody chose it, so such a phrase has tempo None."""

AGAIN = "export it again from the program that made it"


def refuse_size(num_bytes: int, where: str) -> None:
    if num_bytes > MAX_BYTES:
        raise InvalidMidi(where, Defect.TOO_LARGE, f"has more than {MAX_BYTES:,} bytes", "cut it into single tunes")


def refuse_ticks(notes: Notes, where: str) -> None:
    """InvalidMidi where ticks have overflowed."""
    if len(notes) and (notes[:, :2].min() < 0 or notes[:, :2].sum(axis=1).max() > MAX_TICKS):
        raise InvalidMidi(where, Defect.ABSURD_TICKS, f"has notes outside tick 0 to {MAX_TICKS:,}", AGAIN)


def refuse_lengths(notes: Notes, ticks_per_quarter: int, tempo: int | None, where: str) -> None:
    """InvalidMidi where a note or the tune lasts longer than music does."""
    if len(notes) == 0:
        return
    duration, last = notes[:, 1], notes[:, :2].sum(axis=1).max()
    seconds = (tempo or DEFAULT_TEMPO) / 1e6 / ticks_per_quarter
    if (longest := duration.max() * seconds) > MAX_NOTE_SECONDS:
        reason = f"has a note of {longest / 60:.0f} minutes"
        raise InvalidMidi(where, Defect.NOTE_TOO_LONG, reason, "end that note where it stops sounding")
    if last * seconds > MAX_SECONDS:
        reason = f"lasts {last * seconds / 3600:.1f} hours"
        raise InvalidMidi(
            where, Defect.ABSURD_TICKS, reason, "cut it into single tunes, or move the note that is far off"
        )


def refuse_tempo(tempo: int, where: str) -> None:
    if not MIN_TEMPO <= tempo <= MAX_TEMPO:
        reason = f"has a tempo of {tempo} microseconds a quarter"
        raise InvalidMidi(where, Defect.ABSURD_TEMPO, reason, f"set a tempo from {MIN_TEMPO:,} to {MAX_TEMPO:,}")
