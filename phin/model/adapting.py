"""A trained model that is to learn new tunes: the same weights, and a vocabulary that has the new sources too."""

from dataclasses import replace

import torch

from phin.model.checkpoint import Identity
from phin.model.transformer import PhinTransformer
from phin.tokenizer import SOURCE_CONDITION, UNKNOWN_CONDITION, Tokenizer


def with_sources(tokenizer: Tokenizer, sources: tuple[str, ...]) -> Tokenizer:
    """The tokenizer, with the sources it did not know behind those it knew: no id changes its meaning."""
    return replace(tokenizer, sources=tuple(dict.fromkeys([*tokenizer.sources, *sources])))


def adapted(
    model: PhinTransformer, identity: Identity, tokenizer: Tokenizer, dropout: float | None = None
) -> PhinTransformer:
    """A model with the same weights for a tokenizer that knows more sources (`with_sources`).

    A new source begins as what the model does where the source is hidden. `dropout`, if given, is the new model's.
    """
    config = identity.model if dropout is None else replace(identity.model, dropout=dropout)
    larger = PhinTransformer(config, tokenizer.condition_sizes)
    weights = model.state_dict()
    key = f"embed.conditions.{SOURCE_CONDITION}.weight"
    known = weights[key]
    new = len(tokenizer.sources) - len(identity.tokenizer.sources)
    weights[key] = torch.cat([known, known[[UNKNOWN_CONDITION]].expand(new, -1)])
    larger.load_state_dict(weights)
    return larger
