"""The folded ends of the transformer say what the plain ones say."""

import numpy as np
import pytest
import torch
from torch import Tensor

from phin.errors import InvalidConfig
from phin.lookup import landing, lookups, note_ends
from phin.model.folded import FoldedEmbedding, FoldedHeads
from phin.model.transformer import PhinTransformer, RowInputs
from phin.tokenizer import FIELDS, NO_CLOSING, NUM_FIELDS, PITCH, STEP, UNKNOWN_ID
from tests.tiny import PHRASE, SWITCHES, batch_of, melodies, tiny_model


@pytest.fixture(params=SWITCHES.values(), ids=SWITCHES.keys())
def model(request: pytest.FixtureRequest) -> PhinTransformer:
    return tiny_model(**request.param)


def rows() -> RowInputs:
    """Rows with and without a melody before them, in known and unknown bars, told and not told when their last stroke
    comes, under conditions of all kinds.
    """
    plain = RowInputs.from_batch(batch_of(PHRASE, *melodies(3)))
    generator = torch.Generator().manual_seed(0)
    conditions = torch.randint(0, 3, plain.conditions.shape, generator=generator)
    closing = torch.tensor([108, NO_CLOSING, 55, 10_000])
    return plain._replace(bar=torch.tensor([0, 48, 72, 96]), closing=closing, conditions=conditions)


def numbers(given: RowInputs, place: Tensor) -> Tensor:
    """What the rows look up."""
    ids, onset, _, melody_before, *others = (part.numpy() for part in given[:-1])
    moments = np.stack([onset, note_ends(ids, onset)], axis=1)
    return torch.from_numpy(lookups(ids, melody_before, moments, *others, (place == 0).numpy()))


def test_rows_become_the_same_vectors(model: PhinTransformer) -> None:
    """Fails: what is played comes from other inputs than what was trained."""
    given = rows()
    count, time = given.onset.shape
    assert given.onset.min() < 0, "also in a pickup"
    for place in (torch.arange(time).expand(count, -1), torch.arange(time).expand(count, -1) - 2):
        told = FoldedEmbedding(model.embed)(numbers(given, place), place)
        torch.testing.assert_close(told, model.embed(given, place), rtol=0, atol=1e-12)


def test_fields_get_the_same_logits_and_states(model: PhinTransformer) -> None:
    """Fails: what is drawn has other probabilities than those that were measured."""
    given, folded = rows(), FoldedHeads(model.heads)
    batch = batch_of(PHRASE, *melodies(3))
    state, _ = model.trunk(given)
    count, time, dim = state.shape
    melody, onset = given.melody.flatten(), given.onset.flatten().numpy()
    lands = torch.from_numpy(landing(onset, given.bar.repeat_interleave(time).numpy()))
    assert (lands >= 0).all()
    mine = state.view(-1, dim)
    for field in range(NUM_FIELDS):
        logits, state = model.heads.logits(field, state, given.melody)
        mine = folded.think(field, mine)
        told = folded.logits(field, mine, melody)
        assert told.shape == (count * time, FIELDS[field].size)
        torch.testing.assert_close(told, logits.flatten(0, 1), rtol=0, atol=1e-10)
        if field < NUM_FIELDS - 1:
            for ids in (torch.full_like(batch.targets, UNKNOWN_ID), batch.targets):
                before = model.heads.see(field, state, ids[..., field], given)
                after = mine + folded.seen(field, ids[..., field].flatten(), melody, lands)
                torch.testing.assert_close(after, before.flatten(0, 1), rtol=0, atol=1e-10)
                if field not in (STEP, PITCH) and (ids == UNKNOWN_ID).all():
                    torch.testing.assert_close(mine + folded.seen_unknown(field), after)
            state, mine = before, after


def test_a_table_of_places_ends_where_it_ended() -> None:
    """Fails: a tune beyond the table of learned positions ends in a page of traceback."""
    model, given = tiny_model(learned_positions=True, index_rotary=False, longest_tune=8), rows()
    place = torch.arange(given.onset.shape[1]).expand_as(given.onset)
    with pytest.raises(InvalidConfig, match="cannot read row"):
        FoldedEmbedding(model.embed)(numbers(given, place), place)
