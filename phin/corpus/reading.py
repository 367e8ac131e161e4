"""A file of a corpus → its tunes, each read or refused by name."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from phin.corpus.collected import CollectedTune
from phin.corpus.files import Unit
from phin.corpus.guqin import read_guqin
from phin.corpus.sources import LAO_ACCENT, SOURCES, THAI_CLASSICAL, Parser
from phin.corpus.thai_json import read_thai_json
from phin.corpus.thm import read_thm
from phin.errors import Defect, InvalidTune
from phin.music.abc import decode, read_one, split_tunes
from phin.music.composer import compose
from phin.music.lai import LaiLabel
from phin.music.midi import MidiReading, read_midi
from phin.music.notation import read_letters
from phin.music.opening import bytes_of
from phin.music.page import PageReading
from phin.music.phrase import Phrase


@dataclass(frozen=True)
class Reading:
    """What came of one tune: a phrase, perhaps with repairs, and its mode, or the reason why not."""

    id: str
    phrase: Phrase | None = None
    repairs: tuple[str, ...] = ()
    defect: Defect | None = None
    reason: str = ""
    found: LaiLabel = field(default_factory=LaiLabel)


def read_unit(unit: Unit, min_notes: int) -> list[Reading]:
    """Every tune of a file, read or refused by name, also where the file breaks the reader itself."""
    try:
        return _READERS[SOURCES[unit.source].parser](unit, min_notes)
    except Exception as error:
        return [broke_reader(unit.id, str(unit.path or unit.id), error)]


def broken(unit: Unit, defect: Defect, what: str, remedy: str) -> Reading:
    """The refusal of a whole file that the reader could not cope with."""
    return _broken(unit.id, str(unit.path or unit.id), defect, what, remedy)


def _tune(id: str, min_notes: int, read: Callable[[], Phrase | MidiReading | PageReading], called: str = "") -> Reading:
    """What `read` says of a tune, or its defect; it is `called` so, unless its reader knows better."""
    try:
        return _of(id, min_notes, read(), called)
    except InvalidTune as error:
        return refused(id, error)


def _of(id: str, min_notes: int, done: Phrase | MidiReading | PageReading, called: str = "") -> Reading:
    """A tune that was read, unless it is too short."""
    phrase, repairs = (done, ()) if isinstance(done, Phrase) else (done.phrase, done.repairs)
    if len(phrase.melody) < min_notes:
        what = f"has {len(phrase.melody)} notes, fewer than {min_notes}"
        return refused(id, InvalidTune(id, Defect.TOO_SHORT, what, "leave it out"))
    return Reading(id, phrase=replace(phrase, source=called) if called else phrase, repairs=repairs)


def broke_reader(id: str, where: str, error: Exception) -> Reading:
    """The refusal of a tune that this program could not cope with: one among thousands must not stop the others.

    Raises a MemoryError: how much memory there is, is known to the one who set its limit.
    """
    if isinstance(error, MemoryError):
        raise error
    what = f"broke the reader ({type(error).__name__}: {error})"
    return _broken(id, where, Defect.BROKE_READER, what, "leave it out, and tell us of it")


def _broken(id: str, where: str, defect: Defect, what: str, remedy: str) -> Reading:
    return refused(id, InvalidTune(where, defect, " ".join(what.split()), remedy))


def refused(id: str, error: InvalidTune) -> Reading:
    """A tune that is not taken in, and why."""
    return Reading(id, defect=error.defect, reason=str(error))


def _read_midi(unit: Unit, min_notes: int) -> list[Reading]:
    read = partial(read_midi, _path(unit), min_notes)
    return [_tune(unit.id, min_notes, read, _called(unit))]


def _read_letters(unit: Unit, min_notes: int) -> list[Reading]:
    return [_tune(unit.id, min_notes, partial(read_letters, _path(unit)), _called(unit))]


def _read_guqin(unit: Unit, min_notes: int) -> list[Reading]:
    return [_tune(unit.id, min_notes, partial(read_guqin, _path(unit), _called(unit)))]


def _read_abc(unit: Unit, min_notes: int) -> list[Reading]:
    readings: list[Reading] = []
    seen: dict[str, int] = {}
    for tune in split_tunes(decode(bytes_of(_path(unit)))):
        seen[tune.number] = seen.get(tune.number, 0) + 1
        again = f"-{seen[tune.number]}" if seen[tune.number] > 1 else ""
        read = partial(read_one, tune, str(unit.path), _called(unit))
        readings.append(_tune(f"{unit.id}/{tune.number}{again}", min_notes, read))
    empty = InvalidTune(
        _path(unit), Defect.EMPTY, "holds no tune (no line begins with X:)", "check what kind of file it is"
    )
    return readings or [refused(unit.id, empty)]


def _compose(unit: Unit, min_notes: int) -> list[Reading]:
    assert unit.pieces is not None, "a composer's unit says which pieces"
    seed, first, count = unit.pieces
    rngs = {number: np.random.default_rng((seed, number)) for number in range(first, first + count)}
    return [_tune(f"{unit.id}/{number}", min_notes, partial(compose, rng)) for number, rng in rngs.items()]


def _read_midi_without_metre(unit: Unit, min_notes: int) -> list[Reading]:
    (reading,) = _read_midi(unit, min_notes)
    phrase = reading.phrase and replace(reading.phrase, metre=None)
    return [replace(reading, phrase=phrase)]


def _read_collected(read: Callable[[Path, str], list[CollectedTune]], unit: Unit, min_notes: int) -> list[Reading]:
    """The tunes of a file of a Thai collection; those with ลาว in their title are called what they are."""
    try:
        collected = read(_path(unit), THAI_CLASSICAL)
    except InvalidTune as error:
        return [refused(unit.id, error)]
    readings = []
    for tune in collected:
        id, called = f"{unit.id}/{tune.name}", LAO_ACCENT if "ลาว" in tune.name else ""
        if isinstance(tune.reading, InvalidTune):
            readings.append(refused(id, tune.reading))
        else:
            readings.append(_of(id, min_notes, tune.reading, called))
    return readings


_READERS: dict[Parser, Callable[[Unit, int], list[Reading]]] = {
    Parser.ABC: _read_abc,
    Parser.MIDI: _read_midi,
    Parser.LETTERS: _read_letters,
    Parser.COMPOSER: _compose,
    Parser.THAI_JSON: partial(_read_collected, read_thai_json),
    Parser.THM: partial(_read_collected, read_thm),
    Parser.MIDI_WITHOUT_METRE: _read_midi_without_metre,
    Parser.GUQIN: _read_guqin,
}


def _path(unit: Unit) -> Path:
    assert unit.path is not None, "only what is made has no file"
    return unit.path


def _called(unit: Unit) -> str:
    """What a tune of the file is called, where its source has one name for all."""
    return SOURCES[unit.source].names[0]
