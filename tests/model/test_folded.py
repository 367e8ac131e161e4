"""The folded ends of the transformer say what the plain ones say."""

import pytest
import torch

from phin.errors import InvalidConfig
from phin.model.folded import FoldedEmbedding, FoldedHeads
from phin.model.transformer import PhinTransformer, RowInputs
from phin.tokenizer import FIELDS, NUM_FIELDS
from tests.tiny import PHRASE, SWITCHES, batch_of, melodies, tiny_model


@pytest.fixture(params=SWITCHES.values(), ids=SWITCHES.keys())
def model(request: pytest.FixtureRequest) -> PhinTransformer:
    return tiny_model(**request.param)


def rows() -> RowInputs:
    """Rows with and without a melody before them, in known and unknown bars, under conditions of all kinds."""
    plain = RowInputs.from_batch(batch_of(PHRASE, *melodies(3)))
    generator = torch.Generator().manual_seed(0)
    conditions = torch.randint(0, 3, plain.conditions.shape, generator=generator)
    return plain._replace(bar=torch.tensor([0, 48, 72, 96]), conditions=conditions)


def test_rows_become_the_same_vectors(model: PhinTransformer) -> None:
    """Fails: what is played comes from other inputs than what was trained."""
    given = rows()
    count, time = given.onset.shape
    for place in (torch.arange(time).expand(count, -1), torch.arange(time).expand(count, -1) - 2):
        told = FoldedEmbedding(model.embed)(given, place)
        torch.testing.assert_close(told, model.embed(given, place), rtol=0, atol=1e-12)


def test_fields_get_the_same_logits_and_states(model: PhinTransformer) -> None:
    """Fails: what is drawn has other probabilities than those that were measured."""
    given, folded = rows(), FoldedHeads(model.heads)
    batch = batch_of(PHRASE, *melodies(3))
    state, _ = model.trunk(given)
    mine = state
    for field in range(NUM_FIELDS):
        logits, state = model.heads.logits(field, state, given.melody)
        told, mine = folded.logits(field, mine, given.melody)
        assert told.shape[-1] == FIELDS[field].size
        torch.testing.assert_close(told, logits, rtol=0, atol=1e-10)
        state = model.heads.see(field, state, batch.targets[..., field], given)
        mine = folded.see(field, mine, batch.targets[..., field], given)
        torch.testing.assert_close(mine, state, rtol=0, atol=1e-10)


def test_a_table_of_places_ends_where_it_ended() -> None:
    """Fails: a tune beyond the table of learned positions ends in a page of traceback."""
    model = tiny_model(learned_positions=True, index_rotary=False, longest_tune=8)
    with pytest.raises(InvalidConfig, match="cannot read row"):
        FoldedEmbedding(model.embed)(rows(), torch.arange(rows().onset.shape[1])[None])
