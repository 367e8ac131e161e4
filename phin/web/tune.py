"""A tune as JSON, and back: what every answer with music holds, and what a request may give."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phin.errors import InvalidTune, PhinError
from phin.music.fingering import Unplayable, finger
from phin.music.fretboard import Tuning, tuning_of
from phin.music.grid import begin_of, hong_of
from phin.music.lai import LAI, NO_LAI
from phin.music.notation import format_letters
from phin.music.paper import for_paper
from phin.music.phrase import UNKNOWN, Inferred, Metre, Phrase, Voice, let_ring, rows_from_columns
from phin.music.tablature import format_tablature
from phin.music.technique import FACTS, word

FARTHEST = 24 * 60 * 400
"""Steps: an hour at the fastest tempo, 400 hong a minute. What lies farther from the beginning is no tune."""
LONGEST_TITLE = 200
TECHNIQUES = {word(technique): technique for technique in FACTS}
_WORDS = {int(technique): name for name, technique in TECHNIQUES.items()}
"""A column has room for more techniques than have names."""
Words = Annotated[str, Field(max_length=LONGEST_TITLE)]


class Strict(BaseModel):
    """What is refused where it has a key that nobody knows, or a value of another kind."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Note(Strict):
    """A note. Times are in steps, 24 a hong (a quarter), from the downbeat of the first full bar."""

    onset: int = Field(ge=-FARTHEST, le=FARTHEST)
    """When it is struck; in a pickup below 0."""
    duration: int | None = Field(None, ge=1, le=FARTHEST)
    """How long it sounds; null where nobody knows, and it rings until its voice is struck again."""
    pitch: int = Field(ge=0, le=127)
    """A MIDI number."""
    velocity: int | None = Field(None, ge=1, le=127)
    """How loud, as in MIDI; null where nobody knows."""
    technique: str | None = None
    """How it is played, by a name of `about.techniques`; null where nobody has said."""
    voice: Literal["melody", "accompaniment"] = "melody"
    """Drones and the lower notes of strums are accompaniment."""
    string: int | None = None
    """Where a hand plays it, the highest string being 1; null where no hand can. Told, and not read."""
    fret: int | None = None
    """0 for the open string. Told, and not read."""


class Tune(Strict):
    """A tune, and its page."""

    title: Words = ""
    metre: Words | None = None
    """As 2/4; null where nobody has said."""
    tempo: float | None = Field(None, ge=1, le=1000)
    """Hong a minute; null where nobody has said."""
    lai: str | None = None
    """Its mode by a name of `about.lai`, `none` where it is in no lai, null where nobody has said."""
    source: Words | None = None
    """The collection it comes from."""
    tuning: Words | None = None
    """Low string first, as E-A-E; null where nobody has said, and strings and frets are those of E-A-E."""
    drone: list[Annotated[int, Field(ge=0, le=127)]] = Field([], max_length=8)
    """The pitches that drone."""
    inferred: list[Literal["onset", "duration", "octave"]] = Field([], max_length=3)
    """What of its notes nobody wrote down and was made up to play it."""
    begins: int = 0
    """The step at which hong 1 of the page begins. Told, and not read."""
    num_hong: int = 0
    """How many hong its page has. Told, and not read."""
    notes: list[Note]
    """In the order in which they are struck."""
    letters: str | None = None
    """The page in Thai letters, as phin's own file; null where none can hold it. Told, and not read."""
    tablature: str | None = None
    """The page in tablature, as phin's own file; null where none can hold it. Told, and not read."""
    said: list[str] = []
    """What was changed or is amiss, a line each. Told, and not read."""


def to_json(phrase: Phrase, said: Sequence[str] = ()) -> Tune:
    """A phrase as a tune, with its page and the fingering of the whole; what could not be had is said."""
    lines = list(said)
    string, fret = [None] * len(phrase), [None] * len(phrase)
    try:
        fingering = finger(phrase, tuning_of(phrase))
        string, fret = fingering.string.tolist(), fingering.fret.tolist()
    except PhinError as error:
        lines.append(f"no fingering: {error.reason}")
    begins = begin_of(phrase)
    try:
        return _tune(phrase, string, fret, begins, lines)
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"has a {first['loc'][-1]} that no tune has: {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise PhinError(phrase.title or "tune", reason, "take a part of it") from None


def _tune(
    phrase: Phrase, string: Sequence[int | None], fret: Sequence[int | None], begins: int, said: list[str]
) -> Tune:
    return Tune(
        title=phrase.title[:LONGEST_TITLE],
        metre=str(phrase.metre) if phrase.metre else None,
        tempo=60e6 / phrase.tempo if phrase.tempo else None,
        lai=phrase.lai,
        source=phrase.source[:LONGEST_TITLE] or None,
        tuning=phrase.tuning,
        drone=list(phrase.drone),
        inferred=[each.value for each in Inferred if each in phrase.inferred],
        begins=begins,
        num_hong=hong_of(phrase, begins),
        notes=[
            note_of(row, *place) for row, *place in zip(phrase.rows.tolist(), string, fret, strict=True)
        ],
        letters=_page(phrase, ".txt", said),
        tablature=_page(phrase, ".tab", said),
        said=said,
    )  # fmt: skip


def note_of(row: Sequence[int], string: int | None, fret: int | None) -> Note:
    """A row of a phrase as a note."""
    onset, duration, pitch, velocity, technique, voice = row
    return Note(
        onset=onset,
        duration=None if duration == UNKNOWN else duration,
        pitch=pitch,
        velocity=None if velocity == UNKNOWN else velocity,
        technique=_WORDS.get(technique),
        voice="melody" if voice == Voice.MELODY else "accompaniment",
        string=string,
        fret=fret,
    )


def to_phrase(tune: Tune) -> Phrase:
    """The phrase that a tune says. Raises PhinError where it is none."""
    where = _in_one_line(tune.title) or "tune"
    if tune.lai not in (known := [None, NO_LAI, *(lai.name for lai in LAI)]):
        remedy = f"take one of {', '.join(filter(None, known))}"
        raise PhinError(where, f"is in a lai {tune.lai!r} that nobody knows", remedy)
    if tune.tuning is not None:
        Tuning.parse(tune.tuning)
    metre = Metre.parse(tune.metre) if tune.metre is not None else None
    if metre is not None and not (metre.numerator <= 99 and metre.denominator in (1, 2, 4, 8, 16, 32)):
        raise PhinError(where, f"has a metre {tune.metre!r} that no tune has", "write one such as 2/4, 3/4 or 6/8")
    for number, note in enumerate(tune.notes, 1):
        if note.technique not in (None, *TECHNIQUES):
            reason = f"note {number} has a technique {note.technique!r} that nobody knows"
            raise PhinError(where, reason, f"take one of {', '.join(TECHNIQUES)}")
    columns = np.array([_row(note) for note in tune.notes], np.int64).reshape(-1, 6)
    inferred = {Inferred(each) for each in tune.inferred}
    if (columns[:, 1] == UNKNOWN).any():
        inferred.add(Inferred.DURATION)
    try:
        return Phrase(
            let_ring(rows_from_columns(*columns.T)),
            metre=metre,
            tempo=round(60e6 / tune.tempo) if tune.tempo else None,
            lai=tune.lai,
            title=_in_one_line(tune.title),
            source=_in_one_line(tune.source or ""),
            tuning=tune.tuning,
            drone=tuple(tune.drone),
            inferred=frozenset(inferred),
        )
    except ValueError as error:
        reason = str(error).rpartition(": ")[2]
        raise PhinError(where, reason, "let each note end before its pitch is struck again") from None


def _in_one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _row(note: Note) -> tuple[int, ...]:
    technique = UNKNOWN if note.technique is None else int(TECHNIQUES[note.technique])
    voice = Voice.MELODY if note.voice == "melody" else Voice.ACCOMPANIMENT
    known = (UNKNOWN if value is None else value for value in (note.duration, note.pitch, note.velocity))
    return note.onset, *known, technique, voice


def _page(phrase: Phrase, ending: str, said: list[str]) -> str | None:
    """The page of an ending, if one can hold the tune; what was changed for it is said."""
    if not phrase.is_melody.any():
        return None
    try:
        shown, changes = for_paper(replace(phrase, words=()), ending)
        page = format_letters(shown) if ending == ".txt" else format_tablature(shown)
    except (InvalidTune, Unplayable) as error:
        said.append(f"{ending[1:]}: not written: {error.reason}")
        return None
    said += [f"{ending[1:]}: {change}" for change in changes]
    return page
