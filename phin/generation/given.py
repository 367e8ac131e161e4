"""A tune that is given, and what is to be done with it. No torch is needed.

`continue`: it is played on. `decorate`: its strong strokes stay (slot 4 of each hong, ลูกตก among them), the rest is
played anew, which is our understanding of how players vary a tune: no source describes it for the phin. `rhythm`: its
strokes stay, on other pitches. `rewrite`: some hong are played anew, and the rest stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Bool

from phin.errors import InvalidConfig, PhinError
from phin.generation.constraints import ComesTo, Constraint, GivenNotes, Length, OnlyMelody, Rhythm
from phin.generation.request import MOST_LINES, Style, TuneRequest
from phin.generation.wishes import Wishes
from phin.music.augment import named
from phin.music.grid import begin_of, hong_of
from phin.music.lai import label_lai, lai_named
from phin.music.phrase import (
    DURATION,
    HIGHEST_PITCH,
    HONG_PER_LINE,
    LOWEST_PITCH,
    ONSET,
    PITCH,
    STEPS_PER_HONG,
    Column,
    Inferred,
    Phrase,
    let_restruck_strings_stop,
)
from phin.music.readers import read_tune
from phin.tokenizer import METRES, Encoded, Tokenizer, density

LONGEST = 1024
"""Notes of a given tune at most: beyond them no model was measured."""


class Use(Enum):
    """What is done with a tune that is given."""

    CONTINUE = "continue"
    DECORATE = "decorate"
    RHYTHM = "rhythm"
    REWRITE = "rewrite"


@dataclass(frozen=True)
class Given:
    """A tune and what is to be done with it. `hong` are those to rewrite, the first and the last, counted from 1."""

    phrase: Phrase
    use: Use
    hong: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        where, phrase = self.where, self.phrase
        if len(phrase) > LONGEST or not phrase.is_melody.any():
            reason = f"has {len(phrase)} notes, {int(phrase.is_melody.sum())} of them of a melody"
            raise PhinError(where, reason, f"give a tune of 1 to {LONGEST}")
        if Inferred.ONSET in phrase.inferred:
            reason = "is in a shorthand that leaves its rhythm out"
            raise PhinError(where, reason, "write it with hyphens, in hong of four slots")
        if phrase.metre is not None and phrase.metre not in METRES:
            raise PhinError(where, f"is in {phrase.metre}, which the model does not know", "write it in another metre")
        self._refuse_what_no_row_holds(where)
        if (self.use is Use.REWRITE) != (self.hong is not None):
            raise InvalidConfig(
                "rewrite", "goes with use=rewrite, and use=rewrite with it", "say which hong: rewrite=3-6"
            )
        if self.hong is None:
            return
        first, last = self.hong
        asked = f"rewrite={first}" if first == last else f"rewrite={first}-{last}"
        if last < first:
            raise InvalidConfig(asked, "is the wrong way round", f"write rewrite={last}-{first}")
        if not 1 <= first <= last <= self.num_hong:
            raise InvalidConfig(asked, f"{where} has hong 1 to {self.num_hong}", "take some of these, as rewrite=3-6")
        if self._stays.all():
            reason = f"{where} has no melody note there, so there is nothing to play anew"
            raise InvalidConfig(asked, reason, "take hong that hold some")

    def _refuse_what_no_row_holds(self, where: str) -> None:
        """Raises PhinError for a rest that its rhythm would need, or a note that stays, and that no row can hold. What
        it begins with is refused when it is encoded (`beginning`).
        """
        melody = self.phrase.melody
        if self.use is Use.RHYTHM:
            struck = melody.rows[np.unique(melody.onset, return_index=True)[1]].copy()
            struck[:, [DURATION, PITCH]] = 1, LOWEST_PITCH
            Tokenizer().encode(replace(melody, rows=struck, title=where))
        if self.use is Use.DECORATE:
            for pitch in melody.pitch[self._stays].tolist():
                if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
                    reason = f"has pitch {pitch} where a note stays, and {LOWEST_PITCH} to {HIGHEST_PITCH} can be held"
                    raise PhinError(where, reason, "move it by whole octaves first")

    @property
    def where(self) -> str:
        """What it is called where something is wrong with it: its title, which may be any words."""
        return f"'{self.phrase.title}'" if self.phrase.title else "the given tune"

    @property
    def num_hong(self) -> int:
        """How many hong the tune's page has."""
        return hong_of(self.phrase, begin_of(self.phrase))

    def request(self, request: TuneRequest) -> TuneRequest:
        """The request, in the metre and tempo of the tune and as long as what is made of it.

        Raises InvalidConfig where it asks for another metre, or for a length that the tune has already.
        """
        where = self.where
        metre = str(self.phrase.metre) if self.phrase.metre else request.metre
        if request.metre not in (TuneRequest.metre, metre):
            raise InvalidConfig(f"metre={request.metre}", f"{where} is in {metre}", "leave it out")
        for name in ("lines", "hong", "about"):
            value = getattr(request, name)
            if self.use is not Use.CONTINUE and value != getattr(TuneRequest, name):
                reason = f"means nothing with use={self.use.value}: {where} says how long it is"
                raise InvalidConfig(f"{name}={value}", reason, "leave it out")
        lines = -(-self.num_hong // HONG_PER_LINE)
        # the other style alone says its tempo itself, and another beside it is refused
        is_otherwise_said = request.blend == 1 and request.other.tempo is not None
        own = 60e6 / self.phrase.tempo if self.phrase.tempo and not is_otherwise_said else None
        tempo = request.tempo or own
        room = MOST_LINES - lines
        if room < (self.use is Use.CONTINUE):
            raise PhinError(where, f"has {lines} lines already", f"give a tune of fewer than {MOST_LINES}")
        hong = None
        if self.use is Use.CONTINUE and request.hong is not None:
            hong, most = self.num_hong + request.hong, MOST_LINES * HONG_PER_LINE
            if hong > most:
                reason = f"is too much after {where}, which has {self.num_hong}: {most} are the most in all"
                raise InvalidConfig(f"hong={request.hong}", reason, f"take 1 to {most - self.num_hong}")
            lines = TuneRequest.lines
        elif self.use is Use.CONTINUE:
            if request.lines > room:
                reason = f"is too much after {where}, which has {lines}: {MOST_LINES} are the most in all"
                raise InvalidConfig(f"lines={request.lines}", reason, f"take 1 to {room}")
            lines += request.lines
        return replace(request, lines=lines, hong=hong, metre=metre, tempo=tempo)

    def beginning(self, tokenizer: Tokenizer) -> Encoded | None:
        """The rows that a tune begins with, if it begins with some. Where hong are rewritten, what comes after them is
        told first (`Encoded.future_first`): of the notes of a line that saves 0.43 bits each (`experiments/infilling`).
        """
        if self.use not in (Use.CONTINUE, Use.REWRITE):
            return None
        encoded, given = tokenizer.encode(self.phrase), 0
        rows = len(self.phrase)
        if self.use is Use.REWRITE:
            encoded = encoded.closing_told()
            rows, later = np.searchsorted(self.phrase.onset, self._span).tolist()
            if 0 < later < len(self.phrase):
                encoded = encoded.future_first(later)
                given = encoded.given
        stop = given + 1 + rows
        return replace(encoded, ids=encoded.ids[:stop], onset=encoded.onset[:stop], given=given)

    @property
    def later_strokes(self) -> tuple[int, ...]:
        """At which steps notes must come that what is new comes before: those that stay, and the last one."""
        found = self.constraints()
        last = {each.last_stroke for each in found if isinstance(each, Length)}
        return tuple(sorted(last.union(*(dict(each.notes) for each in found if isinstance(each, GivenNotes)))))

    def constraints(self) -> list[Constraint]:
        """What a tune made of it keeps to, besides what else is wished."""
        melody = self.phrase.melody
        if self.use is Use.CONTINUE:
            return []
        if self.use is Use.RHYTHM:
            return [Rhythm(tuple(np.unique(melody.onset).tolist()))]
        last = int(melody.onset[-1])
        if self.use is Use.DECORATE:
            strong = melody.rows[melody.onset % STEPS_PER_HONG == 0].tolist()
            kept = {onset: pitch for onset, _, pitch, *_ in strong} | {last: int(melody.pitch[-1])}
            return [Length(last), GivenNotes(tuple(sorted(kept.items())))]
        later = melody.onset >= self._span[1]
        if not later.any():
            return [Length(last), OnlyMelody()]
        # what is new comes to the next note that stays; the rest of them need not be played to it again
        onset, pitch = int(melody.onset[later][0]), int(melody.pitch[later][0])
        return [ComesTo(onset), OnlyMelody(), GivenNotes(((onset, pitch),), free=self._span)]

    def finished(self, drawn: Phrase) -> Phrase:
        """What was drawn, with what was to stay as it was given."""
        if self.use is not Use.REWRITE:
            return drawn
        first, end = self._span
        old, new = self.phrase.rows, drawn.rows
        rows = np.concatenate(
            [
                old[(old[:, ONSET] < first) | (old[:, ONSET] >= end)],
                new[(new[:, ONSET] >= first) & (new[:, ONSET] < end)],
            ]
        )
        rows = let_restruck_strings_stop(rows[np.lexsort((rows[:, PITCH], rows[:, ONSET]))])
        made = replace(self.phrase, rows=rows, deviation=None, title=drawn.title, tempo=drawn.tempo)
        return named(made, label_lai(made))

    def against(self, wishes: Wishes, request: TuneRequest) -> list[str]:
        """What of the notes that stay goes against wishes, a line each: a wish binds what is drawn and nothing else."""
        melody, stays, found = self.phrase.melody, self._stays, list[str]()
        lai, kept = lai_named(request.lai), melody.rows[stays]
        if wishes.lai and lai and not set((kept[:, PITCH] % 12).tolist()) <= lai.pitch_classes:
            found.append(f"keep.lai binds what is new: of the notes that stay some are not in lai {lai.name}")
        closes = self.use is not Use.CONTINUE and stays[-1]
        if wishes.tonic and lai and closes and melody.pitch[-1] % 12 != lai.tonic:
            found.append(f"keep.tonic binds what is new: the last note stays, and is not the tonic of lai {lai.name}")
        if wishes.melody and not self.leaves_room_for_a_drone:
            found.append("keep.melody binds what is new: of the notes that stay some are struck under the melody")
        if far := wishes.out_of_hand(kept[:, PITCH].tolist()):
            at = f"the hand at fret {wishes.hand}"
            found.append(f"keep.hand binds what is new: of the notes that stay {far} lie where {at} does not reach")
        nearest = np.diff(kept[:, ONSET]).min(initial=STEPS_PER_HONG * MOST_LINES)
        if wishes.most_notes is not None and nearest < wishes.least_steps(request):
            found.append("keep.most_notes binds what is new: of the notes that stay some come faster")
        return found

    def is_new(self, made: Phrase) -> Bool[np.ndarray, " note"]:
        """Which melody notes of what was made of it are none that stay."""
        kept, melody = self.phrase.melody.rows[self._stays], made.melody
        stay = set(zip(kept[:, ONSET].tolist(), kept[:, PITCH].tolist(), strict=True))
        notes = zip(melody.onset.tolist(), melody.pitch.tolist(), strict=True)
        return np.array([note not in stay for note in notes], bool)

    @property
    def leaves_room_for_a_drone(self) -> bool:
        """Whether all that stays of it is melody."""
        if self.use not in (Use.CONTINUE, Use.REWRITE):
            return True  # nothing else of it stays
        return bool(self.phrase.is_melody[self._stay(self.phrase.onset)].all())

    def is_as_it_was(self, made: Phrase) -> bool:
        """Whether the melody of what was made of it is its own, note for note."""
        mine, its = self.phrase.melody, made.melody
        return np.array_equal(mine.onset, its.onset) and np.array_equal(mine.pitch, its.pitch)

    def rests(self, start: int, stop: int) -> bool:
        """Whether it rests from a step to another itself, so that nobody need play there."""
        phrase = self.phrase
        if self.use is Use.RHYTHM:
            return True
        if self.use is Use.REWRITE and start < self._span[1] and stop > self._span[0]:
            return False
        sounds = (phrase.onset < stop) & (phrase.end > start)
        return bool(stop <= phrase.onset[-1] and not sounds.any())

    @property
    def _stays(self) -> Bool[np.ndarray, " note"]:
        """Which of its melody notes stay."""
        return self._stay(self.phrase.melody.onset)

    def _stay(self, onset: Column) -> Bool[np.ndarray, " note"]:
        """Whether melody notes at these steps, in order, stay."""
        if self.use is Use.DECORATE:
            return (onset % STEPS_PER_HONG == 0) | (onset == onset[-1])
        if self.use is Use.REWRITE:
            first, end = self._span
            return (onset < first) | (onset >= end)
        return np.full(len(onset), self.use is Use.CONTINUE)

    @property
    def _span(self) -> tuple[int, int]:
        """The steps of the hong to rewrite: from the slot after the beat before them, to their own last beat."""
        assert self.hong is not None
        begins = begin_of(self.phrase)
        return begins + (self.hong[0] - 1) * STEPS_PER_HONG, begins + self.hong[1] * STEPS_PER_HONG


def kept_to(wishes: Wishes, request: TuneRequest, given: Given | None = None) -> list[Constraint]:
    """What a tune of a request keeps to: what is wished, and what of a given tune stays. Raises PhinError where no tune
    could, or where a wish would say nothing.
    """
    if given is None:
        return wishes.constraints(request)
    if given.use in (Use.RHYTHM, Use.REWRITE) and wishes.melody:
        reason = f"says nothing new with use={given.use.value}, which plays one note at a time"
        raise InvalidConfig("keep.melody=true", reason, "leave it out")
    if given.use is Use.RHYTHM and wishes.most_notes is not None:
        reason = "means nothing with use=rhythm, whose strokes come when the given tune's did"
        raise InvalidConfig(f"keep.most_notes={wishes.most_notes:g}", reason, "leave it out, or take use=decorate")
    if wishes.drone and not given.leaves_room_for_a_drone:
        reason = f"cannot be under {given.where}, which has a drone or chords already"
        raise InvalidConfig("keep.drone=true", reason, "leave it out, or take use=decorate")
    return [*wishes.constraints(request, given.later_strokes), *given.constraints()]


Request = TypeVar("Request", bound=TuneRequest)


def with_examples(request: Request, read: Callable[[str, str], Phrase] | None = None) -> Request:
    """The request with what its example tunes say (`Style.like`). Raises PhinError where there is none in a file.

    `read` finds an example otherwise than in a file, by its setting (like or other.like) and what stands there.
    """
    find = read or (lambda _, path: read_tune(Path(path)))
    style, other = (_of_example(each, key, find) for each, key in ((request.style, ""), (request.other, "other.")))
    values = {name: getattr(style, name) for name in ("like", "lai", "tempo", "density")}
    return replace(request, **values, other=other)


def _of_example(style: Style, key: str, find: Callable[[str, str], Phrase]) -> Style:
    if style.like is None:
        return style
    phrase = find(f"{key}like", style.like)
    found = label_lai(phrase).lai
    tempo = 60e6 / phrase.tempo if phrase.tempo else None
    said = {"lai": found.name if found else None, "tempo": tempo, "density": density(phrase)}
    new = {name: value for name, value in said.items() if value is not None and getattr(style, name) is None}
    if not new:
        known = " and ".join(name for name, value in said.items() if value is not None)
        remedy = f"leave it out, or let it say one of them, without {key}{known.split()[0]}="
        raise InvalidConfig(f"{key}like={style.like}", f"says nothing new: its {known} are said otherwise", remedy)
    return replace(style, like=None, **new)
