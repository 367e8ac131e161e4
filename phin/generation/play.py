"""New tunes: exact in length, seeded, many at once. No torch is needed: an Engine says what draws them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from tqdm import tqdm

from phin.errors import InvalidConfig, PhinError
from phin.generation.constraints import AboutLength, Chords, ComesTo, Constraint, Length
from phin.generation.draw import Step, draw_rows
from phin.generation.request import SamplerConfig, Stream, TuneRequest, refuse_draw
from phin.generation.rows import Rows, beginning
from phin.music.augment import named
from phin.music.lai import label_lai
from phin.music.phrase import DURATION, HONG_PER_LINE, ONSET, STEPS_PER_HONG, Metre, Phrase
from phin.tokenizer import END_ID, FIELDS, NO_CLOSING, NUM_FIELDS, START_ID, STEP, Encoded, Tokenizer, first_origin

BATCH = 64
"""Tunes drawn side by side; which ones changes none of them."""
ALL = "all"
SCARCE = 1e-3
"""With less of the model's probability left than this, what is drawn says little of the model."""
MOST_NOTES_A_HONG = 12
"""A tune denser than this on average is going nowhere, and is drawn again."""
DRAWN_AGAIN = 4
"""So often in all a tune is drawn that does not come to its end; the others beside it stay as they are."""
AGAIN = 2**28
"""What is added to a tune's number when it is drawn again: more than any number that `choose` draws of."""


@runtime_checkable
class About(Protocol):
    """What there is to know of a model before it draws: a checkpoint's Identity, or an exported one's Manifest."""

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def licence(self) -> str: ...

    @property
    def corpus(self) -> str:
        """What it learned from."""
        ...

    @property
    def corpus_fingerprint(self) -> str: ...

    @property
    def adapted_from(self) -> str:
        """The corpus that it learned from before, and its fingerprint; empty where there was none."""
        ...

    @property
    def learned_fields(self) -> tuple[bool, ...]:
        """Which fields of a row had labels to learn from."""
        ...


def learned_from(about: About) -> list[str]:
    """The fingerprints of the corpora that a model learned from, the last one first."""
    return [about.corpus_fingerprint, *about.adapted_from.split()[-1:]]


@runtime_checkable
class Engine(Protocol):
    """A model that can draw: torch's, or an exported one."""

    @property
    def about(self) -> About: ...

    def step(self, count: int, sampler: SamplerConfig, streams: Sequence[Stream], window: int | None = None) -> Step:
        """What draws the rows of `count` tunes from the first to the last, from several styles at once."""
        ...


class Played(NamedTuple):
    """A tune, and what it cost to keep to what was asked."""

    phrase: Phrase
    log_probability: float
    """Of all that was drawn, in nats, as the model has it: before constraints, temperature and filters, and after
    guidance and blending, so of the style that it was drawn in."""
    left_out: dict[str, float]
    """By constraint, and for `ALL` of them, how far off the model's own tunes it is: bits a note, the logarithm of the
    probability that was left; what was made dearer, and not forbidden, counts for nothing. Masking is not conditioning:
    the model draws as if what comes later were free."""
    scarce: tuple[str, ...]
    """Where less than `SCARCE` of a field's probability was left, in words."""
    num_drawn: int
    """Notes that were drawn: all of the phrase but those that it began with."""
    log_ending: float = 0.0
    """Of the end where it came, in nats, as the model has it: how much the tune sounds as if it were over there. 0 of
    hong in the middle of a tune."""


def play(
    engine: Engine,
    request: TuneRequest,
    count: int | Sequence[int],
    seed: int,
    sampler: SamplerConfig | None = None,
    progress: bool = False,
    constraints: Sequence[Constraint] = (),
    begins: Encoded | None = None,
) -> list[Played]:
    """`count` new tunes, from number 0 on, or those of the numbers given. Tune k is a function of (engine, request,
    sampler, constraints, begins, seed, k) alone.

    `begins` are the rows that each begins with, START first; none, if it is not given. What of them is `given` is heard
    and is no part of the tune. A tune is as long as the request says, unless a constraint says when it ends. It names
    the lai that its notes are in, which need not be the one that was asked for. A model that never learned how long
    notes last lets them ring, as letters do. Raises PhinError for one that never learned when they begin, for the
    temperature of a field that it never learned, where constraints leave nothing to draw, and where a tune does not
    come to its end, however often it is drawn.
    """
    wanted = range(count) if isinstance(count, int) else count
    refuse_draw(len(wanted), seed)
    refuse_no_rhythm(engine)
    refuse_unlearned(engine.about, sampler)
    streams = request.streams(engine.about.tokenizer)
    kept_to = ending(constraints, length_of(request, begins))
    latest = min(constraint.latest for constraint in kept_to if constraint.latest is not None)
    most_rows = MOST_NOTES_A_HONG * (HONG_PER_LINE + latest // STEPS_PER_HONG)
    is_over = not goes_on_as_given(kept_to)
    played = np.zeros((0, NUM_FIELDS), np.int64) if begins is None else begins.ids[begins.given + 1 :]
    tunes: list[Played] = []

    def draw(numbers: Sequence[int]) -> list[Played | None]:
        """Tunes of these numbers; None for one that did not come to its end."""
        rows = first_rows(request, streams, len(numbers), kept_to, begins)
        step = engine.step(len(numbers), sampler or SamplerConfig(), streams)
        drawn = list(draw_rows(step, rows, kept_to, seed, numbers, most_rows))
        ids, chances, allowed = (np.stack(column) for column in zip(*drawn, strict=True))
        found = list[Played | None]()
        for place, is_end in enumerate((ids[:, :, STEP] == END_ID).T):
            if not is_end.any():
                found.append(None)
                continue
            phrase = _tune(np.concatenate([played, ids[:, place]]), engine.about.tokenizer, request)
            until = int(is_end.argmax()) + is_over  # rows, the end among them if it is one
            found.append(_played(phrase, len(played), chances[:until, place], allowed[:until, :, place], kept_to))
        return found

    quiet = not progress or len(wanted) <= BATCH
    for first in tqdm(range(0, len(wanted), BATCH), "drawing", unit="batch", disable=quiet):
        numbers = wanted[first : first + BATCH]
        found = draw(numbers)
        for again in range(1, DRAWN_AGAIN):
            if endless := [place for place, tune in enumerate(found) if tune is None]:
                for place, tune in zip(endless, draw([numbers[k] + again * AGAIN for k in endless]), strict=True):
                    found[place] = tune
        for number, tune in zip(numbers, found, strict=True):
            if tune is None:
                reason = (
                    f"was drawn {DRAWN_AGAIN} times, over {MOST_NOTES_A_HONG} notes a hong, and did not come to its end"
                )
                remedy = "bind its pace, as keep.most_notes=4, or train the model longer"
                raise PhinError(f"seed {seed}, tune {number + 1}", reason, remedy)
            tunes.append(tune._replace(phrase=replace(tune.phrase, title=f"phin {seed}-{number + 1}")))
    return tunes


def goes_on_as_given(constraints: Sequence[Constraint]) -> bool:
    """Whether what is drawn ends before a note that stays, and so with no end of a tune."""
    return any(isinstance(constraint, ComesTo) for constraint in constraints)


def ending(constraints: Sequence[Constraint], length: Constraint) -> list[Constraint]:
    """The constraints, before them `Chords`, and the length where none of them says when a tune ends."""
    is_open = all(constraint.latest is None for constraint in constraints)
    return [*([length] if is_open else []), Chords(), *constraints]


def length_of(request: TuneRequest, begins: Encoded | None = None) -> Constraint:
    """What says when a tune of this request ends, that goes on after what it `begins` with."""
    last = request.last_stroke
    if not request.about:
        return Length(last)
    if begins is None:
        return AboutLength(last, last + STEPS_PER_HONG * (request.num_hong // 2), request.about)
    after = int(begins.onset[-1])
    return AboutLength(last, last + max(last - after, 0) // 2, request.about, after)


def refuse_no_rhythm(engine: Engine) -> None:
    """Raises PhinError for a model that never learned when notes begin."""
    if not engine.about.learned_fields[STEP]:
        reason = f"was trained on {engine.about.corpus}, where nobody wrote the rhythm down, and knows none"
        raise PhinError("model", reason, "train it with tunes among the others whose rhythm is written")


def refuse_unlearned(about: About, sampler: SamplerConfig | None) -> None:
    """Raises InvalidConfig for the temperature of a field that the model never learned, and so does not draw; and for
    one of all fields where each that is drawn has its own.
    """
    drawn = [field.name for field, learned in zip(FIELDS, about.learned_fields, strict=True) if learned]
    if sampler and sampler.temperature != SamplerConfig.temperature and sampler.temperatures.keys() >= set(drawn):
        reason = "means nothing: each field that is drawn has its own in sampler.temperatures"
        raise InvalidConfig(f"sampler.temperature={sampler.temperature}", reason, "leave it out")
    for name, value in sampler.temperatures.items() if sampler else ():
        if not about.learned_fields[[field.name for field in FIELDS].index(name)]:
            reason = f"means nothing: the model learned from {about.corpus}, which says nothing of {name}"
            raise InvalidConfig(f"sampler.temperatures.{name}={value}", reason, "leave it out")


def _played(
    phrase: Phrase,
    given: int,
    log_probability: Float[np.ndarray, "row 6"],
    allowed: Float[np.ndarray, "row constraint 6"],
    constraints: Sequence[Constraint],
) -> Played:
    """What is told of a phrase whose first `given` notes were not drawn, from the rows that were; the last is the end,
    unless it goes on as it was given.
    """
    num_notes = len(log_probability) - (not goes_on_as_given(constraints))
    names = [*(type(constraint).__name__ for constraint in constraints), ALL]
    bits = -np.log2(allowed).sum(axis=(0, 2)) / max(len(phrase) - given, 1)
    left_out = dict.fromkeys(names, 0.0)
    for name, value in zip(names, bits.tolist(), strict=True):
        left_out[name] += max(value, 0.0)
    left = allowed[:num_notes, -1]
    hard = np.flatnonzero(left.min(axis=1) < SCARCE)
    scarce = [said for row in hard.tolist() for said in scarcities(given + row + 1, left[row])]
    ending = float(log_probability[num_notes:].sum())
    return Played(phrase, float(log_probability.sum()), left_out, tuple(scarce), num_notes, ending)


def scarcities(note: int, left: Float[np.ndarray, " field"]) -> list[str]:
    """Of which fields of a note constraints left less than `SCARCE` of the model's probability, in words."""
    return [f"note {note}: {left[field]:.2g} of its {FIELDS[field].name}" for field in np.flatnonzero(left < SCARCE)]


def first_rows(
    request: TuneRequest,
    streams: Sequence[Stream],
    count: int,
    constraints: Sequence[Constraint],
    begins: Encoded | None = None,
) -> Rows:
    """What `count` tunes of a request begin with: the same rows each, START alone where none are given. When their last
    stroke comes is told as the beginning says, or else as the constraints do.
    """
    begins = begins or start_of(request)
    if begins.closing == NO_CLOSING:
        said = (each.closing for each in constraints if each.closing is not None)
        begins = replace(begins, closing=next(said, NO_CLOSING))
    return beginning([begins] * count, np.tile(streams[0].conditions, (count, 1)))


def start_of(request: TuneRequest) -> Encoded:
    """A tune before its first note."""
    metre = Metre.parse(request.metre)
    return Encoded(np.full((1, NUM_FIELDS), START_ID), np.array([first_origin(metre)]), metre.bar)


def _tune(ids: Int[np.ndarray, "row 6"], tokenizer: Tokenizer, request: TuneRequest) -> Phrase:
    """The phrase that rows say, as it was asked for."""
    tune = ring_out(tokenizer.decode(ids, Metre.parse(request.metre)))
    return replace(named(tune, label_lai(tune)), tempo=request.written_tempo)


def ring_out(phrase: Phrase) -> Phrase:
    """The phrase with its last stroke ringing one hong, as in Thai letters, and nothing ringing longer."""
    last_stroke = int(phrase.onset.max())
    rows, end = phrase.rows.copy(), last_stroke + STEPS_PER_HONG
    rows[:, DURATION] = np.minimum(rows[:, DURATION], end - rows[:, ONSET])
    rows[rows[:, ONSET] == last_stroke, DURATION] = STEPS_PER_HONG
    return replace(phrase, rows=rows)
