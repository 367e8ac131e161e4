"""What a tune is made by, once it is known what is asked for, and the tunes made by it: those of phin-generate, of the
page and of the studies are drawn, chosen and finished here. No torch is needed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from jaxtyping import Bool

from phin.errors import InvalidConfig
from phin.generation.choice import By, Choice, Chosen, Judge, choose, falls_silent, said_of
from phin.generation.constraints import Constraint
from phin.generation.given import Given, kept_to
from phin.generation.play import Engine, Played, goes_on_as_given, play
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.stream import without_end
from phin.generation.wishes import Wishes
from phin.music.phrase import Phrase
from phin.tokenizer import Encoded, Tokenizer

Copied = Callable[[Phrase, Bool[np.ndarray, " note"] | None], str | None]
"""Which training tune a phrase copies, in words; of its melody notes those count that are new, where some are not."""


@dataclass(frozen=True)
class Recipe:
    """All that a tune hangs on but its number and the model. Raises PhinError where no tune could be so, or a wish
    would say nothing.
    """

    request: TuneRequest
    """Its examples are read, and it is in the metre and as long as what is made of the given tune."""
    sampler: SamplerConfig
    seed: int
    keep: Wishes = field(default_factory=Wishes)
    given: Given | None = None
    endless: bool = False
    """Whether it is drawn until somebody stops it (`phin.generation.stream`)."""
    constraints: list[Constraint] = field(init=False, repr=False)
    """What the tune keeps to: what is wished, and what of a given tune stays (`phin.generation.given.kept_to`)."""

    def __post_init__(self) -> None:
        found = kept_to(self.keep, self.request, self.given)
        object.__setattr__(self, "constraints", without_end(found) if self.endless else found)

    def beginning(self, tokenizer: Tokenizer) -> Encoded | None:
        """The rows that the tune begins with, if it begins with some."""
        return self.given.beginning(tokenizer) if self.given else None

    def draw(self, engine: Engine, numbers: Sequence[int], progress: bool = False) -> list[Played]:
        """The tunes of these numbers, with what of a given tune stays. Raises PhinError as `play` does."""
        begins = self.beginning(engine.about.tokenizer)
        played = play(engine, self.request, numbers, self.seed, self.sampler, progress, self.constraints, begins)
        return [each._replace(phrase=self.given.finished(each.phrase)) for each in played] if self.given else played

    def choose(
        self,
        engine: Engine,
        count: int,
        choice: Choice,
        copied: Copied | None = None,
        first: int = 0,
        progress: bool = False,
    ) -> list[Chosen]:
        """`count` tunes that are kept, from number `first` on: none that falls silent and none that is `copied`, unless
        the choice keeps those. Raises InvalidConfig for a choice by the ending where nothing ends.
        """
        if choice.by == By.ENDING.value and goes_on_as_given(self.constraints):
            reason = "means nothing for hong that come to a note that stays: nothing ends there"
            raise InvalidConfig(f"choose.by={choice.by}", reason, "leave it out")
        judges: list[Judge] = [] if choice.silence else [self.falls_silent]
        judges += [] if choice.copies else [partial(self.copy, copied=copied)]
        if judges and self.sampler.is_greedy:
            choice = replace(choice, tries=0)  # another one would be the same

        def draw(numbers: Sequence[int]) -> list[Played]:
            return self.draw(engine, [first + number for number in numbers], progress)

        return choose(draw, count, choice, judges)

    def falls_silent(self, phrase: Phrase) -> str | None:
        """A Judge of rests that the given tune does not have itself."""
        return falls_silent(phrase, self.given)

    def copy(self, phrase: Phrase, copied: Copied | None) -> str | None:
        """A Judge of what is new: whom it repeats, if somebody can tell."""
        return copied(phrase, self.given.is_new(phrase) if self.given else None) if copied else None

    def finish(self, chosen: Chosen, copied: Copied | None = None) -> tuple[Phrase, list[str]]:
        """A tune that is kept, finished as it was wished, and what is to be said of it, a line each; also whom it
        repeats, where that is asked.
        """
        phrase, given = chosen.played.phrase, self.given
        finished, changes = self.keep.finished(phrase, self.request)
        return finished, said_of(chosen, given, self.copy(phrase, copied), changes, bool(self.constraints))
