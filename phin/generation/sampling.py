"""From logits to ids: tensor code with its settings and random numbers passed in, so that one graph serves all.

The order is fixed. In `phin.generation.step` what the streams say is added up by their weights (guidance, styles), then
what constraints forbid and costs make dearer is added: so a cost counts for less at a higher temperature. Here come
temperature, top-k, top-p, min-p, then the Gumbel draw. Each filter finds the logit below which ids are left out, so
that ids of one logit stay or go together, in every runtime. `topk` everywhere, never `sort`; and no more ids are ranked
than top-k and top-p choose among, which are RANKED at most, and one where neither is asked for.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from phin.generation.request import SamplerConfig


class Sampling(NamedTuple):
    """The SamplerConfig of each tune as tensors: temperatures by field (FIELDS), and the filters that hold for all."""

    temperature: Float[Tensor, "tune field"]
    ranks: Int[Tensor, " rank"]
    """0, 1 and so on, as many as ids are ranked: which is a size and no number, for it is the size of what follows. So
    tunes that are drawn side by side have as many ranked."""
    top_p: Float[Tensor, "tune 1"]
    log_min_p: Float[Tensor, "tune 1"]
    unranked: Float[Tensor, "tune 1"]
    """0 where ids beyond those ranked are left out; -inf where neither top-k nor top-p is asked for, and they stay."""

    @classmethod
    def of(cls, config: SamplerConfig, count: int = 1, like: Tensor | None = None) -> "Sampling":
        """The tensors of `count` tunes of one config, where `like` is and as precise."""
        like = torch.zeros(()) if like is None else like
        temperature, ranks, *others = map(torch.from_numpy, config.numbers(count))
        return cls(temperature.to(like), ranks.to(like.device), *(each.to(like) for each in others))


def filter_logits(
    logits: Float[Tensor, "tune id"],
    temperature: Float[Tensor, "#tune 1"],
    ranks: Int[Tensor, " rank"],
    top_p: Float[Tensor, "#tune 1"],
    log_min_p: Float[Tensor, "#tune 1"],
    unranked: Float[Tensor, "#tune 1"],
) -> Float[Tensor, "tune id"]:
    """Logits over temperature, -inf for ids that a filter leaves out. The likeliest id always stays."""
    logits = logits / temperature
    most = torch.sym_min(ranks.shape[0], logits.shape[-1])
    ranked = logits.topk(most, dim=-1).values  # pyright: ignore[reportArgumentType]  (a size, though of a graph)
    return from_the_least_kept(logits, ranked, top_p, log_min_p, unranked)


def from_the_least_kept(
    logits: Float[Tensor, "tune id"],
    ranked: Float[Tensor, "tune rank"],
    top_p: Float[Tensor, "#tune 1"],
    log_min_p: Float[Tensor, "#tune 1"],
    unranked: Float[Tensor, "#tune 1"],
    is_over: Bool[Tensor, " rank"] | None = None,
) -> Float[Tensor, "tune id"]:
    """Logits, -inf below the least of the `ranked` that top-p and min-p keep. What `is_over` counts as not ranked."""
    counted = ranked if is_over is None else ranked.masked_fill(is_over, -torch.inf)
    probability = counted.softmax(dim=-1)
    is_left_out = probability.cumsum(dim=-1) - probability >= top_p  # by the mass of the ids ranked above
    if is_over is not None:
        is_left_out = is_left_out | is_over
    floor = ranked.masked_fill(is_left_out, torch.inf).amin(dim=-1, keepdim=True) + unranked
    floor = torch.maximum(floor, ranked[..., :1] + log_min_p)
    return logits.masked_fill(logits < floor, -torch.inf)


def draw(
    logits: Float[Tensor, "tune id"], noise: Float[Tensor, "tune id"], sampling: Sampling, field: int
) -> Int[Tensor, " tune"]:
    """One id a tune: with Gumbel noise, a sample of the filtered softmax."""
    temperature, *filters = sampling
    return (filter_logits(logits, temperature[:, field : field + 1], *filters) + noise).argmax(dim=-1)
