"""A checkpoint file ⇄ model and tokenizer. Primitives and tensors only: nothing is unpickled, nothing instantiated by
name.

One file serves both to go on training and to generate. What training itself needs (optimiser, schedule, where it
stood) lies beside `PHIN_KEY`, under which `Identity` says what was trained; `MODEL_PREFIX` marks the model's weights.
A model to hand on is a file of safetensors: its weights by their own names, and the same `Identity` as JSON.
"""

import json
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from phin.difference import differences
from phin.errors import InvalidCheckpoint
from phin.model.transformer import Mixing, PhinTransformer, TransformerConfig
from phin.pretrained import meant
from phin.tokenizer import Tokenizer
from phin.whole_file import whole_file

PHIN_KEY = "phin"
MODEL_PREFIX = "model."
SAFETENSORS = ".safetensors"
FORMAT = 1


@dataclass(frozen=True)
class Identity:
    """What a checkpoint is: network, vocabulary, corpus, licence, and which fields had labels to learn from."""

    model: TransformerConfig
    tokenizer: Tokenizer
    corpus: str
    corpus_fingerprint: str
    licence: str
    learned_fields: tuple[bool, ...]
    """A field that no tune ever had is not drawn: it stays unknown."""
    adapted_from: str = ""
    """The corpus and fingerprint of the checkpoint whose weights it began with; empty: it began from nothing."""

    def to_dict(self) -> dict[str, Any]:
        """In primitives."""
        model = {name: v.value if isinstance(v, Enum) else v for name, v in asdict(self.model).items()}
        return {
            "format": FORMAT,
            "model": model,
            "tokenizer": self.tokenizer.to_dict(),
            "corpus": self.corpus,
            "corpus_fingerprint": self.corpus_fingerprint,
            "licence": self.licence,
            "learned_fields": list(self.learned_fields),
            "adapted_from": self.adapted_from,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any], where: str | Path) -> "Identity":
        """Raises InvalidCheckpoint where this program cannot be what the checkpoint was made with."""
        remedy = "use the version of phin that made it, or train anew"
        if stored.get("format") != FORMAT:
            raise InvalidCheckpoint(where, f"is of format {stored.get('format')}, not {FORMAT}", remedy)
        try:
            known = {field.name for field in fields(TransformerConfig)}
            if strange := set(stored["model"]) ^ known:
                raise InvalidCheckpoint(where, f"its model settings differ in {', '.join(sorted(strange))}", remedy)
            try:
                tokenizer = Tokenizer.from_dict(stored["tokenizer"])
            except ValueError as error:
                raise InvalidCheckpoint(where, f"its vocabulary differs: {error}", remedy) from None
            return cls(
                model=TransformerConfig(**{**stored["model"], "mixing": Mixing(stored["model"]["mixing"])}),
                tokenizer=tokenizer,
                corpus=stored["corpus"],
                corpus_fingerprint=stored["corpus_fingerprint"],
                licence=stored["licence"],
                learned_fields=tuple(stored["learned_fields"]),
                adapted_from=stored.get("adapted_from", ""),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidCheckpoint(where, f"says of itself what cannot be ({error!r})", remedy) from None

    def refuse_other(self, stored: dict[str, Any], where: str | Path) -> None:
        """Raises InvalidCheckpoint, naming every difference, where a checkpoint belongs to another run."""
        found = differences(stored, self.to_dict())
        differing = [f"{key} is {there} there and {here} here" for key, there, here in found]
        if differing:
            raise InvalidCheckpoint(where, "; ".join(differing), "resume with the settings and corpus it was made with")


def read(path: str | Path) -> dict[str, Any]:
    """Everything in a checkpoint file, of either kind.

    Raises InvalidCheckpoint where there is none, or it is torn or not ours.
    """
    path = Path(path)
    _refuse_missing(path)
    stored = _read_safetensors(path) if path.suffix == SAFETENSORS else _read_torch(path)
    if not isinstance(stored, dict) or not isinstance(stored.get(PHIN_KEY), dict):
        raise InvalidCheckpoint(path, "is no checkpoint of phin", "name a .ckpt file of a phin-train run")
    return stored


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        remedy = "name a .ckpt or .safetensors file, the folder of a run, or pretrained; phin-train makes one"
        raise InvalidCheckpoint(path, "there is no such file", remedy)


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError:
        raise  # it is not the file's fault
    except Exception:  # torch.load raises whatever its unpickler met in a torn or foreign file
        reason = "cannot be read: it is torn, or no checkpoint"
        raise InvalidCheckpoint(path, reason, "name another .ckpt file of a phin-train run") from None


def _read_safetensors(path: Path) -> dict[str, Any]:
    """The same table as a checkpoint's."""
    try:
        with safe_open(path, "pt") as file:
            identity = json.loads((file.metadata() or {}).get(PHIN_KEY, "null"))
            weights = {MODEL_PREFIX + name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, ValueError):
        reason = "cannot be read: it is torn, or no file of safetensors"
        raise InvalidCheckpoint(path, reason, "export the model again: phin-export") from None
    return {PHIN_KEY: identity, "state_dict": weights}


def export(model: PhinTransformer, identity: Identity, path: str | Path) -> None:
    """Writes a model to hand on, that `load` reads back bit for bit. Raises PhinError where it cannot be written."""
    told = {PHIN_KEY: json.dumps(identity.to_dict(), ensure_ascii=False)}
    with whole_file(path) as partial:
        partial.write_bytes(save(model.state_dict(), metadata=told))


def load(path: str | Path) -> tuple[PhinTransformer, Identity]:
    """The model, ready to be evaluated, and what it is."""
    stored = read(path)
    identity = Identity.from_dict(stored[PHIN_KEY], path)
    model = PhinTransformer(identity.model, identity.tokenizer.condition_sizes)
    prefixed = stored.get("state_dict", {})
    weights = {key.removeprefix(MODEL_PREFIX): v for key, v in prefixed.items() if key.startswith(MODEL_PREFIX)}
    if not weights:
        raise InvalidCheckpoint(path, "holds no weights", "name another .ckpt file of a phin-train run")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InvalidCheckpoint(path, f"its weights do not fit its settings ({reason})", "train anew") from None
    if not all(bool(torch.isfinite(weight).all()) for weight in model.state_dict().values()):
        remedy = "name an earlier checkpoint, or train anew with a lower optimizer.lr"
        raise InvalidCheckpoint(path, "some of its weights are no numbers: training had broken down", remedy)
    return model.eval(), identity


def find(run: str | Path) -> Path:
    """The checkpoint meant by a file, by a run's folder or by its checkpoints/ (the best, else the last), or by the
    name of the model in the box. Raises InvalidCheckpoint where there is none.
    """
    if not str(run):
        raise InvalidCheckpoint("checkpoint=", "is empty", "name a .ckpt file, or the folder of a run")
    run = meant(run)
    if not run.is_dir():
        _refuse_missing(run)
        return run
    for name in ("best.ckpt", "last.ckpt"):
        for folder in (run / "checkpoints", run):
            if (folder / name).is_file():
                return folder / name
    raise InvalidCheckpoint(
        run, "holds no checkpoint", "name the folder of a phin-train run that has begun to validate"
    )
