"""From logits to ids: tensor code with its settings and random numbers passed in, so that one graph serves all.

The order is fixed: temperature, top-k, top-p, min-p, then the Gumbel draw. Each filter finds the logit below which ids
are left out, so that ids of one logit stay or go together, in every runtime. `topk` everywhere, never `sort`.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from phin.generation.request import SamplerConfig


class Sampling(NamedTuple):
    """A SamplerConfig as tensors: temperatures by field (FIELDS), and the filters that hold for all."""

    temperature: Float[Tensor, " field"]
    top_k: Int[Tensor, ""]
    top_p: Float[Tensor, ""]
    log_min_p: Float[Tensor, ""]

    @classmethod
    def of(cls, config: SamplerConfig, like: Tensor | None = None) -> "Sampling":
        """The tensors of a config, where `like` is and as precise."""
        like = torch.zeros(()) if like is None else like
        temperature, top_k, top_p, log_min_p = map(torch.from_numpy, config.numbers())
        return cls(temperature.to(like), top_k.to(like.device), top_p.to(like), log_min_p.to(like))


def filter_logits(
    logits: Float[Tensor, "*batch id"],
    temperature: Float[Tensor, ""],
    top_k: Int[Tensor, ""],
    top_p: Float[Tensor, ""],
    log_min_p: Float[Tensor, ""],
) -> Float[Tensor, "*batch id"]:
    """Logits over temperature, -inf for ids that a filter leaves out. The likeliest id always stays."""
    logits = logits / temperature
    size = logits.shape[-1]
    ranked = logits.topk(size, dim=-1).values
    is_kept = torch.arange(size, device=logits.device) < top_k
    probability = ranked.masked_fill(~is_kept, -torch.inf).softmax(dim=-1)
    before = probability.cumsum(dim=-1) - probability  # mass of the ids ranked above
    is_kept = is_kept & ((before < top_p) | (top_p >= 1))
    floor = ranked.masked_fill(~is_kept, torch.inf).amin(dim=-1, keepdim=True)
    floor = torch.maximum(floor, ranked[..., :1] + log_min_p)
    return logits.masked_fill(logits < floor, -torch.inf)


def draw(
    logits: Float[Tensor, "*batch id"], noise: Float[Tensor, "*batch id"], sampling: Sampling, field: int
) -> Int[Tensor, "*batch"]:
    """One id a row: with Gumbel noise, a sample of the filtered softmax."""
    temperature, *filters = sampling
    return (filter_logits(logits, temperature[field], *filters) + noise).argmax(dim=-1)
