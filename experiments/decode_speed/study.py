"""How many notes a second are drawn, by our engines and by Hugging Face's generate. From the repository, with what
experiments/against_peers needs and the extra `export` installed:

    python -m experiments.decode_speed.study runs/default EXPORTED [--rounds 5]

EXPORTED is a folder that phin-export wrote of that run. The ways take turns, one thread each, by the clock of the
processor; a round of each way but the slow ones draws 1, 8 and 64 tunes of eight lines. Writes results.csv: notes a
second and the ratio to `generate` of the same round, as medians, lowest and highest; and bounds.csv: what bounds them,
the first note, whole processes and random numbers.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from experiments.against_peers.remi import RemiNotation
from phin.corpus.copies import store_of
from phin.corpus.store import Store
from phin.generation.exported import Precision
from phin.generation.limits import Limits
from phin.generation.play import Engine, length_of, play
from phin.generation.random import Noise
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.rows import Rows
from phin.generation.stream import stream
from phin.generation.torch_engine import TorchEngine, TorchStep
from phin.model.checkpoint import find, load
from phin.runtime.onnx_engine import OnnxEngine
from phin.whole_file import write_csv

HERE = Path(__file__).parent
REQUEST = TuneRequest(lines=8, source="han")
BATCHES = (1, 8, 64)
GENERATE = "Hugging Face generate"
COLUMNS = ("way", "tunes", "notes_a_second", "lowest", "highest", "times_generate", "times_lowest", "times_highest")
BOUNDS = ("measure", "value", "unit")
TOKENS = 256
"""That GPT-2 draws of each tune: some eighty notes, as our tunes have."""


class Uncached(TorchEngine):
    """The obvious loop: every note reads the whole tune again."""

    def step(self, *arguments: object) -> "WholeStep":
        return WholeStep(super().step(*arguments))


class WholeStep:
    def __init__(self, step: TorchStep) -> None:
        self.make, self.rows = step, None

    def __call__(self, rows: Rows, noise: np.ndarray, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
        before = self.rows
        if before is not None:
            columns = (np.concatenate(pair, axis=1) for pair in zip(before[:5], rows[:5], strict=True))
            place = np.concatenate([before.place, rows.place], axis=1)
            rows = Rows(*columns, rows.bar, rows.closing, rows.conditions, place)
        self.rows = rows
        step = TorchStep(self.make.step, len(rows.ids), SamplerConfig(), self.make.streams)
        return step(rows, noise, limits)

    def keep(self, which: np.ndarray) -> None:
        assert self.rows is not None
        self.rows = Rows(*(column[which] for column in self.rows))


def drawing(engine: Engine) -> Callable[[int], int]:
    """Draws tunes, and says how many notes they have."""
    return lambda count: sum(len(each.phrase) for each in play(engine, REQUEST, count, seed=5))


def generating(weights: int, tokens_a_note: float, vocabulary: int) -> Callable[[int], int]:
    """GPT-2 of as many weights, which need not be learned to be multiplied."""
    config = GPT2Config(vocab_size=vocabulary, n_embd=180, n_layer=6, n_head=6, bos_token_id=0, eos_token_id=None)
    model = GPT2LMHeadModel(config).eval()
    model.generation_config.pad_token_id = 0
    found = sum(weight.numel() for weight in model.parameters())
    print(f"GPT-2 has {found:,} weights, ours {weights:,}", flush=True)
    settings = {"do_sample": True, "max_new_tokens": TOKENS, "min_new_tokens": TOKENS}

    def generate(count: int) -> int:
        ids = torch.zeros(count, 1, dtype=torch.long)
        with torch.inference_mode():
            model.generate(ids, attention_mask=torch.ones_like(ids), **settings)
        return round(count * TOKENS / tokens_a_note)

    return generate


def tokens_a_note(store: Store) -> tuple[float, int]:
    """REMI's, over some validation tunes; and how many different ones there are."""
    notation = RemiNotation()
    tunes = [store.phrase(tune).melody for tune in store.split("validation")[:200].tolist()]
    return sum(len(notation.encode(tune)) for tune in tunes) / sum(map(len, tunes)), notation.size


def timed(work: Callable[[], int]) -> float:
    """Notes a second of the processor's."""
    began = time.process_time()
    return work() / (time.process_time() - began)


def bounds(model: torch.nn.Module) -> list[tuple[str, float, str]]:
    """What one core can do: bytes of the weights' size read, and products of matrices in fp32, a second."""
    weights = sum(weight.numel() for weight in model.parameters())
    buffer = np.ones(weights, np.float32)
    a = np.ones((768, 768), np.float32)

    def best(work: Callable[[], object], amount: float) -> float:
        took = []
        for _ in range(20):
            began = time.process_time()
            for _ in range(5):
                work()
            took.append((time.process_time() - began) / 5)
        return amount / min(took)

    return [
        ("weights", weights, ""),
        ("weights read", best(buffer.sum, buffer.nbytes) / 1e9, "GB/s"),
        ("matrices multiplied", best(lambda: a @ a, 2 * 768**3) / 1e9, "GFLOP/s"),
    ]


def first_note(engine: Engine) -> float:
    """Milliseconds from a loaded model to the first note of a tune."""
    took = []
    for _ in range(9):
        began = time.perf_counter()
        next(stream(engine, REQUEST, seed=1, constraints=[length_of(REQUEST)]))
        took.append(1000 * (time.perf_counter() - began))
    return float(np.median(took))


def shell(exported: str) -> list[tuple[str, float]]:
    """Seconds by the wall of whole processes: from the shell to eight tunes of four lines on the disk."""
    script = Path(sys.executable).parent / "phin-generate"
    asked = [str(script), f"checkpoint={exported}", "precision=int8", "count=8", "lines=4"]
    ways = {"import torch": [sys.executable, "-c", "import torch"], "eight tunes, MIDI": [*asked, "formats=[mid]"]}
    ways["eight tunes, every form"] = asked
    took = {name: list[float]() for name in ways}
    for _ in range(5):
        for name, command in ways.items():
            with tempfile.TemporaryDirectory() as desk:
                out = [] if "import" in name else [f"out={desk}/tunes"]
                began = time.perf_counter()
                subprocess.run([*command, *out], check=True, capture_output=True)
                took[name].append(time.perf_counter() - began)
    return [(name, float(np.median(seconds))) for name, seconds in took.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("exported")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model, identity = load(find(asked.run))
    store = store_of(identity.corpus_fingerprint, "cache")
    if store is None:
        raise SystemExit("decode_speed: the corpus of this run is not in cache: phin-prepare")
    engine = TorchEngine(model, identity)
    weights = sum(weight.numel() for weight in model.parameters())
    ways: dict[str, Callable[[int], int]] = {GENERATE: generating(weights, *tokens_a_note(store))}
    ways |= {f"ONNX Runtime, {each.value}": drawing(OnnxEngine(asked.exported, each)) for each in Precision}
    ways |= {"torch": drawing(engine), "torch, compiled": drawing(engine.compiled())}
    ways["torch, no cache"] = drawing(Uncached(model, identity))
    rates: dict[tuple[str, int], list[float]] = {}
    for number in range(asked.rounds + 1):  # the first warms up
        for way, work in ways.items():
            for count in BATCHES:
                if way == "torch, no cache" and count > 1:
                    continue
                rate = timed(lambda work=work, count=count: work(count))
                if number:
                    rates.setdefault((way, count), []).append(rate)
    rows = []
    for (way, count), found in rates.items():
        times = np.array(found) / np.array(rates[GENERATE, count])
        values = [np.median(found), min(found), max(found), np.median(times), times.min(), times.max()]
        rows.append(dict(zip(COLUMNS, [way, count, *(f"{value:.4g}" for value in values)], strict=True)))
        print(rows[-1], flush=True)
    write_csv(HERE / "results.csv", COLUMNS, rows)
    found = bounds(model)
    for precision in Precision:
        found.append((f"first note, {precision.value}", first_note(OnnxEngine(asked.exported, precision)), "ms"))
    found.append(("first note, torch", first_note(engine), "ms"))
    found += [(name, seconds, "s") for name, seconds in shell(asked.exported)]
    began = time.perf_counter()
    for row in range(200):
        Noise(0, range(64)).of_row(row)
    found.append(("random numbers of 64 tunes, a row", (time.perf_counter() - began) / 200 * 1000, "ms"))
    said = [(name, f"{value:.7g}", unit) for name, value, unit in found]
    write_csv(HERE / "bounds.csv", BOUNDS, [dict(zip(BOUNDS, each, strict=True)) for each in said])
    for name, value, unit in said:
        print(f"{name}: {value} {unit}".rstrip())


if __name__ == "__main__":
    main()
