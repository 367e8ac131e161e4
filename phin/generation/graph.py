"""The decode step with tensors alone for inputs, as exporters take it, and what every exported form says of a model."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from phin.errors import InvalidConfig
from phin.generation.exported import INPUTS
from phin.generation.limits import MOST_RECALLED, NUM_AFTER, Kind
from phin.generation.reading import Mixture, Reading
from phin.generation.sampling import Sampling
from phin.generation.step import DecodeStep, StepCache, StepLimits
from phin.lookup import NUM_LOOKUPS, POSITIONS
from phin.model.checkpoint import Identity
from phin.model.transformer import PhinTransformer
from phin.tokenizer import FIRST_IDS, NUM_FIELDS, SIZES, STEP


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
    "temperature": ("tune", NUM_FIELDS),
    "ranks": ("rank",),
    "top_p": ("tune", 1),
    "log_min_p": ("tune", 1),
    "unranked": ("tune", 1),
}
"""Of every input."""
REAL = ("noise", "step", "after", "recalled_cost", "weights", "temperature", "top_p", "log_min_p", "unranked")


def example(
    model: PhinTransformer, sized: Mapping[str, int] = FREE, axes: Mapping[str, tuple[str | int, ...]] = AXES
) -> tuple[list[Tensor], list[Tensor]]:
    """Inputs to trace the graph with, and keys and values that are cached. `sized` are the axes that have names."""
    config, like = model.config, next(model.parameters())
    sizes = {name: [sized[axis] if isinstance(axis, str) else axis for axis in axes[name]] for name in INPUTS}
    kinds = {name: like.dtype if name in REAL else torch.bool if name == "sees" else torch.int64 for name in INPUTS}
    given = [torch.ones(sizes[name], dtype=kinds[name]) for name in INPUTS]
    of_cache = sized["row"], config.num_heads, sized["slot"], config.dim // config.num_heads
    return given, [like.new_zeros(of_cache) for _ in range(2 * config.num_layers)]  # one for two would stay one


def about(model: PhinTransformer, identity: Identity) -> dict[str, Any]:
    """What a Manifest says of a model, whatever form it is exported in.

    Raises InvalidConfig for one with learned positions: what is exported could not refuse a tune that is too long.
    """
    if model.config.learned_positions:
        remedy = "train one with musical time, as model=small"
        raise InvalidConfig("model.learned_positions=true", "cannot be exported: its tunes end with its table", remedy)
    return {
        "tokenizer": identity.tokenizer,
        "corpus": identity.corpus,
        "corpus_fingerprint": identity.corpus_fingerprint,
        "adapted_from": identity.adapted_from,
        "licence": identity.licence,
        "learned_fields": identity.learned_fields,
        "num_layers": model.config.num_layers,
        "num_heads": model.config.num_heads,
        "head_width": model.config.dim // model.config.num_heads,
    }
