"""MIDI files that somebody changed, or made to look like this program's own."""

import base64
import io
import json
import zlib

import mido

from phin.music import midi_seal
from phin.music.midi import midi_bytes
from phin.music.midi_limits import DEFAULT_TEMPO
from phin.music.midi_writing import string_parts
from phin.music.perform import perform
from phin.music.phrase import Phrase


def edited(data: bytes, change: dict[str, object], kind: str = "note_on") -> bytes:
    """The file after somebody changed its first message of that kind in another program."""
    file = mido.MidiFile(file=io.BytesIO(data))
    for messages in file.tracks:
        for index, message in enumerate(messages):
            if message.type == kind:
                messages[index] = message.copy(**change)
                buffer = io.BytesIO()
                file.save(file=buffer)
                return buffer.getvalue()
    raise AssertionError(f"no {kind} in the file")


def with_stored(phrase: Phrase, **forged: object) -> bytes:
    """The file of a phrase beside whose notes another is stored, under a seal that holds."""
    performance = perform(phrase)
    parts = list(string_parts(performance, phrase.tempo or DEFAULT_TEMPO).values())
    stored = midi_seal.sealed(phrase, parts, performance.ticks_per_quarter)
    facts = json.loads(zlib.decompress(base64.b64decode(stored.split(":")[2].rstrip(";")))) | forged
    payload = base64.b64encode(zlib.compress(json.dumps(facts).encode()))
    text = f"phin1:{midi_seal.seal(parts, performance.ticks_per_quarter, payload)}:{payload.decode()};"
    return edited(midi_bytes(phrase), {"text": text}, "text")


FORGED = {
    "no text": {"title": 5},
    "no tempo": {"tempo": "fast"},
    "a tempo too fast": {"tempo": 10},
    "a tempo too slow": {"tempo": 10**9},
    "no division": {"deviation": [0, [0] * 16, [0] * 16]},
    "a note of an hour": {"rows": [[0, 24 * 60 * 180, 60, 80, -1, 0]]},
    "a tune of a week": {"rows": [[n * 24 * 3600 * 24, 12, 60, 80, -1, 0] for n in range(16)]},
    "a bar of a week": {"metre": "9000000/4"},
    "a note late by a week": {"deviation": [480, [0] * 15 + [10**10], [0] * 16]},
}
