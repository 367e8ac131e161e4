"""Packs a finished run as the model in the box: its weights in half precision, and their decode step in eight bits.

    python -m experiments.pretrained.pack RUN [FOLDER]

Both are made of the same rounded weights. The graph is tried on held-out tunes before it is packed. Writes to
phin/pretrained/ unless another FOLDER is named; of what lies there only the model's own files are written anew.
"""

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from omegaconf import OmegaConf

from experiments.pretrained.reference import reference_bits, reference_tunes
from phin.checksum import sha256_of
from phin.evaluation.bits_table import ALL
from phin.evaluation.exports import export_proven
from phin.evaluation.runs.run_folder import SETTINGS
from phin.generation.exported import GRAPHS, Manifest, Precision
from phin.model.checkpoint import export, find, load
from phin.pretrained import FOLDER, MADE, WEIGHTS
from phin.training.outcome import finished_report
from phin.whole_file import write_text

GRAPH = GRAPHS[Precision.INT8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    arguments = parser.parse_args()
    pack(arguments.run, arguments.folder)


def pack(run: Path, folder: Path, cache: str = "cache") -> dict[str, Any]:
    """Writes the model's files, and returns what is told of it. Raises PhinError where the graph is not the model."""
    report = finished_report(run)
    if report is None:
        raise SystemExit(f"{run} is not finished: go on with it, phin-train resume={run}")
    folder.mkdir(parents=True, exist_ok=True)
    trained, identity = load(find(run))
    with TemporaryDirectory() as desk:
        rounded = Path(desk) / WEIGHTS
        export(trained.half(), identity, rounded)
        model, _ = load(rounded)
        exported = Path(desk) / "exported"
        export_proven(str(rounded), cache, exported, print)
        manifest = Manifest.read(exported)
        made = {
            "settings": OmegaConf.to_container(OmegaConf.load(run / SETTINGS)),
            **{key: report[key] for key in ("git", "machine", "corpus", "steps", "seconds_training")},
            "checkpoint": report["checkpoint"],
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "validation_bits_per_note": report["validation_bits_per_note"],
            "test": report["test"],
            "reference_bits_per_note": reference_bits(model, reference_tunes(identity.tokenizer)),
            "proof": manifest.proof,
            "sha256": {WEIGHTS: sha256_of(rounded), GRAPH: sha256_of(exported / GRAPH)},
        }
        shutil.copyfile(rounded, folder / WEIGHTS)
        shutil.copyfile(exported / GRAPH, folder / GRAPH)
        replace(manifest, sha256={GRAPH: manifest.sha256[GRAPH]}).write(folder)
    write_text(folder / MADE, json.dumps(made, ensure_ascii=False, indent=1))
    whole = next(row for row in made["test"] if row["source"] == ALL)
    size = sum((folder / name).stat().st_size for name in (WEIGHTS, GRAPH))
    read = f"{whole['bits']:.3f} bits a note of the test split (Markov {whole['markov']:.3f})"
    print(f"{folder}: {size / 1e6:.1f} MB, {read}")
    return made


if __name__ == "__main__":
    main()
