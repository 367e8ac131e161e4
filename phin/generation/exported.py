"""An exported model's folder: the agreement between who writes it and who plays from it. No torch is needed."""

import hashlib
import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from phin.errors import InvalidCheckpoint
from phin.generation.limits import MOST_RECALLED
from phin.generation.request import MOST_LINES, MOST_TUNES, RANKED
from phin.music.fretboard import FRETS, TUNINGS
from phin.music.lai import LAI
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG, STEPS_PER_QUARTER
from phin.music.technique import Technique
from phin.tokenizer import (
    CONDITIONS,
    DENSITY_EDGES,
    END_ID,
    FIELDS,
    LAI_NAMES,
    METRES,
    NUM_SYMBOLS,
    PAD_ID,
    START_ID,
    TEMPO_EDGES,
    UNKNOWN_ID,
    Tokenizer,
)
from phin.whole_file import write_text


class Precision(Enum):
    """Of an exported model's weights."""

    FP32 = "fp32"
    INT8 = "int8"


FORMAT = 5
GRAPHS = {Precision.FP32: "step.onnx", Precision.INT8: "step-int8.onnx"}
MANIFEST = "manifest.json"
READ = ("lookups", "position", "sees", "began", "melody", "landing")
LIMITS = ("step", "after", "kind", "recalled", "recalled_cost")
MIXTURE = ("weights", "tune")
SAMPLING = ("temperature", "ranks", "top_p", "log_min_p", "unranked")
NEW = (*READ, "noise", *LIMITS)
"""What is another at every step."""
SETTINGS = (*MIXTURE, *SAMPLING)
INPUTS = (*NEW, *SETTINGS)
"""Fields of what `DecodeStep` takes, in order. After them come the keys and values that are cached (`cache_names`)."""
OUTPUTS = ("drawn", "chances")
"""After them come those of the rows that were read."""


def cache_names(num_layers: int, prefix: str = "") -> list[str]:
    """Keys, then values, of each layer."""
    return [f"{prefix}{of}_{layer}" for of in ("keys", "values") for layer in range(num_layers)]


@dataclass(frozen=True)
class Manifest:
    """What an exported folder says of itself."""

    tokenizer: Tokenizer
    corpus: str
    corpus_fingerprint: str
    licence: str
    learned_fields: tuple[bool, ...]
    num_layers: int
    num_heads: int
    head_width: int
    sha256: dict[str, str]
    """Of the graphs, by file name."""
    adapted_from: str = ""
    """The corpus and fingerprint of what it learned from before; empty where there was none."""
    in_fp32: tuple[str, ...] = ()
    """Matrices of the graph in eight bits that are not, for they would cost too much."""
    proof: dict[str, float | int | str] = field(default_factory=dict)
    """What was found of the graphs before they were handed on (`phin.evaluation.exports`); nothing, if nobody asked."""

    def to_dict(self) -> dict[str, Any]:
        """In primitives."""
        stored = {**self.__dict__, "format": FORMAT, "tokenizer": self.tokenizer.to_dict(), "tables": tables()}
        stored = json.loads(json.dumps(stored))
        return {**stored, "seal": _seal(stored)}

    def write(self, folder: str | Path) -> None:
        """Into a folder, beside the graphs."""
        write_text(Path(folder) / MANIFEST, json.dumps(self.to_dict(), ensure_ascii=False, indent=1))

    @classmethod
    def read(cls, folder: str | Path, text: bytes | None = None) -> "Manifest":
        """Raises InvalidCheckpoint where a folder has none, or one of another version of phin.

        `text` is what a file says that has its manifest inside: then that file stands for the folder.
        """
        path = Path(folder) / MANIFEST if text is None else Path(folder)
        try:
            stored = json.loads(path.read_text(encoding="utf-8") if text is None else text)
            if stored.get("format") != FORMAT:
                raise ValueError("its format is another")
            if stored.pop("seal") != _seal(stored):
                raise ValueError("it was changed")
            if stored.pop("tables") != json.loads(json.dumps(tables())):
                raise ValueError("its vocabularies are others")
            del stored["format"]
            tokenizer = Tokenizer.from_dict(stored.pop("tokenizer"))
            tuples = {name: tuple(stored[name]) for name in ("learned_fields", "in_fp32")}
            return cls(tokenizer=tokenizer, **{**stored, **tuples})
        except (FileNotFoundError, NotADirectoryError):
            remedy = "name a folder that phin-export wrote, or a checkpoint"
            raise InvalidCheckpoint(folder, f"has no {MANIFEST}", remedy) from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"is torn, or of another version of phin ({error})"
            raise InvalidCheckpoint(path, reason, "export the model again: phin-export") from None


def tables() -> dict[str, Any]:
    """What ids and places mean, so that a folder explains itself to a program that has not phin's code."""
    return {
        "symbols": {"pad": PAD_ID, "start": START_ID, "end": END_ID, "unknown": UNKNOWN_ID, "count": NUM_SYMBOLS},
        "fields": [{"name": each.name, "lowest": each.lowest, "highest": each.highest} for each in FIELDS],
        "conditions": list(CONDITIONS),
        "lai_names": list(LAI_NAMES),
        "metres": [str(metre) for metre in METRES],
        "tempo_edges": list(TEMPO_EDGES),
        "density_edges": list(DENSITY_EDGES),
        "techniques": [each.name.lower() for each in Technique],
        "steps": {"quarter": STEPS_PER_QUARTER, "hong": STEPS_PER_HONG, "hong_a_line": HONG_PER_LINE},
        "lai": [
            {"name": lai.name, "thai": lai.thai, "tonic": lai.tonic, "pitch_classes": sorted(lai.pitch_classes)}
            for lai in LAI
        ],
        "fretboard": {"frets": list(FRETS), "tunings": {each.name: list(each.open_pitches) for each in TUNINGS}},
        "limits": {"ranked": RANKED, "recalled": MOST_RECALLED, "lines": MOST_LINES, "tunes": MOST_TUNES},
        "inputs": list(INPUTS),
        "outputs": list(OUTPUTS),
    }


def _seal(stored: dict[str, Any]) -> str:
    """A hash of all else that a manifest says."""
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
