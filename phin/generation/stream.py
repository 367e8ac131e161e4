"""A tune note by note, as it is drawn: for an hour, or for ever. No torch is needed.

Where it has no end, every step sees a window of rows, and the START row with what was asked for; motifs are recalled
from as many notes. So a note takes the same time and memory at the end as at the beginning. Musical time is counted in
whole steps from the beginning on, and the model's angles lose whole turns in whole numbers: nothing grows, and nothing
drifts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from phin.errors import InvalidConfig, PhinError
from phin.generation.choice import away_lines
from phin.generation.constraints import IS_STEP, MOST_REST, STEP_OF_ID, Constraint, MostNotes
from phin.generation.draw import draw_rows
from phin.generation.limits import FORBIDDEN, Heard, Limits
from phin.generation.play import Engine, ending, first_rows, refuse_no_rhythm, refuse_unlearned, scarcities
from phin.generation.request import SamplerConfig, TuneRequest, refuse_draw
from phin.generation.wishes import Wishes
from phin.music.augment import named
from phin.music.lai import label_lai
from phin.music.phrase import DURATION as DURATION_COLUMN
from phin.music.phrase import UNKNOWN, Inferred, Metre, Phrase, let_restruck_strings_stop, let_ring, rows_from_columns
from phin.tokenizer import (
    DURATION,
    END_ID,
    FIELDS,
    NUM_FIELDS,
    NUM_SYMBOLS,
    PITCH,
    STEP,
    TECHNIQUE,
    VELOCITY,
    VOICE,
    Encoded,
)

LET_IT_END = "take endless=false with it"
"""What makes sense of a wish that a tune without end cannot have."""
WINDOW = 256
"""Rows that a note of an endless tune is drawn from: some seventeen lines."""


class StreamedNote(NamedTuple):
    """A note as it is drawn; columns as in a Phrase's rows."""

    onset: int
    """In steps from the downbeat of the first full bar; a pickup's are negative."""
    duration: int
    pitch: int
    velocity: int
    technique: int
    voice: int
    log_probability: float
    """Of all its fields, in nats, as the model has it."""
    scarce: tuple[str, ...] = ()
    """Where less than `play.SCARCE` of a field's probability was left, in words."""
    left_out: float = 0.0
    """How much of its probability the constraints left out, in bits."""


@dataclass
class NeverSilent(Constraint):
    """Never rests longer than `MOST_REST`: what was heard cannot be drawn again."""

    def now(self, heard: Heard, limits: Limits) -> None:
        silent = heard.onset[:, None] + STEP_OF_ID > heard.until[:, None] + MOST_REST
        limits.step[silent & IS_STEP] = FORBIDDEN


@dataclass
class Endless(NeverSilent):
    """Never ends, and never falls silent."""

    def always(self, limits: Limits) -> None:
        limits.step[:, END_ID] = FORBIDDEN


def stream(
    engine: Engine,
    request: TuneRequest,
    seed: int,
    sampler: SamplerConfig | None = None,
    constraints: Sequence[Constraint] = (),
    begins: Encoded | None = None,
    window: int | None = None,
    on_note: Callable[[StreamedNote], None] | None = None,
) -> Iterator[StreamedNote]:
    """The notes of tune 0 of a seed, each as soon as it is drawn, and before the next one is.

    Without end, unless a constraint says when (`Length`, or `play.length_of(request)`). `begins` as in `play`; its
    notes are not told again. A note is drawn from `window` rows; where None are said, from `WINDOW` of a tune without
    end, and from all of another, which so is the one that `play` draws. `on_note` is called with each. Notes that
    nobody knows the duration of have UNKNOWN. Raises PhinError as `play` does, for a length that is asked for where no
    constraint says when it ends, and for a beginning that is longer than the window.
    """
    refuse_draw(1, seed)
    refuse_no_rhythm(engine)
    refuse_unlearned(engine.about, sampler)
    if window is not None and window < 1:
        raise InvalidConfig(f"window={window}", "holds no row", f"take {WINDOW}, or None")
    if all(constraint.latest is None for constraint in constraints):
        refuse_length(request, "give it a constraint that says when, as phin.generation.play.length_of(request)")
        window = WINDOW if window is None else window
    if begins is not None and window is not None:
        refuse_more_than_is_heard(len(begins.ids) - 1, window)
    streams = request.streams(engine.about.tokenizer)
    kept_to = ending(constraints, Endless())
    rows = first_rows(request, streams, 1, kept_to, begins)
    onset, number = int(rows.onset[0, -1]), len(begins.ids) - 1 - begins.given if begins is not None else 0
    step = engine.step(1, sampler or SamplerConfig(), streams, window)
    for drawn in draw_rows(step, rows, kept_to, seed, [0], most_rows=None, memory=window):
        ids = drawn.ids[0]
        if ids[STEP] == END_ID:
            return
        onset += int(ids[STEP]) - NUM_SYMBOLS
        number += 1
        left = drawn.allowed[-1, 0]
        scarce, left_out = tuple(scarcities(number, left)), max(float(-np.log2(left).sum()), 0.0)
        note = StreamedNote(onset, *values_of(ids), float(drawn.log_probability.sum()), scarce, left_out)
        if on_note is not None:
            on_note(note)
        yield note


def refuse_more_than_is_heard(notes: int, window: int = WINDOW) -> None:
    """Raises PhinError where a tune is to go on from more notes than it is drawn from."""
    if notes > window:
        reason = f"has {notes} notes, and what goes on from it is drawn from {window}"
        raise PhinError("the given tune", reason, "give its last lines alone")


def refuse_length(request: TuneRequest, remedy: str) -> None:
    """Raises InvalidConfig where a tune without end is asked to be so long."""
    for name in ("lines", "hong", "about"):
        if (value := getattr(request, name)) != getattr(TuneRequest, name):
            raise InvalidConfig(f"{name}={value}", "means nothing for a tune without end", remedy)


def refuse_waiting_for_an_end(wishes: Wishes, remedy: str) -> None:
    """Raises InvalidConfig where something is wished of a tune without end that only one with an end can have."""
    if wishes.tonic:
        raise InvalidConfig("keep.tonic=true", "means nothing for a tune without end", remedy)
    if wishes.drone:
        reason = "cannot be struck under a tune that is not over"
        raise InvalidConfig("keep.drone=true", reason, f"play the drone beside it, or {remedy}")


def phrase_of(notes: Iterable[StreamedNote], metre: Metre | None = None, begins: Phrase | None = None) -> Phrase:
    """What was streamed so far as a phrase, its notes as long as they were drawn; unknown durations ring as letters do.

    `begins` is the tune that they go on from, if they do: it comes first. A pitch that is struck again stops first, as
    in `Tokenizer.decode`. Raises ValueError for no notes.
    """
    columns = np.array([note[:NUM_FIELDS] for note in notes], dtype=np.int64)
    if not len(columns):
        raise ValueError("no note was streamed")
    is_unknown = bool((columns[:, DURATION_COLUMN] == UNKNOWN).any())
    inferred = frozenset({Inferred.DURATION} if is_unknown else ())
    if begins is not None:
        columns, inferred = np.concatenate([begins.rows, columns]), inferred | begins.inferred
    return Phrase(let_restruck_strings_stop(let_ring(rows_from_columns(*columns.T))), metre, inferred=inferred)


def tune_of(notes: Iterable[StreamedNote], request: TuneRequest, seed: int, begins: Phrase | None = None) -> Phrase:
    """What was streamed of a request, after what it `begins` with, named and as fast as `play` would have it. Raises
    ValueError for no notes.
    """
    phrase = phrase_of(notes, Metre.parse(request.metre), begins)
    return replace(named(phrase, label_lai(phrase)), tempo=request.written_tempo, title=f"phin {seed}-1")


def away_of(notes: Sequence[StreamedNote], is_bound: bool) -> list[str]:
    """How far constraints took what was streamed from the model, a line each (`choice.away_lines`)."""
    left_out = sum(note.left_out for note in notes) / max(len(notes), 1)
    return away_lines(left_out, [line for note in notes for line in note.scarce], is_bound)


def without_end(constraints: Sequence[Constraint]) -> list[Constraint]:
    """What a tune without end keeps to: of a pace, nothing that waits for its last stroke."""
    return [MostNotes(each.least_steps) if isinstance(each, MostNotes) else each for each in constraints]


def values_of(ids: Int[np.ndarray, " field"]) -> tuple[int, int, int, int, int]:
    """Duration, pitch, velocity, technique and voice of a row that was drawn, as a Phrase's columns have them."""
    duration, pitch, velocity, technique, voice = (
        int(ids[field]) - NUM_SYMBOLS + FIELDS[field].lowest if ids[field] >= NUM_SYMBOLS else UNKNOWN
        for field in (DURATION, PITCH, VELOCITY, TECHNIQUE, VOICE)
    )
    return duration, pitch, velocity, technique, voice
