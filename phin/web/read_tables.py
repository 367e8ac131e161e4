"""What a page that reads MIDI and ABC without a server (`static/js/play`: midi_file, midi_reading, melody, abc) takes
from this program, so that none of it is written a second time.
"""

import re
from typing import Any

from phin.music import abc, melody, midi, midi_limits, midi_seal, perform, phrase, readers
from phin.web.browser_patterns import BLANK, for_a_browser


def read_tables() -> dict[str, Any]:
    """All of it, in primitives."""
    return {
        "blank": BLANK,
        "midi": {
            "fewest_notes": readers.FEWEST_NOTES,
            "most_bytes": midi_limits.MAX_BYTES,
            "most_note_seconds": midi_limits.MAX_NOTE_SECONDS,
            "most_division": perform.MAX_DIVISION,
            "again": midi_limits.AGAIN,
            "stored": for_a_browser(re.compile(midi_seal.STORED.pattern.decode())),
            "most_stored": midi_seal.MAX_STORED,
            "bend_cents": midi_seal.DEFAULT_BEND_CENTS,
            "wheel_range": {
                name: getattr(midi, name) for name in ("RPN_COARSE", "RPN_FINE", "DATA_COARSE", "DATA_FINE")
            },
            "inferred": [each.value for each in phrase.Inferred],
            "techniques_from": [each.value for each in phrase.LabelSource],
        },
        "melody": {
            "low_drone": melody.LOW_DRONE,
            "high_drone": melody.HIGH_DRONE,
            "held": melody.HELD,
            "chordal": melody.CHORDAL,
            "taking_turns": melody.TAKING_TURNS,
            "its_names": for_a_browser(melody.MELODY_NAMES),
            "other_names": for_a_browser(melody.OTHER_NAMES),
            "number": for_a_browser(melody.NUMBER),
        },
        "abc": {
            "longest_pickup": abc.LONGEST_PICKUP,
            "natural": abc.NATURAL,
            "accidental": abc.ACCIDENTAL,
            "fifths": abc.FIFTHS,
            "modes": abc.MODES,
            "tuplet_time": abc.TUPLET_TIME,
            "token": for_a_browser(abc.TOKEN),
            "key": for_a_browser(abc.KEY),
            "beats": for_a_browser(abc.BEATS),
        },
    }
