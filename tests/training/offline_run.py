"""Reads what W&B wrote down offline: the package has no reader of its own for its files."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2 as pb

BLOCK = 32768
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class OfflineRun:
    """What a folder offline-run-* says: `history` has a dict a logged step, `artifacts` are as they were sent."""

    folder: Path
    about: Any = None
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: list[Any] = field(default_factory=list)
    exit_code: int | None = None


def offline_runs(run: Path) -> list[OfflineRun]:
    """The parts of a run, in the order they ran."""
    return [_read(folder) for folder in sorted((run / "wandb").glob("offline-run-*"))]


def _read(folder: Path) -> OfflineRun:
    read = OfflineRun(folder)
    (file,) = folder.glob("run-*.wandb")
    for record in _records(file.read_bytes()):
        match record.WhichOneof("record_type"):
            case "run":
                read.about = record.run
            case "config":
                read.config |= {item.key: json.loads(item.value_json) for item in record.config.update}
            case "history":
                read.history.append({_name(i): json.loads(i.value_json) for i in record.history.item})
            case "summary":
                read.summary |= {_name(i): json.loads(i.value_json) for i in record.summary.update}
            case "artifact":
                read.artifacts.append(record.artifact)
            case "exit":
                read.exit_code = record.exit.exit_code
    return read


def _name(item: Any) -> str:
    return item.key or " ".join(item.nested_key)


def _records(data: bytes) -> Iterator[Any]:
    """Records, some in pieces, between headers of 7 bytes, within blocks of 32 KiB (LevelDB's log format)."""
    assert data[:4] == b":W&B"
    place, pieces = 7, b""
    while place < len(data):
        left = BLOCK - place % BLOCK
        if left < 7:
            place += left
            continue
        _, size, kind = struct.unpack("<IHB", data[place : place + 7])
        pieces += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (WHOLE, LAST):
            yield pb.Record.FromString(pieces)
            pieces = b""
