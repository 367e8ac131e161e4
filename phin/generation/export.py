"""The decode step as a graph of ONNX, fp32 and int8, in a folder that needs no torch (`phin.runtime`).

One graph reads beginnings of any length and single rows alike, of any number of tunes in any number of streams, with
any sampler: all of these are its inputs.
"""

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from phin.errors import InvalidConfig
from phin.generation.eight_bits import write_eight_bits
from phin.generation.exported import GRAPHS, INPUTS, OUTPUTS, Manifest, Precision, cache_names, hash_of
from phin.generation.limits import MOST_RECALLED, NUM_AFTER, Kind
from phin.generation.reading import Mixture, Reading
from phin.generation.sampling import Sampling
from phin.generation.step import DecodeStep, StepCache, StepLimits
from phin.lookup import NUM_LOOKUPS, POSITIONS
from phin.model.checkpoint import Identity
from phin.model.transformer import PhinTransformer
from phin.tokenizer import FIRST_IDS, NUM_FIELDS, SIZES, STEP
from phin.whole_file import whole_folder

OPSET = 23


class DecodeGraph(nn.Module):
    """A DecodeStep whose every input is a tensor (`INPUTS`, and the keys, then the values, of each layer)."""

    def __init__(self, step: DecodeStep) -> None:
        super().__init__()
        self.step = step

    def forward(self, given: Sequence[Tensor], cached: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """What was drawn, how likely every id was, and the keys, then the values, of the rows in each layer."""
        left = iter(given)

        def taken(kind: type[Any]) -> Any:
            return kind(*islice(left, len(kind._fields)))

        reading, noise, limits = taken(Reading), next(left), taken(StepLimits)
        mixture, sampling = taken(Mixture), taken(Sampling)
        layers = len(cached) // 2
        cache = StepCache(tuple(cached[:layers]), tuple(cached[layers:]))
        drawn, own = self.step(reading, cache, noise, limits, mixture, sampling)
        return drawn.ids, drawn.chances, *own.keys, *own.values


FREE = {"row": 6, "tune": 3, "time": 5, "slot": 7, "seen": 12, "rank": 5, "row of after": 3 * len(Kind)}
"""Sizes that are free, with those to trace by: none is 0 or 1, which would be taken for all there is."""
AXES: dict[str, tuple[str | int, ...]] = {
    "lookups": ("row", "time", NUM_LOOKUPS),
    "position": ("row", len(POSITIONS), "time"),
    "sees": ("row", 1, "time", "seen"),
    "began": ("row", "seen"),
    "melody": ("tune",),
    "landing": ("tune", 4, 3),
    "noise": ("tune", FIRST_IDS[-1]),
    "step": ("tune", SIZES[STEP]),
    "after": ("row of after", NUM_AFTER),
    "kind": ("tune", SIZES[STEP]),
    "recalled": ("tune", 2, MOST_RECALLED),
    "recalled_cost": ("tune", MOST_RECALLED),
    "weights": ("tune", "row"),
    "tune": ("row",),
    "temperature": (NUM_FIELDS,),
    "ranks": ("rank",),
}
"""Of the inputs that are no single numbers."""
REAL = ("noise", "step", "after", "recalled_cost", "weights", "temperature", "top_p", "log_min_p", "unranked")


def example(
    model: PhinTransformer, sized: Mapping[str, int] = FREE, axes: Mapping[str, tuple[str | int, ...]] = AXES
) -> tuple[list[Tensor], list[Tensor]]:
    """Inputs to trace the graph with, and keys and values that are cached. `sized` are the axes that have names."""
    config, like = model.config, next(model.parameters())
    sizes = {name: [sized[axis] if isinstance(axis, str) else axis for axis in axes.get(name, ())] for name in INPUTS}
    kinds = {name: like.dtype if name in REAL else torch.bool if name == "sees" else torch.int64 for name in INPUTS}
    given = [torch.ones(sizes[name], dtype=kinds[name]) for name in INPUTS]
    of_cache = sized["row"], config.num_heads, sized["slot"], config.dim // config.num_heads
    return given, [like.new_zeros(of_cache) for _ in range(2 * config.num_layers)]  # one for two would stay one


def export_step(model: PhinTransformer, identity: Identity, folder: str | Path) -> Manifest:
    """Writes the graphs and the manifest into a new folder, which is there whole or not at all.

    Raises as `write_export` does.
    """
    with whole_folder(folder) as desk:
        return write_export(model, identity, desk)


def write_export(model: PhinTransformer, identity: Identity, desk: Path) -> Manifest:
    """Writes the graphs and the manifest into a folder.

    Raises InvalidConfig for a model with learned positions, whose graph could not refuse a tune that is too long, and
    ModuleNotFoundError where the extra `export` is not installed.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        import_module(name)
    if model.config.learned_positions:
        remedy = "train one with musical time, as model=small"
        raise InvalidConfig("model.learned_positions=true", "cannot be exported: its tunes end with its table", remedy)
    fp32, int8 = (desk / GRAPHS[precision] for precision in (Precision.FP32, Precision.INT8))
    _write_graph(DecodeStep(model.float(), identity.learned_fields), fp32)
    write_eight_bits(fp32, int8)
    manifest = Manifest(
        identity.tokenizer,
        identity.corpus,
        identity.corpus_fingerprint,
        identity.licence,
        identity.learned_fields,
        num_layers=model.config.num_layers,
        num_heads=model.config.num_heads,
        head_width=model.config.dim // model.config.num_heads,
        sha256={path.name: hash_of(path) for path in (fp32, int8)},
    )
    manifest.write(desk)
    return manifest


def write_eight_bits_but(folder: Path, but: Sequence[str]) -> Manifest:
    """Writes the graph in eight bits of an exported folder anew, some matrices left in fp32, and tells the manifest."""
    fp32, int8 = (folder / GRAPHS[precision] for precision in (Precision.FP32, Precision.INT8))
    write_eight_bits(fp32, int8, but)
    told = Manifest.read(folder)
    manifest = replace(told, in_fp32=tuple(but), sha256={**told.sha256, int8.name: hash_of(int8)})
    manifest.write(folder)
    return manifest


def _write_graph(step: DecodeStep, path: Path) -> None:
    given, cached = example(step.model)
    free = {name: [place for place, axis in enumerate(AXES.get(name, ())) if axis in FREE] for name in INPUTS}
    of_cache = cache_names(len(step.model.blocks))
    free |= {name: [0, 2] for name in of_cache}
    shapes = [dict.fromkeys(free[name], Dim.DYNAMIC) for name in (*INPUTS, *of_cache)]
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")  # of the exporter about itself
        program = torch.onnx.export(
            DecodeGraph(step).eval(),
            (given, cached),
            dynamo=True,
            dynamic_shapes=(shapes[: len(given)], shapes[len(given) :]),
            input_names=[*INPUTS, *of_cache],
            output_names=[*OUTPUTS, *cache_names(len(step.model.blocks), "own_")],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    program.save(str(path))
    refuse_fixed_sizes({each.name: list(each.shape or ()) for each in program.model.graph.inputs}, free)


def refuse_fixed_sizes(given: Mapping[str | None, Sequence[object]], free: Mapping[str, Iterable[int]]) -> None:
    """Raises RuntimeError where an axis that must be free is a number: the exporter says nothing when it fixes one."""
    fixed = [name for name, axes in free.items() if any(isinstance(given[name][axis], int) for axis in axes)]
    if fixed:
        raise RuntimeError(f"the exporter gave {', '.join(fixed)} fixed sizes")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporter from saying anything but errors."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
