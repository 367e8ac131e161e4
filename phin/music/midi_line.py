"""The quick way to the phrase of a MIDI file that holds one line and needs no mending, as most files of songs do, on
one track or on a track a string.

`phin.music.midi` says what any file means; this says the same of the plainest, in a fifth of the time, and nothing of
any other: a file with a second instrument, a chord, a bend, a second tempo or metre, silence before its first bar, or
anything else that would have to be mended, refused or explained. Tests hold the two together on every file they have.
"""

from typing import Any

import numpy as np
from symusic.core import ScoreTick

from phin.errors import PhinError
from phin.music.grid import nearest_step, silent_bars
from phin.music.melody import PartName, instruments, unnumbered
from phin.music.midi_limits import (
    DEFAULT_TEMPO,
    MAX_NOTE_SECONDS,
    MAX_SECONDS,
    MAX_TEMPO,
    MAX_TICKS,
    MIN_TEMPO,
)
from phin.music.phrase import NUM_COLUMNS, STEPS_PER_QUARTER, UNKNOWN, Column, Deviation, Metre, Phrase, Voice


def read_line(score: ScoreTick, min_notes: int) -> tuple[Phrase, Column] | None:
    """The phrase in what symusic has read of a file, and which of its tracks each note is of; or None where that is not
    one plain line, of one track or of the strings of one instrument.
    """
    division = score.tpq
    tempos, metres = score.tempos, score.time_signatures
    if len(tempos) > 1 or len(metres) > 1:
        return None
    tracks = [(number, track) for number, track in enumerate(score.tracks) if not _is_empty(track)]
    if not tracks or any(track.is_drum or len(track.pitch_bends) for _, track in tracks):
        return None
    if len(tracks) > 1 and len({*instruments([unnumbered(part_name(track)) for _, track in tracks])}) > 1:
        return None
    notes, part = _together([(number, track.notes.numpy()) for number, track in tracks])
    if len(part) < max(min_notes, 1):
        return None
    time = np.empty((2, len(part)), dtype=np.int64)  # (onset or duration, note), in ticks
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
    return Phrase(rows, metre, tempo if tempos else None, deviation=deviation), part


def part_name(track: Any) -> PartName:
    """What a track of symusic's says that it is; its name is empty where it is in some older code page."""
    try:
        return PartName(track.name, track.program)
    except UnicodeDecodeError:
        return PartName("", track.program)


def _is_empty(track: Any) -> bool:
    """Whether nothing that is played is in a track."""
    return not (len(track.notes) or len(track.pitch_bends) or track.is_drum)


def _together(tracks: list[tuple[int, dict[str, np.ndarray]]]) -> tuple[dict[str, np.ndarray], Column]:
    """The notes of all tracks in the order of their onsets, and the number of the track that each is of."""
    if len(tracks) == 1:
        number, notes = tracks[0]
        return notes, np.full(len(notes["time"]), number, dtype=np.int32)
    part = np.repeat(
        np.array([number for number, _ in tracks], dtype=np.int32), [len(notes["time"]) for _, notes in tracks]
    )
    order = np.argsort(np.concatenate([notes["time"] for _, notes in tracks]), kind="stable")
    names = ("time", "duration", "pitch", "velocity")
    return {name: np.concatenate([notes[name] for _, notes in tracks])[order] for name in names}, part[order]
