"""A model for a phone, NAME.pte: the agreement between who writes it and who plays from it. No torch is needed.

The file is a program of ExecuTorch, and after it what the model is, where ExecuTorch does not look: so the two are
never parted, and an app loads the file as it is. Read from its end: MAGIC, the length of the manifest in eight bytes
(little-endian), the manifest as JSON, the program.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from phin.errors import InvalidCheckpoint
from phin.generation.exported import Manifest, Precision

SUFFIX = ".pte"
MAGIC = b"phin.pte"
METHOD = "step"
"""Of the program. It takes `phin.generation.exported.INPUTS`, then the keys and values that are cached: of one tune,
and of one row in each stream. Instead of `ranks` it takes how many there are."""
PROGRAM = "program"
MOST_STREAMS = 3
"""A style, another to lean to, and nothing to lean away from (`TuneRequest.streams`)."""
FEWEST_SLOTS = 2
MOST_SLOTS = 4096
"""Rows of a tune that can be cached: some 250 lines of music. What a program needs of memory grows with it."""
_SIZE = 8


@dataclass(frozen=True)
class MobileManifest(Manifest):
    """What a program says of itself; its `sha256` is of PROGRAM."""

    precision: str = Precision.FP32.value
    most_slots: int = MOST_SLOTS


def write_program(program: bytes, manifest: MobileManifest, path: Path) -> None:
    """Writes the file."""
    text = json.dumps(manifest.to_dict(), ensure_ascii=False).encode()
    path.write_bytes(program + text + len(text).to_bytes(_SIZE, "little") + MAGIC)


def read_program(path: str | Path) -> tuple[bytes, MobileManifest]:
    """The program, and what it says of itself. Raises InvalidCheckpoint where a file is none of ours, or torn."""
    path, remedy = Path(path), "export the model again: phin-export"
    if not path.is_file():
        raise InvalidCheckpoint(path, "there is no such file", remedy)
    stored, end = path.read_bytes(), -_SIZE - len(MAGIC)
    if stored[-len(MAGIC) :] != MAGIC or len(stored) < -end:
        raise InvalidCheckpoint(path, "is torn, or no program that phin-export wrote", remedy)
    begins = max(len(stored) + end - int.from_bytes(stored[end : -len(MAGIC)], "little"), 0)
    manifest = MobileManifest.read(path, stored[begins:end])
    assert isinstance(manifest, MobileManifest)
    if hashlib.sha256(stored[:begins]).hexdigest() != manifest.sha256.get(PROGRAM):
        raise InvalidCheckpoint(path, "holds another program than its manifest tells of", remedy)
    return stored[:begins], manifest
