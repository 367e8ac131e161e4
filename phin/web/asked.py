"""What a person asks for, as JSON: a model of pydantic for the kinds, and phin's own settings for the meaning.

Fields, defaults and meanings are those of the settings of `phin-generate`, each written once, there.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, create_model
from pydantic.config import JsonDict

from phin.errors import InvalidConfig
from phin.generation.given import Given, Use, with_examples
from phin.generation.recipe import Recipe
from phin.generation.request import MEANS_NOTHING_GREEDY, MOST_TUNES, SamplerConfig, Style, TuneRequest, refuse_draw
from phin.generation.stream import LET_IT_END, refuse_length, refuse_waiting_for_an_end
from phin.generation.wishes import Wishes
from phin.meanings import meanings
from phin.music.phrase import Phrase
from phin.web.tune import Strict, Tune, Words

A_PAGE: JsonDict = {
    "form": "txt",
    "name": "tune.txt",
    "content": b64encode("| ---ล | -ด-ร | -ม-ซ | ---ล |".encode()).decode(),
}
"""A tune as it can be sent, to try."""
LIKE = "the example"
"""What stands in a request for a tune that is meant as one, until it is read."""


class TuneSource(Strict):
    """A tune that is given: as JSON (`tune`), or as a file (`form` and `content`)."""

    model_config = ConfigDict(json_schema_extra={"examples": [A_PAGE]})
    tune: Tune | None = None
    form: Literal["mid", "txt", "abc", "tab"] | None = None
    """What kind of file it is."""
    content: str | None = None
    """The file, in base64."""
    name: Words | None = None
    """What to call it, in what is said of it. No file has this name."""


def _model_of(schema: type, **others: Any) -> type[Strict]:
    """A model with the fields, defaults and meanings of a dataclass, some of another kind."""
    said, found = meanings(schema), dict[str, Any]()
    for field in fields(schema):
        kind: Any = others.get(field.name, field.type)
        default: dict[str, Any] = {"default": field.default}
        if field.default_factory is not MISSING:
            default = {"default_factory": others.get(field.name, field.default_factory)}
        found[field.name] = kind, Field(description=said.get(field.name), **default)
    return create_model(schema.__name__, __base__=Strict, **found)


class Sampler(_model_of(SamplerConfig)):
    """How notes are drawn."""


class Keep(_model_of(Wishes)):
    """What binds a tune."""


class Other(_model_of(Style, like=TuneSource | None)):
    """Another style."""


class TuneAsked(_model_of(TuneRequest, like=TuneSource | None, other=Other)):
    """A tune that is asked for. What is left out is as `phin-generate` has it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"lai": "yai", "seed": 7}, {"endless": True, "tempo": 110.0}]}
    )
    sampler: Sampler = Field(default_factory=Sampler)
    """How notes are drawn; what is left out is as the server was started, by default as `about.samplers.nucleus`."""
    keep: Keep = Field(default_factory=Keep)
    """What binds the tune; nothing does unless it is set."""
    seed: int = 0
    """The same seed, number and settings give the same notes with the same graph; but what falls silent is drawn anew
    in an answer, and not in a stream, where it was heard already."""
    number: int = Field(0, ge=0, lt=MOST_TUNES)
    """Which tune of the seed, counted from 0."""
    given: TuneSource | None = None
    """A tune that something is made of."""
    use: Literal["continue", "decorate", "rhythm", "rewrite"] = "continue"
    """What is made of it: it is played on, varied between its strong strokes, its rhythm kept, some hong made anew."""
    rewrite: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None
    """For use=rewrite: the first and the last hong to play anew, counted from 1."""
    techniques: float = Field(0.0, ge=0, le=1)
    """0: the notes are played as they were drawn. Above it, such a share of the melody notes get an ornament: those
    that likeliest have one, each its own likeliest, as learned from synthetic pieces with techniques set by rules."""
    endless: bool = False
    """Plays until it is told to stop, or has as many notes as the server lets a tune have (`about`: `most_notes`)."""


class TunesAsked(TuneAsked):
    """Some tunes that are asked for: the `count` from `number` on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"lai": "yai", "seed": 7, "count": 2}]})
    count: int = Field(1, ge=1)
    """How many."""


@dataclass(frozen=True)
class Plan(Recipe):
    """What was asked for, as the generator takes it, and how it is told."""

    number: int = 0
    techniques: float = 0.0


def plan(asked: Any, sampler: SamplerConfig, phrases: Mapping[str, Phrase]) -> Plan:
    """The plan of a TuneAsked; `sampler` says what it leaves out, `phrases` are the tunes that it gives, once they are
    read: by `given`, `like` and `other.like`. Raises PhinError, as phin-generate does, for what cannot be.
    """
    refuse_draw(getattr(asked, "count", 1), asked.seed)
    if asked.hong is not None and "lines" in asked.model_fields_set:
        reason = f"is another length than hong={asked.hong}"
        raise InvalidConfig(f"lines={asked.lines}", reason, "leave one of them out")
    mine = {field.name: getattr(asked, field.name) for field in fields(TuneRequest)}
    style = {field.name: getattr(asked.other, field.name) for field in fields(Style)}
    mine |= {"other": Style(**_named(style, "other.like", phrases))}
    request = with_examples(TuneRequest(**_named(mine, "like", phrases)), lambda name, _: phrases[name])
    keep = Wishes(**asked.keep.model_dump())
    drawn_by = replace(sampler, **asked.sampler.model_dump(exclude_unset=True))
    if drawn_by.is_greedy and (asked.number or getattr(asked, "count", 1) > 1):
        name = "number" if asked.number else "count"
        reason = "asks for tunes that are all one where the likeliest note is drawn every time"
        raise InvalidConfig(f"{name}={getattr(asked, name)}", reason, "leave it out, or take a sampler that draws")
    unheard = [name for name in drawn_by.unheard() if name in asked.sampler.model_fields_set]
    if unheard and drawn_by != sampler:  # the server's own is not the client's to mend
        raise InvalidConfig(f"sampler.{unheard[0]}", MEANS_NOTHING_GREEDY, "leave it out, or take a sampler that draws")
    given = None
    if asked.given is not None:
        given = Given(phrases["given"], Use(asked.use), asked.rewrite and tuple(asked.rewrite))
        request = given.request(request)
    elif asked.use != "continue" or asked.rewrite is not None:
        name = "use" if asked.use != "continue" else "rewrite"
        raise InvalidConfig(f"{name}={getattr(asked, name)}", "means nothing without a tune", "give one, as given")
    if asked.endless:
        request = _endless(request, asked, given)
        refuse_waiting_for_an_end(keep, LET_IT_END)
    told = {"number": asked.number, "techniques": asked.techniques, "endless": asked.endless}
    return Plan(request, drawn_by, asked.seed, keep, given, **told)


def _endless(request: TuneRequest, asked: Any, given: Given | None) -> TuneRequest:
    """The request of a tune without end. Raises InvalidConfig for what such a tune cannot be asked for."""
    asks_length = replace(request, lines=asked.lines, hong=asked.hong, about=asked.about)
    refuse_length(asks_length, LET_IT_END)
    if asked.number:
        raise InvalidConfig(f"number={asked.number}", "means nothing for a tune without end", "take another seed")
    if given is not None and given.use is not Use.CONTINUE:
        reason = "means nothing for a tune without end: the given tune says how long it is"
        raise InvalidConfig(f"use={given.use.value}", reason, LET_IT_END)
    return replace(request, lines=TuneRequest.lines, hong=None)


def _named(values: dict[str, Any], name: str, phrases: Mapping[str, Phrase]) -> dict[str, Any]:
    """Values of a style whose example is named."""
    return {**values, "like": (phrases[name].title or LIKE) if values["like"] is not None else None}
