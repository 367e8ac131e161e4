"""What a page that reads and writes files without a server (`static/js/play`: readers, perform, midi_writing, sheet)
takes from this program, so that none of it is written a second time.
"""

from dataclasses import asdict
from typing import Any

from phin.music import midi_limits, midi_writing, perform, sheet
from phin.web.errands import SAID


def write_tables() -> dict[str, Any]:
    """All of it, in primitives."""
    return {
        "style": asdict(perform.STYLE),
        "resolution": perform.RESOLUTION,
        "finest": perform.FINEST,
        "assumed_velocity": perform.ASSUMED_VELOCITY,
        "rings": perform.RINGS,
        "points_a_swing": perform.POINTS_A_SWING,
        "program": midi_writing.PROGRAM,
        "channels": list(midi_writing.CHANNELS),
        "wheel": midi_writing.WHEEL,
        "wheel_every": midi_writing.WHEEL_EVERY,
        "denominators": list(midi_writing.DENOMINATORS),
        "most_ticks": midi_limits.MAX_TICKS,
        "most_seconds": midi_limits.MAX_SECONDS,
        "lowest_tempo": midi_limits.MIN_TEMPO,
        "highest_tempo": midi_limits.MAX_TEMPO,
        "default_tempo": midi_limits.DEFAULT_TEMPO,
        "sheet_style": sheet.STYLE,
        "suggested": SAID,
    }
