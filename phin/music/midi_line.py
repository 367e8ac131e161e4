"""The quick way to the phrase of a MIDI file that holds one line and needs no mending, as most files of songs do.

`phin.music.midi` says what any file means; this says the same of the plainest, in a fifth of the time, and nothing of
any other: a file with a second part, a chord, a bend, a second tempo or metre, silence before its first bar, or
anything else that would have to be mended, refused or explained. Tests hold the two together on every file they have.
"""

import numpy as np
from symusic.core import ScoreTick

from phin.errors import PhinError
from phin.music.grid import nearest_step, silent_bars
from phin.music.midi_limits import (
    DEFAULT_TEMPO,
    MAX_NOTE_SECONDS,
    MAX_SECONDS,
    MAX_TEMPO,
    MAX_TICKS,
    MIN_TEMPO,
)
from phin.music.phrase import NUM_COLUMNS, STEPS_PER_QUARTER, UNKNOWN, Deviation, Metre, Phrase, Voice


def read_line(score: ScoreTick, min_notes: int) -> Phrase | None:
    """The phrase in what symusic has read of a file, or None where that is not one plain line."""
    division = score.tpq
    tracks, tempos, metres = score.tracks, score.tempos, score.time_signatures
    if len(tracks) != 1 or len(tempos) > 1 or len(metres) > 1 or tracks[0].is_drum or len(tracks[0].pitch_bends):
        return None
    if len(tracks[0].notes) < max(min_notes, 1):
        return None
    notes = tracks[0].notes.numpy()
    time = np.empty((2, len(notes["time"])), dtype=np.int64)  # (onset or duration, note), in ticks
    time[0], time[1] = notes["time"], notes["duration"]
    onset, duration = time
    first, longest = int(onset[0]), int(duration.max())
    tempo = tempos[0].mspq if tempos else DEFAULT_TEMPO
    if not MIN_TEMPO <= tempo <= MAX_TEMPO or (tempos and tempos[0].time > first):
        return None
    second = division * 1e6 / tempo  # in ticks
    plain = (
        first >= 0
        and 0 < int(duration.min())
        and longest <= min(MAX_TICKS, MAX_NOTE_SECONDS * second)
        and int(onset[-1]) <= MAX_TICKS
        and int(onset[-1]) + int(duration[-1]) <= min(MAX_TICKS, MAX_SECONDS * second)
        and not np.count_nonzero(onset[:-1] + duration[:-1] > onset[1:])
    )
    if not plain:
        return None
    try:
        metre = Metre(metres[0].numerator, metres[0].denominator) if metres else None
    except PhinError:
        return None
    if silent_bars(first, metre, division):
        return None
    steps = nearest_step(time, division)
    step, length = steps
    np.maximum(length, 1, out=length)
    if np.count_nonzero(step[:-1] + length[:-1] > step[1:]):
        return None
    rows = np.empty((len(onset), NUM_COLUMNS), dtype=np.int32)
    columns = (step, length, notes["pitch"], notes["velocity"], UNKNOWN, Voice.MELODY)
    for column, values in enumerate(columns):
        rows[:, column] = values
    off = time * STEPS_PER_QUARTER - steps * division
    deviation = Deviation(division, off[0], off[1]) if np.count_nonzero(off) else None
    return Phrase(rows, metre, tempo if tempos else None, deviation=deviation)
