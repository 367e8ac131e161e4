"""The decode step as a program of ExecuTorch for phones, fp32 or int8, in one file (`phin.generation.mobile_file`).

It reads one row of one tune, in one stream or in several, after as many as are cached: prompts row by row, tunes one
after the other. The cache goes in as it lies and is not written; what a row adds to it comes out, and whoever calls
writes that where it belongs. So a program keeps nothing, and can be in many tunes at once.
"""

import copy
import hashlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.export import Dim, ExportedProgram

from phin.generation.exported import INPUTS, Precision
from phin.generation.graph import AXES, DecodeGraph, about, example
from phin.generation.limits import Kind
from phin.generation.mobile_file import (
    FEWEST_SLOTS,
    METHOD,
    MOST_SLOTS,
    MOST_STREAMS,
    PROGRAM,
    MobileManifest,
    write_program,
)
from phin.generation.quiet import quiet
from phin.generation.request import RANKED
from phin.generation.sampling import Sampling, from_the_least_kept
from phin.generation.step import DecodeStep
from phin.model.checkpoint import Identity
from phin.model.transformer import PhinTransformer
from phin.whole_file import whole_file

SIZES = {"row": MOST_STREAMS, "tune": 1, "time": 1, "slot": 64, "seen": 65, "row of after": len(Kind)}
"""To trace by; rows and slots are free."""
AXES_HERE = {**AXES, "ranks": ()}


class MobileStep(DecodeStep):
    """A DecodeStep that always ranks RANKED ids, and counts as many of them as `Sampling.ranks` says in one number.

    How many a program ranks cannot hang on its input: ExecuTorch has to know how large everything may become.
    """

    @staticmethod
    def draw(
        logits: Float[Tensor, "tune id"], noise: Float[Tensor, "tune id"], sampling: Sampling, field: int
    ) -> Int[Tensor, " tune"]:
        """As `phin.generation.sampling.draw`."""
        temperature, num_ranked, *filters = sampling
        logits = logits / temperature[:, field : field + 1]
        ranked = logits.topk(min(RANKED, logits.shape[-1]), dim=-1).values
        is_over = torch.arange(ranked.shape[-1]) >= num_ranked
        return (from_the_least_kept(logits, ranked, *filters, is_over=is_over) + noise).argmax(dim=-1)


def export_mobile(
    model: PhinTransformer, identity: Identity, path: str | Path, precision: Precision = Precision.FP32
) -> MobileManifest:
    """Writes the program, which is there whole or not at all.

    Raises InvalidConfig as `phin.generation.graph.about` does, and ModuleNotFoundError where the extra `mobile` is not
    installed.
    """
    import_module("executorch")
    told = about(model, identity)
    with quiet():  # of the exporters about themselves
        program = _program(MobileStep(copy.deepcopy(model).float(), identity.learned_fields), precision)
    sha256 = {PROGRAM: hashlib.sha256(program).hexdigest()}
    manifest = MobileManifest(**told, sha256=sha256, precision=precision.value)
    with whole_file(path) as partial:
        write_program(program, manifest, partial)
    return manifest


def _program(step: DecodeStep, precision: Precision) -> bytes:
    exir, passes = import_module("executorch.exir"), import_module("executorch.exir.passes")
    xnnpack = import_module("executorch.backends.xnnpack.partition.xnnpack_partitioner")
    traced = _traced(step, precision).run_decompositions(REPLACED)
    lowered = exir.to_edge_transform_and_lower(
        {METHOD: traced},
        partitioner=[xnnpack.XnnpackPartitioner()],
        compile_config=exir.EdgeCompileConfig(_check_ir_validity=False),
    )
    # what goes in is read where it lies: the cache would be copied at every step
    in_place = passes.MemoryPlanningPass(alloc_graph_input=False)
    return lowered.to_executorch(exir.ExecutorchBackendConfig(memory_planning_pass=in_place)).buffer


def _traced(step: DecodeStep, precision: Precision) -> ExportedProgram:
    """The step as operations of torch, its maps in eight bits if that is asked for."""
    given, cached = example(step.model, SIZES, AXES_HERE)
    given[INPUTS.index("tune")].zero_()  # there is only one
    slots = Dim("slot", min=FEWEST_SLOTS, max=MOST_SLOTS)
    free = {"row": Dim("row", min=1, max=MOST_STREAMS), "slot": slots, "seen": slots + 1}
    of_given = [{n: free[axis] for n, axis in enumerate(AXES_HERE[name]) if axis in free} for name in INPUTS]
    shapes = of_given, [{0: free["row"], 2: free["slot"]} for _ in cached]

    def traced(module: Any) -> ExportedProgram:
        return torch.export.export(module, (given, cached), dynamic_shapes=shapes, strict=False)

    program = traced(DecodeGraph(step).eval())
    if precision is Precision.FP32:
        return program
    quantizer = import_module("executorch.backends.xnnpack.quantizer.xnnpack_quantizer")
    pt2e = import_module("torchao.quantization.pt2e.quantize_pt2e")
    how = quantizer.get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True)
    prepared = pt2e.prepare_pt2e(program.module(), quantizer.XNNPACKQuantizer().set_global(how))
    prepared(given, cached)
    return traced(pt2e.convert_pt2e(prepared))


def _scatter_reduce(
    self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool = True
) -> Tensor:
    """The least of what is there and what is scattered there, of which ExecuTorch has no kernel."""
    assert (dim, reduce, include_self) == (1, "amin", True)
    is_there = index[:, None, :] == torch.arange(self.shape[1])[None, :, None]
    return torch.minimum(self, torch.where(is_there, src[:, None, :], torch.inf).amin(dim=2))


def _matmul(left: Tensor, right: Tensor) -> Tensor:
    """Products of heads as one batch: as torch takes matrices of four axes apart, the cache would be copied first."""
    if left.dim() != 4 or right.dim() != 4:
        return NotImplemented
    rows, heads, length, width = left.shape
    product = torch.bmm(left.reshape(rows * heads, length, width), right.reshape(rows * heads, width, right.shape[3]))
    return product.view(rows, heads, length, right.shape[3])


REPLACED: dict[Any, Callable[..., Tensor]] = {
    torch.ops.aten.scatter_reduce.two: _scatter_reduce,
    torch.ops.aten.matmul.default: _matmul,
}
"""Operations that are taken apart in another way than torch's own."""
