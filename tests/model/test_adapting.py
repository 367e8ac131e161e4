"""Adapting: the weights go on as they were, and a new source begins as what the model does without one."""

from dataclasses import replace

import pytest
import torch

from phin.model.adapting import adapted, with_sources
from phin.model.transformer import PhinTransformer
from phin.tokenizer import SOURCE_CONDITION, UNKNOWN_CONDITION
from tests.tiny import PHRASE, TOKENIZER, batch_of, identity_for, tiny_config


@pytest.fixture
def model() -> PhinTransformer:
    torch.manual_seed(0)
    return PhinTransformer(tiny_config(), TOKENIZER.condition_sizes).eval()


def logits_with_source(model: PhinTransformer, source: int) -> torch.Tensor:
    batch = batch_of(PHRASE)
    conditions = batch.conditions.clone()
    conditions[:, SOURCE_CONDITION] = source
    return torch.cat([field.flatten() for field in model(replace(batch, conditions=conditions))[0].fields])


def test_known_sources_keep_their_numbers_and_new_ones_follow() -> None:
    """A model that knew Irish tunes as number 3 would play Chinese ones when asked for them."""
    assert with_sources(TOKENIZER, ("letters", "han")).sources == (*TOKENIZER.sources, "letters")
    assert with_sources(TOKENIZER, TOKENIZER.sources) == TOKENIZER


def test_an_adapted_model_begins_where_the_other_stopped(model: PhinTransformer) -> None:
    """Adapting would begin from noise, and a player's few tunes are not enough to learn from that."""
    larger = adapted(model, identity_for(model), with_sources(TOKENIZER, ("letters", "midi"))).eval()
    for source in range(1 + len(TOKENIZER.sources)):
        assert torch.equal(logits_with_source(larger, source), logits_with_source(model, source))
    new = 1 + len(TOKENIZER.sources)
    for source in (new, new + 1):
        unknown = logits_with_source(model, UNKNOWN_CONDITION)
        assert torch.equal(logits_with_source(larger, source), unknown)


def test_the_model_that_is_adapted_stays_as_it_was(model: PhinTransformer) -> None:
    """Two players who adapt one model would train each other's."""
    larger = adapted(model, identity_for(model), with_sources(TOKENIZER, ("letters",)))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with torch.no_grad():
        for weight in larger.parameters():
            weight.add_(1.0)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_dropout_may_be_another(model: PhinTransformer) -> None:
    """A few tunes are learned by heart without it, and the model that one has was trained with none."""
    larger = adapted(model, identity_for(model), TOKENIZER, dropout=0.5)
    assert larger.config.dropout == 0.5
    assert adapted(model, identity_for(model), TOKENIZER).config.dropout == model.config.dropout
