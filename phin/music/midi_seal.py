"""The phrase inside a MIDI file: a text event that stores it whole, and the seal that ties it to what sounds.

A MIDI file has no place for techniques, a mode, what is unknown, or a beat before the first bar. So a text event beside
the notes stores the phrase, sealed with a hash of what sounds: strokes, their ends and bends, string by string. Whoever
edits one of them in another program breaks the seal, and from then on the notes themselves are believed. The seal does
not cover what changes no note: names, programs, the order of tracks, a tempo or a metre.
"""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from jaxtyping import Int

from phin.music.melody import NAMELESS, PartName
from phin.music.midi_limits import MAX_BYTES, Notes
from phin.music.phrase import Deviation, Inferred, LabelSource, Metre, Phrase

SEALED = b"phin1:"
"""How a stored phrase begins."""
STORED = re.compile(rb"phin1:([0-9a-f]{16}):([A-Za-z0-9+/=]+);")
MAX_STORED = 8 * MAX_BYTES  # what a stored phrase may unpack to, so that no small file fills the memory

DEFAULT_BEND_CENTS = 200
"""How far a channel's wheel bends where no RPN 0 says it, by the General MIDI standard."""


@dataclass(frozen=True, eq=False)
class Part:
    """What a channel of a track holds. `bends` is (bend, 2), int64, by tick: tick, wheel from -8192 to 8191."""

    notes: Notes
    bends: Int[np.ndarray, "bend 2"]
    bend_cents: int = DEFAULT_BEND_CENTS
    name: PartName = NAMELESS


def sealed(phrase: Phrase, parts: Sequence[Part], ticks_per_quarter: int) -> str:
    """The whole phrase as text, and the seal that ties it to what sounds."""
    off = phrase.deviation
    facts = {
        "rows": phrase.rows.tolist(),
        "metre": phrase.metre and str(phrase.metre),
        "tempo": phrase.tempo,
        "lai": phrase.lai,
        "title": phrase.title,
        "source": phrase.source,
        "tuning": phrase.tuning,
        "drone": phrase.drone,
        "words": phrase.words,
        "inferred": sorted(phrase.inferred),
        "deviation": off and [off.ticks_per_quarter, off.onset.tolist(), off.duration.tolist()],
    }
    if phrase.techniques_from is not None:
        facts["techniques_from"] = phrase.techniques_from
    payload = base64.b64encode(zlib.compress(json.dumps(facts, separators=(",", ":")).encode()))
    return f"phin1:{seal(parts, ticks_per_quarter, payload)}:{payload.decode()};"


def unseal(stored: re.Match[bytes], parts: Sequence[Part], ticks_per_quarter: int) -> Phrase | None:
    """The phrase that was stored; None where what sounds is no longer what it was stored with, or it is no phrase."""
    expected, payload = stored.groups()
    if expected.decode() != seal(parts, ticks_per_quarter, payload):
        return None
    try:
        facts = json.loads(zlib.decompressobj().decompress(base64.b64decode(payload), MAX_STORED))
        if facts["deviation"]:
            resolution, onset, duration = facts["deviation"]
            facts["deviation"] = Deviation(resolution, np.array(onset, np.int64), np.array(duration, np.int64))
        facts["rows"] = np.array(facts["rows"], np.int32).reshape(-1, 6)
        facts["metre"] = facts["metre"] and Metre.parse(facts["metre"])
        facts["drone"] = tuple(map(int, facts["drone"]))
        facts["words"] = tuple((int(step), str(text)) for step, text in facts["words"])
        facts["inferred"] = frozenset(map(Inferred, facts["inferred"]))
        if source := facts.get("techniques_from"):  # which seals of old have not
            facts["techniques_from"] = LabelSource(source)
        return Phrase(**facts)
    except Exception:  # whatever is wrong with an event that somebody forged, the notes are there to be read
        return None


def seal(parts: Sequence[Part], ticks_per_quarter: int, payload: bytes) -> str:
    """Hash of what sounds and of what is stored.

    Strokes and releases are hashed apart: readers disagree which release ends which of two strokes on one pitch. Parts
    are hashed in no order, and those without notes not at all.
    """
    hashed = blake2b(b"%d:" % ticks_per_quarter + payload, digest_size=8)
    for part in sorted(_digest(part) for part in parts if len(part.notes)):
        hashed.update(part)
    return hashed.hexdigest()


def _digest(part: Part) -> bytes:
    notes = part.notes
    strokes = notes[:, [0, 2, 3]]
    releases = np.stack([notes[:, 0] + notes[:, 1], notes[:, 2]], axis=1)
    hashed = blake2b(digest_size=16)
    for events in (strokes, releases):
        hashed.update(events[np.lexsort(events.T)].astype("<i8").tobytes())
    if len(part.bends):
        hashed.update((part.bends * [1, part.bend_cents]).astype("<i8").tobytes())
    return hashed.digest()
