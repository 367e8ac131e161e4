"""Notes to a MIDI port while they are drawn, each at its time."""

import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import mido

from phin.generation.stream import StreamedNote
from phin.music.perform import ASSUMED_VELOCITY
from phin.music.phrase import STEPS_PER_HONG, STEPS_PER_QUARTER, UNKNOWN, Voice

LOOK_AHEAD = 1.0
"""Seconds by which notes are drawn before they sound: as long as a step may take without being heard."""


@runtime_checkable
class Port(Protocol):
    """What takes MIDI messages: a port of mido's, or a test's."""

    def send(self, message: mido.Message) -> None: ...


@dataclass
class Sent:
    """What was sent: notes, and by how many seconds the latest of them came late."""

    notes: int = 0
    latest: float = 0.0


def play_live(
    notes: Iterable[StreamedNote],
    port: Port,
    tempo: int,
    look_ahead: float = LOOK_AHEAD,
    sent: Sent | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Sent:
    """Sends each note on at its time, melody on channel 1 and accompaniment on channel 2, and off after its duration.

    `tempo` is in microseconds a quarter. Time begins with the first note, `look_ahead` seconds after the call, and runs
    by `clock`: a note that was drawn late is sent at once, and those after it are not moved. Where it is broken off, by
    an error or Ctrl-C, what still sounds is ended, and `sent` tells what was sent. One that is struck again first ends.
    """
    seconds_a_step = tempo / 1e6 / STEPS_PER_QUARTER
    sent, source, began = sent or Sent(), iter(notes), clock() + look_ahead
    first, drawn_until, number = None, -math.inf, 0
    costs: deque[float] = deque([0.0], maxlen=8)
    """Seconds that the last notes took to draw: nothing is drawn when less is left until something is due."""
    due: list[_Due] = []
    sounding: dict[tuple[int, int], int] = {}
    """By channel and pitch, which note sounds."""
    try:
        while drawn_until < math.inf or due:
            now = clock()
            left = due[0].when - now if due else math.inf
            if left <= 0:
                _send(heapq.heappop(due), port, sounding, sent, now)
            elif drawn_until <= now + look_ahead and left > max(costs):
                note = next(source, None)
                costs.append(clock() - now)
                if note is None:
                    drawn_until = math.inf
                    continue
                first = note.onset if first is None else first
                drawn_until = began + (note.onset - first) * seconds_a_step
                for each in _due(note, number, drawn_until, seconds_a_step):
                    heapq.heappush(due, each)
                number += 1
            else:
                until_drawing = drawn_until - look_ahead - now
                sleep(min(left, until_drawing) if until_drawing > 0 else left)
    finally:
        for channel, pitch in sounding:
            port.send(mido.Message("note_off", channel=channel, note=pitch))
    return sent


class _Due(NamedTuple):
    """A note's beginning or end, by time; at one time ends come first."""

    when: float
    begins: bool
    number: int
    channel: int
    pitch: int
    velocity: int


def _due(note: StreamedNote, number: int, at: float, seconds_a_step: float) -> tuple[_Due, _Due]:
    """A note's beginning and its end."""
    ends = at + (STEPS_PER_HONG if note.duration == UNKNOWN else note.duration) * seconds_a_step
    channel = int(note.voice == Voice.ACCOMPANIMENT)
    velocity = ASSUMED_VELOCITY if note.velocity == UNKNOWN else note.velocity
    return _Due(at, True, number, channel, note.pitch, velocity), _Due(ends, False, number, channel, note.pitch, 0)


def _send(due: _Due, port: Port, sounding: dict[tuple[int, int], int], sent: Sent, now: float) -> None:
    key = due.channel, due.pitch
    off = mido.Message("note_off", channel=due.channel, note=due.pitch)
    if due.begins:
        if key in sounding:
            port.send(off)
        sounding[key] = due.number
        port.send(mido.Message("note_on", channel=due.channel, note=due.pitch, velocity=due.velocity))
        sent.notes += 1
        sent.latest = max(sent.latest, now - due.when)
    elif sounding.get(key) == due.number:
        del sounding[key]
        port.send(off)
