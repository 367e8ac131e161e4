"""How a tune sounds: every stroke is a plucked string, and the sound of a phrase is their sum.

The string is Karplus and Strong's ("Digital Synthesis of Plucked-String and Drum Timbres", Computer Music Journal
7(2), 1983): what sounded a period ago comes back a little weaker and a little blurred. Two things are unusual. The
loop is a whole number of samples long and its blur is symmetric, so all partials repeat after exactly that many; the
pitch is set afterwards by how fast the string is read, and tuning and bending are one thing. And the loop runs a
period at a time, not a sample.
"""

import wave
from collections.abc import Mapping
from dataclasses import replace
from math import ceil, log, pi, sqrt
from pathlib import Path

import numpy as np
from jaxtyping import Float

from phin.errors import Defect, InvalidTune
from phin.music.perform import ASSUMED_VELOCITY, ROW, STYLE, PerformanceStyle, perform
from phin.music.phrase import (
    ASSUMED_TEMPO,
    DURATION,
    ONSET,
    STEPS_PER_QUARTER,
    UNKNOWN,
    Phrase,
    Voice,
)
from phin.whole_file import whole_file

SAMPLE_RATE = 44_100

RELEASE = 0.05
"""Seconds a damped string takes to fall silent: a finger is quick, and a sudden stop is a click."""

PEAK = 0.9
ACCOMPANIMENT_GAIN = 0.6

# A thin steel string struck with a plectrum. No recording of a phin alone was at hand to fit: set so that A4 rings
# longer than a banjo and shorter than a steel guitar (20 dB down after 1.1 s), as bright as the latter.
RING, RING_FALL = 4.2, 0.7
"""Seconds in which the fundamental of A4 falls by 60 dB; the octave above rings 2 ** -RING_FALL as long."""
DULLING, BRIGHT = 1.8, 4_000.0
"""Seconds in which the blur takes 60 dB from a partial at so many Hz; an octave lower it takes a quarter of that."""
PLUCK_POINT = 0.07
"""Where the plectrum strikes, as a share of the string: near the bridge, so that no strong partial is missing."""
HARDNESS = 2_500.0, 13_000.0
"""Hz up to which a stroke of velocity 0 has partials, and how many more at velocity 127."""
ATTACK = 0.001

OVERSAMPLING = 2
"""Samples of the string to one of the sound: close enough to read between them by straight lines."""

Sound = Float[np.ndarray, " sample"]
Period = Float[np.ndarray, " period"]
Bend = Float[np.ndarray, "point 2"]
"""A line through points of (steps after the onset, semitones); it stays at its first and last value outside them."""


def pluck(
    frequency: float,
    seconds: float,
    velocity: int = UNKNOWN,
    bend: Float[np.ndarray, " bent"] | None = None,
    *,
    rng: np.random.Generator,
    sample_rate: int = SAMPLE_RATE,
) -> Sound:
    """A string of `frequency` Hz that is struck, rings for `seconds` and is then damped, (sample,).

    `bend` is in semitones, a number for each sample; its last one is held. `rng` draws the noise of the stroke.
    """
    velocity = ASSUMED_VELOCITY if velocity == UNKNOWN else velocity
    num_samples = round((seconds + RELEASE) * sample_rate)
    period = round(OVERSAMPLING * sample_rate / frequency)
    speed = np.full(num_samples, period * frequency / sample_rate)  # samples of the string to one of the sound
    if bend is not None and len(bend):
        speed *= 2 ** (bend[np.minimum(np.arange(num_samples), len(bend) - 1)] / 12)
    place = np.cumsum(speed)
    string = _ring(_strike(frequency, period, velocity, rng), frequency, ceil(place[-1]) + 2)
    sound = np.interp(place, np.arange(len(string)), string)
    _fade_in(sound[: round(ATTACK * sample_rate)])
    _fade_in(sound[::-1][: round(RELEASE * sample_rate)])
    return sound


def render(
    phrase: Phrase,
    tempo: int | None = None,
    sample_rate: int = SAMPLE_RATE,
    bends: Mapping[int, Bend] | None = None,
    style: PerformanceStyle = STYLE,
    performer: np.random.Generator | None = None,
) -> Sound:
    """The phrase as it is performed, mono, its loudest sample at `PEAK`; it starts with its first note, pickup or not.

    `tempo` is in microseconds a quarter and overrules the phrase's. `style` and `performer`, whose random numbers vary
    the playing, are `perform`'s. `bends` has a curve for each row that is bent (`MidiReading.bends`), which overrules
    its technique's. A bend leaves the drone alone: each stroke sounds by itself.
    """
    if not len(phrase):
        reason = "has no notes, so there is nothing to hear"
        raise InvalidTune(phrase.title or "phrase", Defect.NO_NOTES, reason, "choose a tune with a note in it")
    tempo = tempo or phrase.tempo or ASSUMED_TEMPO
    played = perform(replace(phrase, tempo=tempo), style, performer)
    tick = tempo / 1e6 / played.ticks_per_quarter
    curves = dict(played.bends)
    for row, curve in (bends or {}).items():
        onset = played.strokes[played.strokes[:, ROW] == row, ONSET][-1]  # what comes before leads into the note
        curves[row] = curve * [played.ticks_per_quarter / STEPS_PER_QUARTER, 1] + [onset, 0]
    first = played.strokes[:, ONSET].min()
    seconds = played.strokes[:, DURATION] * tick
    start = np.rint((played.strokes[:, ONSET] - first) * tick * sample_rate).astype(int)
    mix = np.zeros(ceil((start + (seconds + RELEASE) * sample_rate).max()) + 1)
    for stroke, (onset, _, pitch, velocity, _, row) in enumerate(played.strokes.tolist()):
        bend = None
        if row in curves:
            ticks = onset + np.arange(round(float(seconds[stroke]) * sample_rate)) / (tick * sample_rate)
            bend = np.interp(ticks, curves[row][:, 0], curves[row][:, 1])
        rng = np.random.default_rng((pitch, int(onset - first)))
        frequency = 440 * 2 ** ((pitch - 69) / 12)
        sound = pluck(frequency, float(seconds[stroke]), velocity, bend, rng=rng, sample_rate=sample_rate)
        gain = ACCOMPANIMENT_GAIN if phrase.voice[row] == Voice.ACCOMPANIMENT else 1
        mix[start[stroke] : start[stroke] + len(sound)] += sound * gain
    return mix * (PEAK / (np.abs(mix).max() or 1))


def write_wav(samples: Sound, path: str | Path, sample_rate: int = SAMPLE_RATE) -> None:
    """Writes 16-bit mono; the file is there entirely or not at all."""
    clipped = np.clip(samples, -1, 1)  # unclipped, a loud sample would wrap round: a crack
    whole = np.rint(clipped * 32_767).astype("<i2")
    with whole_file(path) as partial, partial.open("wb") as file, wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(whole.itemsize)
        sound.setframerate(sample_rate)
        sound.writeframes(whole.tobytes())


def _strike(frequency: float, period: int, velocity: int, rng: np.random.Generator) -> Period:
    """One period of the string just after the stroke.

    Noise with the spectrum of a plucked string: the phases are drawn, the strength of the partials is not, so that no
    note comes out hollow by chance. A harder stroke is louder, by the square of velocity as General MIDI advises, and
    brighter.
    """
    partial = np.arange(1, max(period // (2 * OVERSAMPLING), 2))
    floor, above = HARDNESS
    strength = np.sin(pi * PLUCK_POINT * partial) / partial
    strength /= 1 + (partial * frequency / (floor + above * (velocity / 127) ** 2)) ** 2
    strength *= (velocity / 127) ** 2 / sqrt((strength**2).sum())
    spectrum = np.zeros(period // 2 + 1, dtype=complex)
    spectrum[partial] = strength * np.exp(2j * pi * rng.random(len(partial)))
    return np.fft.irfft(spectrum, period, norm="forward")


def _ring(strike: Period, frequency: float, num_samples: int) -> Sound:
    """What becomes of a stroke, (num_samples,): each period is the one before, weaker and blurred.

    A blur with a variance of v leaves exp(-v w^2 / 2) of a partial at w radians a sample: least of the highest. It is
    done by mixing samples with their neighbours, so little at a time (and so often) that no partial is turned over.
    """
    period = len(strike)
    loss = log(1000) / (RING * (440 / frequency) ** RING_FALL * frequency)
    variance = 2 * log(1000) / (DULLING * frequency) * (period * frequency / (2 * pi * BRIGHT)) ** 2
    reach = ceil(2 * variance)
    side = variance / (2 * reach)
    blur = np.exp([-loss])
    for _ in range(reach):
        blur = np.convolve(blur, (side, 1 - 2 * side, side))
    block = period - reach  # what can be computed at once: the blur looks so far ahead of the period before
    string = np.empty(num_samples + 2 * period)
    string[: reach + period] = np.take(strike, np.arange(-reach, period), mode="wrap")
    for now in range(reach + period, reach + num_samples, block):
        then = now - period
        string[now : now + block] = np.convolve(string[then - reach : then + block + reach], blur, mode="valid")
    return string[reach : reach + num_samples]


def _fade_in(sound: Sound) -> None:
    """Lets the sound rise from nothing, in place."""
    sound *= np.sin(np.linspace(0, pi / 2, len(sound))) ** 2
