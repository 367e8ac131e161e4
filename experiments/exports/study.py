"""How large, how fast, how hungry is an exported model, and how near to what it was made of? With the extras `export`
and `mobile` installed, from the repository:

    python -m experiments.exports.study runs/default [--rounds 7] [--made FOLDER]

Exports the model in every form (into --made, where what is there already is taken), and writes results.csv. Notes are
drawn by all forms in turns, one thread each, by the clock of the processor; memory is that of a process which only
draws one tune; the rest is told by phin.evaluation.equalities on tunes of the validation split.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from phin.cli.engine import open_engine
from phin.corpus.copies import store_of
from phin.data.dataset import EvaluationTunes
from phin.evaluation.equalities import SAMPLERS, agreement, drawn_alike, known, replayed, taught
from phin.generation.export import export_step
from phin.generation.exported import GRAPHS, Precision
from phin.generation.mobile import export_mobile
from phin.generation.play import Engine, play
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.torch_engine import TorchEngine
from phin.model.checkpoint import find, load
from phin.whole_file import write_csv

HERE = Path(__file__).parent
REQUEST = TuneRequest(lines=8, source="han")
ASKED = {
    "plain": TuneRequest(lines=4),
    "in lai yai": TuneRequest(lines=4, lai="yai", source="han"),
    "in lai po sai, guided": TuneRequest(lines=4, lai="po sai", guidance=2.0),
}
"""Drawn after the same past, each with every sampler, its own seed."""
TUNES = 24
BATCHES = (1, 8)
COLUMNS = (
    "form",
    "megabytes",
    *(f"{name}_{count}" for count in BATCHES for name in ("milliseconds_a_note", "times_torch", "lowest", "highest")),
    "peak_megabytes",
    "imported_megabytes",
    "largest_difference",
    "rows_drawn",
    "other",
    "ties",
    "bits_a_note",
    "change_of_bits",
)
DRAW = """
import json, sys
from phin.cli.engine import open_engine
from phin.generation.play import play
from phin.generation.request import TuneRequest

kind, model, precision = sys.argv[1:]
if kind == "torch":
    import torch, phin.generation.torch_engine
elif kind == "ONNX":
    import phin.runtime.onnx_engine
else:
    import phin.runtime.executorch_engine

def megabytes(name):
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines() if ":" in line)
    return int(status[name].split()[0]) / 1000

before = megabytes("VmRSS")
play(open_engine(model, precision or None), TuneRequest(lines=8, source="han"), 1, 5)
print(json.dumps([megabytes("VmHWM"), before]))
"""


def made_of(run: str, made: Path) -> dict[str, tuple[str, str, Path]]:
    """By the name of a form: what opens it, and the file that holds it. What is not there yet is exported."""
    model, identity = load(find(run))
    if not (made / "exported").is_dir():
        export_step(model, identity, made / "exported")
    weights = find(run)  # by the file: of the model in the box the name means its graph
    forms = {"torch": (str(weights), "", weights)}
    for each in Precision:
        graph = made / "exported" / GRAPHS[each]
        forms[f"ONNX {each.value}"] = (str(made / "exported"), each.value, graph)
    for each in Precision:
        program = made / f"{each.value}.pte"
        if not program.is_file():
            export_mobile(model, identity, program, each)
        forms[f".pte {each.value}"] = (str(program), "", program)
    return forms


def notes_a_second(engine: Engine, count: int) -> float:
    began = time.process_time()
    notes = sum(len(each.phrase) for each in play(engine, REQUEST, count, seed=5))
    return notes / (time.process_time() - began)


def timed(engines: Mapping[str, Engine], rounds: int) -> dict[tuple[str, int], dict[str, float]]:
    """Milliseconds a note, and how many times as fast as torch of the same round: median, lowest, highest."""
    rates: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds + 1):  # the first warms up
        for name, engine in engines.items():
            for count in BATCHES:
                rate = notes_a_second(engine, count)
                if number:
                    rates.setdefault((name, count), []).append(rate)
    found = {}
    for (name, count), mine in rates.items():
        times = np.array(mine) / np.array(rates["torch", count])
        names = ("milliseconds_a_note", "times_torch", "lowest", "highest")
        values = 1000 / np.median(mine), np.median(times), times.min(), times.max()
        found[name, count] = {f"{key}_{count}": float(value) for key, value in zip(names, values, strict=True)}
    return found


def memory(kind: str, model: str, precision: str) -> tuple[float, float]:
    """Megabytes of a process at its most, and after its imports."""
    done = subprocess.run([sys.executable, "-c", DRAW, kind, model, precision], capture_output=True, check=True)
    peak, before = json.loads(done.stdout.splitlines()[-1])
    return peak, before


def nearness(engine: TorchEngine, items: list[Any], whole: list[np.ndarray]) -> Callable[[Engine], dict[str, Any]]:
    """What tells how near another engine comes to the model."""
    learned = engine.about.learned_fields

    def near(other: Engine) -> dict[str, Any]:
        said = replayed(other.step(len(items), SamplerConfig(), ()), items, [1] * len(items))
        read = agreement("", items, whole, said, learned)
        drawn = [
            drawn_alike("", engine, other, request, sampler, 6, seed, read.largest)
            for seed, (request, sampler) in enumerate((r, s) for r in ASKED.values() for s in SAMPLERS)
        ]
        rows, others, ties = (sum(getattr(each, name) for each in drawn) for name in ("rows", "other", "ties"))
        # eight bits claim agreement: what differs by so much is a tie nearly always, which tells nothing
        told: dict[str, Any] = {"largest_difference": read.largest, "rows_drawn": rows, "other": others}
        told["ties"] = ties if read.is_equal else ""
        return {**told, "bits_a_note": read.bits, "change_of_bits": read.bits - read.reference_bits}

    return near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--made", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    made = asked.made or Path(tempfile.mkdtemp())
    made.mkdir(exist_ok=True)
    forms = made_of(asked.run, made)
    engine = TorchEngine(*load(find(asked.run)))
    store = store_of(engine.about.corpus_fingerprint, "cache")
    if store is None:
        raise SystemExit("exports: the corpus of this run is not in cache: phin-prepare")
    tunes = EvaluationTunes(store, engine.about.tokenizer, store.split("validation")[:TUNES].tolist())
    items = known([tunes[place] for place in range(len(tunes))], engine.about.learned_fields)
    whole = [taught(engine.model, item) for item in items]
    engines = {name: open_engine(model, precision or None) for name, (model, precision, _) in forms.items()}
    near, speed = nearness(engine, items, whole), timed(engines, asked.rounds)
    rows = []
    for name, (model, precision, path) in forms.items():
        peak, before = memory(name.split()[0], model, precision)
        # a checkpoint holds the optimiser's state too
        size = path.stat().st_size if name != "torch" else sum(each.nbytes for each in engine.model.parameters())
        found: dict[str, Any] = {"form": name, "megabytes": size / 1e6}
        found |= {"peak_megabytes": peak, "imported_megabytes": before, **near(engines[name])}
        for count in BATCHES:
            found |= speed[name, count]
        rows.append({key: f"{value:.4g}" if isinstance(value, float) else value for key, value in found.items()})
        print(rows[-1], flush=True)
    write_csv(HERE / "results.csv", COLUMNS, rows)
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime", "executorch"))
    print(f"{platform.machine()}, Python {platform.python_version()}, {packages}")


if __name__ == "__main__":
    main()
