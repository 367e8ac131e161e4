"""What is asked of the generator, in settings that need no torch."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from phin.errors import InvalidConfig
from phin.music.phrase import ASSUMED_TEMPO, HONG_PER_LINE, STEPS_PER_HONG, Metre, hong_before_zero
from phin.tokenizer import FIELDS, LAI_NAMES, METRES, SOURCE_CONDITION, UNKNOWN_CONDITION, Tokenizer

RANKED = 64
"""Ids of a field that are ranked for top-k and top-p. Beyond them lie 0.01 % of what the default model gives a step and
0.05 % of what it gives a duration, on average over 200 validation tunes."""
MOST_TUNES = 10_000
"""Of one request: all of them are in memory before the first is written."""

MOST_LINES = 64


NOT_GREEDY = ("temperature", "temperatures", "top_p", "min_p")
"""Settings of a sampler that mean nothing where the likeliest id is drawn every time."""
MEANS_NOTHING_GREEDY = "means nothing where the likeliest note is drawn every time"


@dataclass
class SamplerConfig:
    """How ids are drawn from logits."""

    temperature: float = 1.0
    """Logits are divided by it: below 1 what is likely is drawn more often, above 1 less."""
    temperatures: dict[str, float] = field(default_factory=dict)
    """Other temperatures of some fields, by name: {pitch: 0.9, step: 0.7}."""
    top_k: int = 0
    """Only the k likeliest ids, at most 64 (`RANKED`); 0: all."""
    top_p: float = 1.0
    """Only the likeliest ids that together reach this share of what the 64 likeliest have; 1: all."""
    min_p: float = 0.0
    """Only ids that are at least so likely, as a part of the likeliest one's probability; 0: all."""

    def __post_init__(self) -> None:
        names = [field.name for field in FIELDS]
        if strange := [name for name in self.temperatures if name not in names]:
            reason, remedy = "there is no such field", f"take one of {', '.join(names)}"
            raise InvalidConfig(f"sampler.temperatures.{strange[0]}", reason, remedy)
        named = {f"temperatures.{name}": value for name, value in self.temperatures.items()}
        for name, value in {"temperature": self.temperature, **named}.items():
            if not 0.001 <= value <= 1000:
                remedy = "take 0.7 to 1.2, or sampler.top_k=1 for the likeliest note every time"
                raise InvalidConfig(f"sampler.{name}={value}", "is not between 0.001 and 1000", remedy)
        if not 0 <= self.min_p < 1:
            remedy = "take 0.05, 0 for no limit, or sampler=greedy for the likeliest note every time"
            raise InvalidConfig(f"sampler.min_p={self.min_p}", "must be at least 0 and below 1", remedy)
        if not 0 <= self.top_k <= RANKED:
            remedy = f"take 1 to {RANKED}, or 0 for no limit"
            raise InvalidConfig(f"sampler.top_k={self.top_k}", "is no number of ids that are ranked", remedy)
        if not 0 < self.top_p <= 1:
            raise InvalidConfig(
                f"sampler.top_p={self.top_p}", "must be above 0 and at most 1", "take 0.9, or 1 for all"
            )

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest id is drawn every time."""
        return self.top_k == 1

    def unheard(self) -> list[str]:
        """Settings that are set and change nothing, where the likeliest id is drawn every time."""
        plain = SamplerConfig()
        return [name for name in NOT_GREEDY if self.is_greedy and getattr(self, name) != getattr(plain, name)]

    @property
    def num_ranked(self) -> int:
        """How many ids of a field are ranked."""
        return self.top_k or (RANKED if self.top_p < 1 else 1)

    def numbers(self, count: int) -> tuple[np.ndarray, ...]:
        """In arrays for `count` tunes, as the decode step takes them (`phin.generation.sampling.Sampling`)."""
        of_fields = [self.temperatures.get(field.name, self.temperature) for field in FIELDS]
        filters = (
            self.top_p if self.top_p < 1 else math.inf,
            math.log(self.min_p) if self.min_p else -math.inf,
            0.0 if self.top_k or self.top_p < 1 else -math.inf,
        )
        temperature = np.tile(np.array(of_fields), (count, 1))
        return temperature, np.arange(self.num_ranked), *(np.full((count, 1), each) for each in filters)


@dataclass
class Style:
    """Conditions that lean a tune; None leaves one out."""

    like: str | None = None
    """A file with a tune: its lai, tempo and density are meant, where others are not said (`phin.generation.given`)."""
    lai: str | None = None
    """The lai to lean to, by its name."""
    source: str | None = None
    """The collection to play like, by its name among those that the model learned from."""
    tempo: float | None = None
    """Hong (quarters) a minute; the model hears which of eleven ranges that is in (to 50, 60, 72 ... 190, above)."""
    density: float | None = None
    """Melody notes a hong; the model hears which of ten ranges that is in (to 0.75, 1, 1.25 ... 4, above)."""

    def refuse(self, key: str) -> None:
        """Raises InvalidConfig, under keys that begin so, where a condition is none."""
        if self.lai is not None and self.lai not in LAI_NAMES:
            raise InvalidConfig(f"{key}lai={self.lai}", "there is no such lai", f"take one of {', '.join(LAI_NAMES)}")
        if self.tempo is not None and not 20 <= self.tempo <= 400:
            raise InvalidConfig(f"{key}tempo={self.tempo}", "is no tempo to play at", "take 20 to 400 hong a minute")
        if self.density is not None and not 0 < self.density <= 12:
            raise InvalidConfig(f"{key}density={self.density}", "is no density", "take 0.5 to 4 notes a hong")

    def conditions(self, tokenizer: Tokenizer, metre: Metre, key: str) -> Int[np.ndarray, " condition"]:
        """As ids, with the metre. Raises InvalidConfig for a source the model was not trained on, and where an example
        tune was not read.
        """
        if self.like is not None:
            remedy = "read it first: phin.generation.given.with_examples(request)"
            raise InvalidConfig(f"{key}like={self.like}", "is not read", remedy)
        ids = tokenizer.condition_ids(self.lai, self.tempo, metre, self.source, self.density)
        if self.source is not None and ids[SOURCE_CONDITION] == UNKNOWN_CONDITION:
            known = ", ".join(tokenizer.sources) or "none"
            raise InvalidConfig(f"{key}source={self.source}", "this model knows no such source", f"take one of {known}")
        return ids


class Stream(NamedTuple):
    """A style, and how much of it there is."""

    weight: float
    conditions: Int[np.ndarray, " condition"]


@dataclass
class TuneRequest:
    """Length in lines of eight hong, and conditions, which lean a tune and do not bind it; None leaves one out."""

    lines: int = 2
    """Length in lines of eight hong."""
    hong: int | None = None
    """Length in hong, instead of lines."""
    about: float = 0.0
    """0: as long exactly. Above it the model ends the tune itself, near there: for each hong that is left the
    end's logit is so much lower, for each too many so much higher, and half as long again is the most."""
    metre: str = "2/4"
    """The metre to play in."""
    like: str | None = None
    """A file with a tune: its lai, tempo and density are meant, where others are not said."""
    lai: str | None = None
    """The lai to lean to, by its name (and to keep to, with keep.lai)."""
    source: str | None = None
    """The collection to play like, by its name among those that the model learned from."""
    tempo: float | None = None
    """Hong (quarters) a minute; the model hears which of eleven ranges that is in (to 50, 60, 72 ... 190, above)."""
    density: float | None = None
    """Melody notes a hong; the model hears which of ten ranges that is in (to 0.75, 1, 1.25 ... 4, above)."""
    guidance: float = 1.0
    """How strongly the conditions lean (classifier-free guidance): 0 not at all, 1 as learned, above 1 more."""
    blend: float = 0.0
    """From the style that is asked for (0) to `other` (1)."""
    other: Style = field(default_factory=Style)

    def __post_init__(self) -> None:
        if not 1 <= self.lines <= MOST_LINES:
            raise InvalidConfig(f"lines={self.lines}", "is no length for a tune", f"take 1 to {MOST_LINES} lines")
        if self.hong is not None and not 1 <= self.hong <= MOST_LINES * HONG_PER_LINE:
            most = MOST_LINES * HONG_PER_LINE
            raise InvalidConfig(f"hong={self.hong}", "is no length for a tune", f"take 1 to {most} hong")
        if self.hong is not None and self.lines != TuneRequest.lines:
            raise InvalidConfig(
                f"lines={self.lines}", f"is another length than hong={self.hong}", "leave one of them out"
            )
        if not 0 <= self.about <= 100:
            raise InvalidConfig(f"about={self.about}", "is no pull", "take 0.2 to 2, or 0 for an exact length")
        if Metre.parse(self.metre) not in METRES:
            known = ", ".join(str(metre) for metre in METRES)
            raise InvalidConfig(f"metre={self.metre}", "the model knows no such metre", f"take one of {known}")
        self.style.refuse("")
        self.other.refuse("other.")
        if not 0 <= self.guidance <= 5:
            remedy = "take 1, or 1.5 to 3 to lean more"
            raise InvalidConfig(f"guidance={self.guidance}", "is not between 0 and 5", remedy)
        if self.guidance == 0 and self.blend:
            reason = "means nothing with guidance=0, with which no style leans"
            raise InvalidConfig(f"blend={self.blend}", reason, "leave one of them out")
        if self.guidance != 1 and self.style == Style() and not self.blend:
            raise InvalidConfig(f"guidance={self.guidance}", "means nothing without a style", "ask for one: source=han")
        if not 0 <= self.blend <= 1:
            raise InvalidConfig(f"blend={self.blend}", "is not between 0 and 1", "take 0.5 for half of each style")
        if self.blend and self.other == Style():
            remedy = "say it, as other.source=han"
            raise InvalidConfig(f"blend={self.blend}", "means nothing without another style", remedy)
        if self.other != Style() and not self.blend:
            raise InvalidConfig("other", "means nothing with blend=0", "say how much of it, as blend=0.5")
        if self.blend and self.other == self.style:
            reason = "means nothing between a style and itself"
            raise InvalidConfig(f"blend={self.blend}", reason, "let other be another, as other.source=han")
        own = {"like": self.like, "source": self.source, "density": self.density}
        if self.other.tempo is not None:  # else the tempo is still what is written
            own["tempo"] = self.tempo
        if self.blend == 1 and (said := [f"{name}={value}" for name, value in own.items() if value is not None]):
            reason = "means nothing with blend=1, which is the other style alone"
            raise InvalidConfig(said[0], reason, "leave it out, or take a blend below 1")
        is_short = self.last_stroke < Metre.parse(self.metre).bar
        if is_short and self.hong is None:
            raise InvalidConfig(f"lines={self.lines}", f"hold no whole bar of {self.metre}", "ask for more")

    @property
    def num_hong(self) -> int:
        """The length in hong."""
        return HONG_PER_LINE * self.lines if self.hong is None else self.hong

    @property
    def last_stroke(self) -> int:
        """The step of the closing note.

        Slot 4 of the last hong. Of whole lines that is hong 8, and in duple metre a downbeat (`hong_before_zero`); in
        metres whose bars do not divide a line they close on the last downbeat that they hold.
        """
        metre = Metre.parse(self.metre)
        end = STEPS_PER_HONG * (self.num_hong - 1 - hong_before_zero(metre))
        if self.hong is not None:
            return end
        return end - end % metre.bar

    @property
    def written_tempo(self) -> int:
        """The tempo that a tune is written in, in microseconds a quarter: between the two styles, in hong a minute, as
        far as `blend` says. Where nobody says one it is the assumed; a style without one changes none that is said.
        """
        own = self.tempo or 60e6 / ASSUMED_TEMPO
        other = self.other.tempo or own
        return round(60e6 / (own + self.blend * (other - own)))

    @property
    def style(self) -> Style:
        """The style that is asked for."""
        return Style(self.like, self.lai, self.source, self.tempo, self.density)

    def conditions(self, tokenizer: Tokenizer) -> Int[np.ndarray, " condition"]:
        """As ids. Raises InvalidConfig for a source the model was not trained on."""
        return self.style.conditions(tokenizer, Metre.parse(self.metre), "")

    def streams(self, tokenizer: Tokenizer) -> list["Stream"]:
        """The styles that each note is drawn from, and their weights, which sum to 1 (`DecodeStep`)."""
        metre = Metre.parse(self.metre)
        found = [Stream(self.guidance * (1 - self.blend), self.conditions(tokenizer))]
        if self.blend:
            found.append(Stream(self.guidance * self.blend, self.other.conditions(tokenizer, metre, "other.")))
        if self.guidance != 1:
            nothing = Style().conditions(tokenizer, metre, "")
            found.append(Stream(1 - self.guidance, nothing))
        return found


def refuse_draw(count: int, seed: int) -> None:
    """Raises InvalidConfig where so many tunes of such a seed cannot be drawn."""
    if count < 1:
        raise InvalidConfig(f"count={count}", "nothing is asked for", "take 1 or more")
    if count > MOST_TUNES:
        remedy = f"take {MOST_TUNES} at most, and another seed for more"
        raise InvalidConfig(f"count={count}", "is too many at once", remedy)
    if not 0 <= seed < 2**63:
        raise InvalidConfig(f"seed={seed}", "is out of range", "take 0 to 2**63 - 1")
