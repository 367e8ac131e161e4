"""The decode step as a graph of ONNX, fp32 and int8, in a folder that needs no torch (`phin.runtime`).

One graph reads beginnings of any length and single rows alike, of any number of tunes in any number of streams, with
any sampler: all of these are its inputs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import torch
from torch.export import Dim

from phin.checksum import sha256_of
from phin.generation.eight_bits import write_eight_bits
from phin.generation.exported import GRAPHS, INPUTS, OUTPUTS, Manifest, Precision, cache_names
from phin.generation.graph import AXES, FREE, DecodeGraph, about, example
from phin.generation.quiet import quiet
from phin.generation.step import DecodeStep
from phin.model.checkpoint import Identity
from phin.model.transformer import PhinTransformer
from phin.whole_file import whole_folder

OPSET = 23


def export_step(model: PhinTransformer, identity: Identity, folder: str | Path) -> Manifest:
    """Writes the graphs and the manifest into a new folder, which is there whole or not at all.

    Raises as `write_export` does.
    """
    with whole_folder(folder) as desk:
        return write_export(model, identity, desk)


def write_export(model: PhinTransformer, identity: Identity, desk: Path) -> Manifest:
    """Writes the graphs and the manifest into a folder.

    Raises InvalidConfig as `phin.generation.graph.about` does, and ModuleNotFoundError where the extra `export` is not
    installed.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        import_module(name)
    told = about(model, identity)
    fp32, int8 = (desk / GRAPHS[precision] for precision in (Precision.FP32, Precision.INT8))
    _write_graph(DecodeStep(model.float(), identity.learned_fields), fp32)
    write_eight_bits(fp32, int8)
    manifest = Manifest(**told, sha256={path.name: sha256_of(path) for path in (fp32, int8)})
    manifest.write(desk)
    return manifest


def write_eight_bits_but(folder: Path, but: Sequence[str]) -> Manifest:
    """Writes the graph in eight bits of an exported folder anew, some matrices left in fp32, and tells the manifest."""
    fp32, int8 = (folder / GRAPHS[precision] for precision in (Precision.FP32, Precision.INT8))
    write_eight_bits(fp32, int8, but)
    told = Manifest.read(folder)
    manifest = replace(told, in_fp32=tuple(but), sha256={**told.sha256, int8.name: sha256_of(int8)})
    manifest.write(folder)
    return manifest


def _write_graph(step: DecodeStep, path: Path) -> None:
    given, cached = example(step.model)
    free = {name: [place for place, axis in enumerate(AXES[name]) if axis in FREE] for name in INPUTS}
    of_cache = cache_names(len(step.model.blocks))
    free |= {name: [0, 2] for name in of_cache}
    shapes = [dict.fromkeys(free[name], Dim.DYNAMIC) for name in (*INPUTS, *of_cache)]
    with quiet():  # of the exporter about itself
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
