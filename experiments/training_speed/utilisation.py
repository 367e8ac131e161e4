"""How much of what a machine can multiply does training use (model FLOPs utilisation, MFU)? From the repository:

    python -m experiments.training_speed.utilisation                                   # a GPU: bfloat16, compiled
    python -m experiments.training_speed.utilisation --device cpu --precision fp32 --no-compile --batch-notes 2048

Operations are those of the forward and the backward pass of `model=large` (a hundred million parameters) as torch
counts them: products of matrices and attention, nothing that is computed twice, and not the optimiser's, whose time
counts. What the machine can do is measured beside it, on square matrices of the same kind of number; a GPU's data sheet
says more, by --peak (TFLOP/s). Prints a line; writes nothing.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from experiments.recipe import WARM_UP, Loop, settings
from phin.corpus.intake import prepare

KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16}
SIDE = 4096
"""Of the matrices that the peak is measured on."""


def seconds_of(work: Callable[[], object], device: str, times: int) -> float:
    """Of one of several calls."""
    _wait(device)
    began = time.perf_counter()
    for _ in range(times):
        work()
    _wait(device)
    return (time.perf_counter() - began) / times


def peak_of(device: str, kind: torch.dtype) -> float:
    """FLOP/s of a product of square matrices: the best of five."""
    side = SIDE if device != "cpu" else SIDE // 4
    a, b = (torch.ones(side, side, dtype=kind, device=device) for _ in range(2))
    seconds_of(lambda: a @ b, device, 3)
    return 2 * side**3 / min(seconds_of(lambda: a @ b, device, 5) for _ in range(5))


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="large")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", choices=KINDS, default="bf16")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--batch-notes", type=int, default=32768)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--peak", type=float, help="TFLOP/s of the data sheet; measured, unless said")
    asked = parser.parse_args()
    if asked.device != "cpu" and not torch.cuda.is_available():
        raise SystemExit("utilisation: there is no GPU here. Take --device cpu --precision fp32 --no-compile")
    kind = KINDS[asked.precision]
    config = settings(f"model={asked.model}", f"data.batch_notes={asked.batch_notes}", "run=unused")
    loop = Loop(config, prepare(config.data), asked.device, None if kind is torch.float32 else kind)
    with FlopCounterMode(display=False) as counter:
        batch = loop.learn()
    loop.optimizer.zero_grad()
    counted = counter.get_total_flops() / int(batch.is_note.sum())
    if not asked.no_compile:
        loop.model.compile()
    loop.train(WARM_UP if asked.device != "cpu" else 1)
    loop.notes = 0
    took = seconds_of(lambda: loop.train(1), asked.device, asked.steps) * asked.steps
    reached, peak = counted * loop.notes / took, asked.peak * 1e12 if asked.peak else peak_of(asked.device, kind)
    number = sum(weight.numel() for weight in loop.model.parameters())
    print(
        f"{number / 1e6:.1f} M parameters, {asked.precision}, {loop.notes / took:,.0f} notes/s, "
        f"{counted / 1e6:,.0f} MFLOP a note ({counted / number:.1f} a parameter), {reached / 1e12:.3f} of "
        f"{peak / 1e12:.3f} TFLOP/s: {reached / peak:.1%}"
    )


if __name__ == "__main__":
    main()
