"""What a page needs to know before it asks: the model, and the tables of the instrument."""

from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from phin.music.fretboard import FRET_DISTANCES, FRETS, TUNINGS
from phin.music.lai import LAI
from phin.music.suggestion import LEARNED_FROM
from phin.music.technique import FACTS, word
from phin.tokenizer import METRES
from phin.web.service import Service


def about(service: Service) -> dict[str, Any]:
    """All of it, in primitives."""
    model, made = service.model, service.model.engine.about
    return {
        "name": model.name,
        "licence": made.licence,
        "corpus": made.corpus,
        "graph": model.graph,
        "precision": model.precision,
        "version": _version(),
        "sources": list(made.tokenizer.sources),
        "samplers": {name: dict(values) for name, values in model.samplers.items()},
        "lai": [
            {
                "name": lai.name,
                "thai": lai.thai,
                "tonic": lai.tonic,
                "pitch_classes": sorted(lai.pitch_classes),
                "family": lai.family.value,
            }
            for lai in LAI
        ],
        "metres": [str(metre) for metre in METRES],
        "tunings": [
            {
                "name": tuning.name,
                "strings": [tuning.open_pitch(string) for string in range(1, tuning.num_strings + 1)],
                "frets": list(FRETS),
                "distances": list(FRET_DISTANCES),
            }
            for tuning in TUNINGS
        ],
        "techniques": [
            {"name": word(technique), "thai": facts.thai, "evidence": facts.evidence.value}
            for technique, facts in FACTS.items()
        ],
        "limits": asdict(service.limits),
        "hints": {
            "techniques": f"learned from {LEARNED_FROM}",
            "licence": made.licence,
            "guidance": "a source, lai, tempo or density leans a tune and does not bind it: keep binds it",
            "seed": "the same seed, number and settings give the same notes with the same graph",
        },
    }  # fmt: skip


def _version() -> str:
    try:
        return version("phin")
    except PackageNotFoundError:  # run from its folder, and not installed
        return "0"
