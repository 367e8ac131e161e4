"""An exported model's folder: the agreement between who writes it and who plays from it. No torch is needed."""

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from phin.errors import InvalidCheckpoint
from phin.tokenizer import Tokenizer


class Precision(Enum):
    """Of an exported model's weights."""

    FP32 = "fp32"
    INT8 = "int8"


FORMAT = 2
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

    def to_dict(self) -> dict[str, Any]:
        """In primitives."""
        stored = {**self.__dict__, "format": FORMAT, "tokenizer": self.tokenizer.to_dict()}
        stored = json.loads(json.dumps(stored))
        return {**stored, "seal": _seal(stored)}

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
            del stored["format"]
            tokenizer = Tokenizer.from_dict(stored.pop("tokenizer"))
            return cls(tokenizer=tokenizer, **{**stored, "learned_fields": tuple(stored["learned_fields"])})
        except OSError:
            remedy = "name a folder that phin-export wrote, or a checkpoint"
            raise InvalidCheckpoint(folder, f"has no {MANIFEST}", remedy) from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"is torn, or of another version of phin ({error})"
            raise InvalidCheckpoint(path, reason, "export the model again: phin-export") from None


def _seal(stored: dict[str, Any]) -> str:
    """A hash of all else that a manifest says."""
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
