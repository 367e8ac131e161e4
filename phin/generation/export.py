"""The decode step as a graph of ONNX, fp32 and int8, in a folder that needs no torch (`phin.runtime`).

One graph reads beginnings of any length and single rows alike, of any number of tunes in any number of streams, with
any sampler: all of these are its inputs.
"""

import hashlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from phin.errors import InvalidConfig
from phin.generation.eight_bits import write_eight_bits
from phin.generation.exported import GRAPHS, INPUTS, LIMITS, MANIFEST, OUTPUTS, ROWS, Manifest, Precision, cache_names
from phin.generation.limits import MOST_RECALLED, NUM_ADDED
from phin.generation.sampling import Sampling
from phin.generation.step import DecodeStep, StepLimits
from phin.model.checkpoint import Identity
from phin.model.transformer import KVCache, PhinTransformer, RowInputs
from phin.motif import COLUMNS
from phin.tokenizer import FIRST_IDS, NUM_CONDITIONS, NUM_FIELDS, SIZES, STEP

OPSET = 23


class DecodeGraph(nn.Module):
    """A DecodeStep whose tunes and streams are two axes, and whose every setting is a tensor (`INPUTS`)."""

    def __init__(self, step: DecodeStep) -> None:
        super().__init__()
        self.step = step

    def forward(
        self,
        ids: Int[Tensor, "stream tune time 6"],
        onset: Int[Tensor, "stream tune time"],
        melody: Int[Tensor, "stream tune time"],
        melody_before: Int[Tensor, "stream tune time"],
        motif: Int[Tensor, "stream tune time 4"],
        bar: Int[Tensor, "stream tune"],
        conditions: Int[Tensor, "stream tune 5"],
        place: Int[Tensor, "stream tune time"],
        slot_onset: Int[Tensor, "stream tune slot"],
        slot_place: Int[Tensor, "stream tune slot"],
        noise: Float[Tensor, "tune id"],
        added: Float[Tensor, "tune limit"],
        kind: Int[Tensor, "tune step"],
        recalled: Int[Tensor, "tune 2 motif"],
        recalled_cost: Float[Tensor, "tune motif"],
        streams: Float[Tensor, " stream"],
        temperature: Float[Tensor, " field"],
        top_k: Int[Tensor, ""],
        top_p: Float[Tensor, ""],
        log_min_p: Float[Tensor, ""],
        unranked: Float[Tensor, ""],
        window: Int[Tensor, ""],
        cached: list[Float[Tensor, "stream tune head slot width"]],
    ) -> tuple[Tensor, ...]:
        """What was drawn, how likely every id was, and the keys, then the values, of the rows in each layer.

        `cached` are the keys, then the values, of each layer.
        """
        rows = (ids, onset, melody, melody_before, motif, bar, conditions, place)
        flat = RowInputs(*(column.flatten(0, 1) for column in rows))
        layers = [each.flatten(0, 1) for each in cached]
        keys, values = tuple(layers[: len(layers) // 2]), tuple(layers[len(layers) // 2 :])
        cache = KVCache(keys, values, slot_onset.flatten(0, 1), slot_place.flatten(0, 1))
        limits = StepLimits(added, kind, recalled, recalled_cost)
        sampling = Sampling(temperature, top_k, top_p, log_min_p, unranked)
        drawn, own = self.step(flat, cache, noise, limits, streams, sampling, window)
        sizes = ids.shape[:2]
        return drawn.ids, drawn.chances, *(each.unflatten(0, sizes) for each in own.keys + own.values)


def example(
    model: PhinTransformer, streams: int = 2, tunes: int = 3, time: int = 5, slots: int = 7
) -> dict[str, Tensor | list[Tensor]]:
    """Inputs to trace the graph with: no size of them is 0 or 1, which would be taken for all there is."""
    heads, width = model.config.num_heads, model.config.dim // model.config.num_heads
    weight = next(model.parameters())

    def whole(*shape: int) -> Tensor:
        return torch.zeros(shape, dtype=torch.int64)

    def real(*shape: int) -> Tensor:
        return torch.zeros(shape, dtype=weight.dtype)

    rows = (streams, tunes, time)
    cached = [real(streams, tunes, heads, slots, width) for _ in range(2 * model.config.num_layers)]
    values = (
        whole(*rows, NUM_FIELDS), whole(*rows), whole(*rows), whole(*rows), whole(*rows, len(COLUMNS)),
        whole(streams, tunes) + 48, whole(streams, tunes, NUM_CONDITIONS), whole(*rows) + torch.arange(time) + slots,
        whole(streams, tunes, slots), whole(streams, tunes, slots) + torch.arange(slots),
        real(tunes, FIRST_IDS[-1]), real(tunes, NUM_ADDED), whole(tunes, SIZES[STEP]),
        whole(tunes, 2, MOST_RECALLED), real(tunes, MOST_RECALLED), real(streams) + 1 / streams,
        real(NUM_FIELDS) + 1, whole() + 5, real() + 1, real() - 5, real(), whole() + 100,
    )  # fmt: skip
    return {**dict(zip(INPUTS, values, strict=True)), "cached": cached}


def export_step(model: PhinTransformer, identity: Identity, folder: str | Path) -> Manifest:
    """Writes the graphs and the manifest into a new folder, which is there whole or not at all.

    Raises InvalidConfig for a model with learned positions, whose graph could not refuse a tune that is too long, and
    ModuleNotFoundError where the extra `export` is not installed.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        import_module(name)
    if model.config.learned_positions:
        remedy = "train one with musical time, as model=small"
        raise InvalidConfig("model.learned_positions=true", "cannot be exported: its tunes end with its table", remedy)
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as desk:
        fp32, int8 = (Path(desk) / GRAPHS[precision] for precision in (Precision.FP32, Precision.INT8))
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
            sha256={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (fp32, int8)},
        )
        text = json.dumps(manifest.to_dict(), ensure_ascii=False, indent=1)
        (Path(desk) / MANIFEST).write_text(text, encoding="utf-8")
        os.rename(desk, folder)
        Path(desk).mkdir()  # for TemporaryDirectory to remove
    return manifest


def _write_graph(step: DecodeStep, path: Path) -> None:
    inputs = example(step.model)
    axes = {
        ("stream", "tune", "time"): [name for name in ROWS if name not in ("bar", "conditions")],
        ("stream", "tune"): ["bar", "conditions"],
        ("stream", "tune", "slot"): ["slot_onset", "slot_place"],
        ("tune",): ["noise", *LIMITS],
        ("stream",): ["streams"],
    }
    dims = {name: torch.export.Dim(name) for name in ("stream", "tune", "time", "slot")}
    shapes = {
        name: {place: dims[axis] for place, axis in enumerate(of) if axis}
        for of, names in axes.items()
        for name in names
    }
    layers, cached = len(step.model.blocks), {0: dims["stream"], 1: dims["tune"], 3: dims["slot"]}
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")  # of the exporter about itself
        program = torch.onnx.export(
            DecodeGraph(step).eval(),
            kwargs=inputs,
            dynamo=True,
            dynamic_shapes={**{name: shapes.get(name, {}) for name in INPUTS}, "cached": [cached] * (2 * layers)},
            input_names=[*INPUTS, *cache_names(layers)],
            output_names=[*OUTPUTS, *cache_names(layers, "own_")],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    program.save(str(path))
    refuse_fixed_sizes({each.name: list(each.shape or ()) for each in program.model.graph.inputs}, shapes)


def refuse_fixed_sizes(given: Mapping[str | None, Sequence[object]], free: Mapping[str, Mapping[int, object]]) -> None:
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
