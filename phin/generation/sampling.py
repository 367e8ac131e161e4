"""From logits to ids: tensor code with its random numbers passed in, so that one graph serves every runtime.

The order is fixed: temperature, top-k, top-p, then the Gumbel draw. `topk` everywhere, never `sort`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from phin.generation.request import SamplerConfig


def filter_logits(logits: Float[Tensor, "*batch id"], config: SamplerConfig) -> Float[Tensor, "*batch id"]:
    """Logits over temperature, -inf for ids that top-k or top-p leaves out. The likeliest id always stays."""
    logits = logits / config.temperature
    size = logits.shape[-1]
    if 0 < config.top_k < size:
        floor = logits.topk(config.top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < floor, -torch.inf)
    if config.top_p < 1:
        ranked, places = logits.topk(size, dim=-1)
        probability = ranked.softmax(dim=-1)
        before = probability.cumsum(dim=-1) - probability  # mass of the ids ranked above
        out = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, places, before >= config.top_p)
        logits = logits.masked_fill(out, -torch.inf)
    return logits


def draw(
    logits: Float[Tensor, "*batch id"], noise: Float[Tensor, "*batch id"], config: SamplerConfig
) -> Int[Tensor, "*batch"]:
    """One id a row: with Gumbel noise, a sample of the filtered softmax."""
    return (filter_logits(logits, config) + noise).argmax(dim=-1)
