"""What a run was made with, beside its settings: the code's revision, the corpus, the machine."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import phin
from phin.corpus.store import Store

CHECKOUT = Path(phin.__file__).resolve().parents[1]
GIT_SECONDS = 20
CPU_INFO = Path("/proc/cpuinfo")


def provenance(corpus: str, store: Store) -> dict[str, Any]:
    """As it stands in report.json and in W&B's config; `git` is None outside a checkout, or where there is no git."""
    return {
        "git": git_revision(CHECKOUT),
        "corpus": {
            "name": corpus,
            "fingerprint": store.fingerprint,
            "tunes": len(store),
            "notes": len(store.rows),
            "licence": store.licence,
        },
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            **{package: version(package) for package in ("torch", "lightning", "phin")},
            "processor": processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def processor(described: Path = CPU_INFO) -> str | None:
    """What the processor is called; None where the system does not say."""
    try:
        lines = described.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    named = (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name")
    return next(named, platform.processor()) or None


def git_revision(checkout: Path) -> dict[str, Any] | None:
    """The commit checked out in a folder, and whether its files are `dirty`: differ from it.

    Only where the folder itself is the root of a checkout: an installed phin may lie within somebody's own.
    """
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):  # no git, no commit yet, a checkout of another person's
        return None
    revision, _, dirty = said.stdout.strip().partition("-")
    return {"revision": revision, "dirty": bool(dirty)}
