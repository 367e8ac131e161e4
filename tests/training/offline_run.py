"""Reads what W&B wrote down offline: the package has no reader of its own for its files."""

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2 as pb

BLOCK, HEADER = 32768, 7
PATIENCE = 20.0
"""Seconds until a file that holds nothing is taken for one that nothing is written to."""
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
    for record in _records(_written(folder)):
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


def _written(folder: Path) -> bytes:
    """What is in a run's file, once something is: W&B's own process writes it, and on a busy machine late."""
    (file,) = folder.glob("run-*.wandb")
    begun = time.monotonic()
    while len(data := file.read_bytes()) <= HEADER and time.monotonic() - begun < PATIENCE:
        time.sleep(0.1)
    return data


def _name(item: Any) -> str:
    return item.key or " ".join(item.nested_key)


def _records(data: bytes) -> Iterator[Any]:
    """Records, some in pieces, between headers of 7 bytes, within blocks of 32 KiB (LevelDB's log format)."""
    assert data[:4] == b":W&B"
    place, pieces = HEADER, b""
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
