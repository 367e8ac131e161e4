"""Which of the tunes that were drawn are kept: none that falls silent, none that is copied, the best of several
(reranking, best of n).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from phin.errors import InvalidConfig
from phin.generation.constraints import MOST_REST
from phin.generation.given import Given
from phin.generation.play import ALL, Played
from phin.generation.request import MOST_TUNES
from phin.music.grid import begin_of
from phin.music.measures import rests
from phin.music.phrase import STEPS_PER_HONG, Phrase

MOST_CANDIDATES = 64
MUCH = 0.1
"""Bits a note that are told also of a tune that nothing binds but its length."""
Judge = Callable[[Phrase], str | None]
"""What is wrong with a tune, in words; None where nothing is."""


class By(Enum):
    """What is best of several."""

    LIKELIHOOD = "likelihood"
    ENDING = "ending"


@dataclass
class Choice:
    """How many tunes are drawn for one that is kept, and which is."""

    candidates: int = 1
    """Tunes drawn for each that is kept: the best of them, by what `by` says."""
    by: str = By.LIKELIHOOD.value
    """likelihood: the one whose notes the model finds likeliest; ending: the one that the model would soonest end where
    it ends, which says most of a tune whose end nobody told it beforehand: one `about` so long, or of a model that does
    not count down (`experiments/reading`)."""
    length_penalty: float = 1.0
    """How far more notes that were drawn excuse a lower probability: log p / ((5 + notes) / 6) ** penalty is compared
    (Wu et al. 2016, arXiv 1609.08144). 0: not at all, the fewest notes win; 1: about the mean of each note; above it
    long tunes win."""
    silence: bool = False
    """Keeps also a tune that rests for more than two hong."""
    copies: bool = True
    """Keeps also a tune that repeats a longer stretch of a training tune than chance does, and tells it."""
    tries: int = 8
    """So often another tune is drawn for one that is not kept; then it is kept, and its fault is told."""

    def __post_init__(self) -> None:
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            remedy = f"take 1 to {MOST_CANDIDATES}"
            raise InvalidConfig(f"choose.candidates={self.candidates}", "is no number to choose from", remedy)
        if not 0 <= self.length_penalty <= 10:
            raise InvalidConfig(f"choose.length_penalty={self.length_penalty}", "is no penalty", "take 0 to 2")
        if self.by not in (ways := [way.value for way in By]):
            raise InvalidConfig(f"choose.by={self.by}", "is no way to choose", f"take one of {', '.join(ways)}")
        if self.by != Choice.by and self.candidates == 1:
            reason = "means nothing where there is nothing to choose from"
            raise InvalidConfig(f"choose.by={self.by}", reason, "take choose.candidates=16")
        if self.by == By.ENDING.value and self.length_penalty != Choice.length_penalty:
            reason = "means nothing with choose.by=ending"
            raise InvalidConfig(f"choose.length_penalty={self.length_penalty}", reason, "leave one of them out")
        if self.length_penalty != Choice.length_penalty and self.candidates == 1:
            reason = "means nothing where there is nothing to choose from"
            raise InvalidConfig(f"choose.length_penalty={self.length_penalty}", reason, "take choose.candidates=4")
        if self.tries != Choice.tries and self.silence and self.copies:
            reason = "means nothing where every tune is kept"
            raise InvalidConfig(f"choose.tries={self.tries}", reason, "leave it out")
        if not 0 <= self.tries <= 100:
            raise InvalidConfig(f"choose.tries={self.tries}", "is no number of tries", "take 0 to 100")

    def score(self, played: Played) -> float:
        """What is compared among candidates: the higher the better."""
        if self.by == By.ENDING.value:
            return played.log_ending
        return played.log_probability / ((5 + played.num_drawn) / 6) ** self.length_penalty


class Chosen(NamedTuple):
    """A tune that is kept, and what is to be said of it."""

    played: Played
    faults: tuple[str, ...]


def choose(
    draw: Callable[[Sequence[int]], list[Played]], count: int, choice: Choice, refuses: Sequence[Judge]
) -> list[Chosen]:
    """`count` tunes of those that `draw` makes of numbers. Tune k hangs on k and on what is asked alone.

    Its candidates are k, k + MOST_TUNES and so on, in that order; what `refuses` finds fault with is left out, as long
    as there are tries.
    """
    kept: list[Chosen | None] = [None] * count
    for attempt in range(1 + choice.tries):
        open_places = [place for place, chosen in enumerate(kept) if chosen is None or chosen.faults]
        if not open_places:
            break
        rounds = range(attempt * choice.candidates, (attempt + 1) * choice.candidates)
        numbers = [place + each * MOST_TUNES for place in open_places for each in rounds]
        drawn = draw(numbers)
        for order, place in enumerate(open_places):
            candidates = drawn[order * choice.candidates : (order + 1) * choice.candidates]
            found = [
                Chosen(each, tuple(filter(None, (judge(each.phrase) for judge in refuses)))) for each in candidates
            ]
            best = max(found, key=lambda each: (not each.faults, choice.score(each.played)))
            if kept[place] is None or not best.faults:
                kept[place] = best
    return [chosen for chosen in kept if chosen is not None]


def falls_silent(phrase: Phrase, given: Given | None = None) -> str | None:
    """A Judge of rests, also at the beginning: longer than two hong, and none that the given tune has itself."""
    silent = [(begin_of(phrase), int(phrase.onset[0])), *rests(phrase)] if len(phrase) else []
    own = (stop - start for start, stop in silent if given is None or not given.rests(start, stop))
    rest = max(own, default=0)
    return f"it rests for {rest / STEPS_PER_HONG:.3g} hong" if rest > MOST_REST else None


def said_of(chosen: Chosen, given: Given | None, copy: str | None, changes: Sequence[str], is_bound: bool) -> list[str]:
    """What is to be said of a tune that is kept, a line each.

    `copy` says whom it repeats, if it does and was not drawn anew for it; `changes`, how it was finished; `is_bound`,
    whether it was kept to anything.
    """
    played, faults = chosen
    same = "it came out as it was given" if given is not None and given.is_as_it_was(played.phrase) else None
    away = away_lines(played.left_out[ALL], played.scarce, is_bound)
    return [*filter(None, (*faults, same, copy)), *changes, *away]


def away_lines(left_out: float, scarce: Sequence[str], is_bound: bool) -> list[str]:
    """How far constraints took a tune from the model: the bits a note that they left out, and where almost nothing was
    left to draw, in one line if anywhere.

    Of a tune that is not `is_bound` by wishes, so by its length alone and what a hand can strike at once, the bits are
    told only where they are MUCH: mostly they are next to nothing.
    """
    said = [f"{left_out:.2f} bits a note from what the model would play"] if is_bound or left_out >= MUCH else []
    if scarce:
        first, *more = scarce
        times = f" {1 + len(more)} times, first" if more else ""
        said.append(f"almost nothing was left to draw{times}: {first}")
    return said
