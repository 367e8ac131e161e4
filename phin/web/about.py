"""What a page needs to know before it asks: the model, and the tables of the instrument."""

from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel

from phin.music.fretboard import FRET_DISTANCES, FRETS, TUNINGS
from phin.music.lai import LAI
from phin.music.technique import FACTS, word
from phin.tokenizer import METRES
from phin.web.limits import ServerLimits
from phin.web.play_tables import play_tables
from phin.web.refusals import SEE
from phin.web.service import Model


class LaiFacts(BaseModel):
    """A mode: its notes and its tonic, as pitch classes (C is 0)."""

    name: str
    thai: str
    tonic: int
    pitch_classes: list[int]
    family: str


class TuningFacts(BaseModel):
    """A tuning, string 1 (the highest) first; and where the frets lie, the open string first."""

    name: str
    """Low string first, as players say it."""
    strings: list[int]
    """The open strings, as MIDI numbers."""
    frets: list[int]
    """Semitones above the open string."""
    distances: list[float]
    """From the nut, as a part of the open string."""


class TechniqueWords(BaseModel):
    """A way to play a note, and who documents it."""

    name: str
    thai: str
    """Empty where no source gives a word for it."""
    evidence: str


class About(BaseModel):
    """The model, what it can be asked for, and the tables of the instrument."""

    name: str
    licence: str
    corpus: str
    graph: str
    """A hash of what draws: the same graph draws the same tunes of a seed."""
    precision: str
    version: str
    sources: list[str]
    samplers: dict[str, dict[str, Any]]
    """Ways to draw, by name, each whole."""
    lai: list[LaiFacts]
    metres: list[str]
    tunings: list[TuningFacts]
    techniques: list[TechniqueWords]
    limits: dict[str, int | float]
    play: dict[str, Any]
    """What a page that draws by itself needs besides (`phin.web.play_tables`)."""


def about(model: Model, limits: ServerLimits, see: str = SEE) -> About:
    """All of it; `see` as `play_tables` has it."""
    made = model.engine.about
    return About(
        name=model.name,
        licence=made.licence,
        corpus=made.corpus,
        graph=model.graph,
        precision=model.precision,
        version=_version(),
        sources=list(made.tokenizer.sources),
        samplers={name: dict(values) for name, values in model.samplers.items()},
        lai=[
            LaiFacts(
                name=lai.name,
                thai=lai.thai,
                tonic=lai.tonic,
                pitch_classes=sorted(lai.pitch_classes),
                family=lai.family.value,
            )
            for lai in LAI
        ],
        metres=[str(metre) for metre in METRES],
        tunings=[
            TuningFacts(
                name=tuning.name,
                strings=[tuning.open_pitch(string) for string in range(1, tuning.num_strings + 1)],
                frets=list(FRETS),
                distances=list(FRET_DISTANCES),
            )
            for tuning in TUNINGS
        ],
        techniques=[
            TechniqueWords(name=word(technique), thai=facts.thai, evidence=facts.evidence.value)
            for technique, facts in FACTS.items()
        ],
        limits=asdict(limits),
        play=play_tables(model.sampler, see),
    )


def _version() -> str:
    try:
        return version("phin")
    except PackageNotFoundError:  # run from its folder, and not installed
        return "0"
