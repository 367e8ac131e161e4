"""A tune note by note, as it is drawn: for an hour, or for ever. No torch is needed.

Where it has no end, a note is drawn from what was asked for, the first verse and the latest ones, told as one tune
(`phin.generation.verses`). So a note takes the same time and memory at the end as at the beginning, and the tune stays
what it was.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from phin.errors import InvalidConfig
from phin.generation.choice import away_lines
from phin.generation.constraints import IS_STEP, MOST_REST, STEP_OF_ID, Constraint, MostNotes
from phin.generation.draw import draw_rows
from phin.generation.limits import FORBIDDEN, Heard, Limits
from phin.generation.play import (
    Engine,
    ending,
    first_rows,
    refuse_no_rhythm,
    refuse_unlearned,
    scarcities,
    start_of,
)
from phin.generation.request import SamplerConfig, TuneRequest, refuse_draw
from phin.generation.verses import gone_on, is_full, latest, verse_of
from phin.generation.wishes import Wishes
from phin.music.augment import named
from phin.music.lai import label_lai
from phin.music.phrase import DURATION as DURATION_COLUMN
from phin.music.phrase import UNKNOWN, Inferred, Metre, Phrase, let_restruck_strings_stop, let_ring, rows_from_columns
from phin.tokenizer import (
    DURATION,
    END_ID,
    FIELDS,
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

    @property
    def row(self) -> tuple[int, int, int, int, int, int]:
        """As a Phrase has it."""
        return self.onset, self.duration, self.pitch, self.velocity, self.technique, self.voice


@dataclass
class NeverSilent(Constraint):
    """Never rests longer than `MOST_REST`: what was heard cannot be drawn again. Strokes that must be `least_steps`
    apart may be so.
    """

    least_steps: int = 0

    def now(self, heard: Heard, limits: Limits) -> None:
        latest = np.maximum(heard.until + MOST_REST, heard.onset + self.least_steps)
        silent = heard.onset[:, None] + STEP_OF_ID > latest[:, None]
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
    on_note: Callable[[StreamedNote], None] | None = None,
) -> Iterator[StreamedNote]:
    """The notes of tune 0 of a seed, each as soon as it is drawn, and before the next one is.

    Without end, unless a constraint says when (`Length`, or `play.length_of(request)`); one that has an end is the one
    that `play` draws. `begins` as in `play`; its notes are not told again, and where there is no end its first verse is
    the theme. `on_note` is called with each. Notes that nobody knows the duration of have UNKNOWN. Raises PhinError as
    `play` does, and for a length that is asked for where no constraint says when it ends.
    """
    refuse_draw(1, seed)
    refuse_no_rhythm(engine)
    refuse_unlearned(engine.about, sampler)
    is_endless = all(constraint.latest is None for constraint in constraints)
    if is_endless:
        refuse_length(request, "give it a constraint that says when, as phin.generation.play.length_of(request)")
    streams = request.streams(engine.about.tokenizer)
    kept_to = ending(constraints, Endless(least_steps(constraints)))
    heard, moved, num_drawn = begins or start_of(request), 0, 0
    verse, number = verse_of(heard.bar), len(heard.ids) - 1 - heard.given
    while True:
        if is_endless:
            heard, by = latest(heard, verse)
            moved += by
        rows = first_rows(request, streams, 1, kept_to, heard)
        step, onset, new = engine.step(1, sampler or SamplerConfig(), streams), int(heard.onset[-1]), []
        for drawn in draw_rows(step, rows, kept_to, seed, [0], most_rows=None, first_row=num_drawn):
            ids = drawn.ids[0]
            if ids[STEP] == END_ID:
                return
            new.append(ids)
            onset += int(ids[STEP]) - NUM_SYMBOLS
            number += 1
            left = drawn.allowed[-1, 0]
            scarce, left_out = tuple(scarcities(number, left)), max(float(-np.log2(left).sum()), 0.0)
            log_probability = float(drawn.log_probability.sum())
            note = StreamedNote(onset + moved, *values_of(ids), log_probability, scarce, left_out)
            if on_note is not None:
                on_note(note)
            yield note
            if is_endless and is_full(onset, verse):
                break
        heard, num_drawn = gone_on(heard, new), num_drawn + len(new)


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
    columns = np.array([note.row for note in notes], dtype=np.int64)
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


def least_steps(constraints: Sequence[Constraint]) -> int:
    """How far strokes must be apart at least, to keep to a pace that is asked for; 0 where none is."""
    return max((each.least_steps for each in constraints if isinstance(each, MostNotes)), default=0)


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
