"""Attention, looked at: the weights are those that the model used, and a score says what a head was built to do."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from phin.batch import PhinBatch
from phin.evaluation.inside.attention import (
    RELATIONS,
    attention_maps,
    attentions,
    heads_turn_by,
    lags,
    looks,
    relations,
    scores,
)
from phin.model.transformer import PhinTransformer
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG
from phin.tokenizer import NUM_SYMBOLS
from tests.tiny import PHRASE, SWITCHES, batch_of, melodies, tiny_model
from tests.tunes import wander

EIGHTHS = [wander(number, num_notes=40) for number in range(3)]
"""Melodies in 2/4, a note every twelve steps."""


@pytest.mark.parametrize("name", SWITCHES)
def test_a_layer_gives_out_what_its_map_makes_of_its_values(name: str) -> None:
    """Fails: a picture shows attention that no layer ever paid."""
    model = tiny_model(**SWITCHES[name]).requires_grad_(False)
    batch = batch_of(*melodies(3))
    seen: list[tuple[Tensor, Tensor]] = []
    for layer in attentions(model):
        layer.register_forward_hook(lambda _, given, out: seen.append((given[0], out[0])))
    maps = attention_maps(model, batch)
    for layer, weights, (x, out) in zip(attentions(model), maps, seen, strict=True):
        B, T, E = x.shape
        value = layer.qkv(x).view(B, T, 3, layer.num_heads, -1)[:, :, 2].transpose(1, 2)
        made = layer.out((weights @ value).transpose(1, 2).reshape(B, T, E))
        torch.testing.assert_close(made, out, atol=1e-12, rtol=0)
    assert len(seen) == len(maps) == 2


def test_maps_are_shares_of_the_rows_up_to_each() -> None:
    """Fails: a head is said to look at notes that are not played yet."""
    maps = attention_maps(tiny_model(beat_lag_bias=True), batch_of(PHRASE))
    assert torch.triu(maps, diagonal=1).abs().max() == 0
    torch.testing.assert_close(maps.sum(dim=-1), torch.ones_like(maps[..., 0]))


@pytest.mark.parametrize("phrase", [PHRASE.melody, EIGHTHS[0]], ids=["unequal notes", "eighths"])
def test_relations_are_what_they_say_note_by_note(phrase) -> None:
    """Fails: what is called a bar back is a bar and a note."""
    batch = batch_of(phrase)
    notes = list(zip(phrase.onset.tolist(), phrase.end.tolist(), phrase.pitch.tolist(), strict=True))
    steps = {
        "one hong back": STEPS_PER_HONG,
        "one line back": HONG_PER_LINE * STEPS_PER_HONG,
        "one bar back": 48,
    }
    for name, relation in zip(RELATIONS, relations(batch), strict=True):
        at, near = torch.zeros_like(relation.at), torch.zeros_like(relation.near)
        for query, (_, end, pitch) in enumerate(notes):
            for key, (onset, _, other) in enumerate(notes[:query]):
                if name in steps:
                    apart, wide = end - onset - steps[name], 24
                else:
                    apart, wide = abs(pitch - other) - (12 if name == "an octave off" else 0), 4
                at[query + 1, key + 1] = apart == 0
                near[query + 1, key + 1] = 0 < abs(apart) <= wide
        torch.testing.assert_close(relation.at, at)
        torch.testing.assert_close(relation.near, near)
    assert relations(batch)[0].at.any()


def test_a_tune_without_a_metre_has_no_bar_to_look_back() -> None:
    """Fails: a bar of no steps is found on every note."""
    found = relations(batch_of(wander(0, metre=None)))[RELATIONS.index("one bar back")]
    assert not found.at.any()
    assert not found.near.any()


def uniform(batch: PhinBatch) -> Tensor:
    """Maps of one layer and two heads that look at all they see alike."""
    rows = batch.onset.shape[1] - 1
    seen = torch.ones(rows, rows, dtype=torch.float64).tril()
    return (seen / seen.sum(dim=-1, keepdim=True)).expand(1, 1, 2, -1, -1)


def test_uniform_attention_prefers_nothing() -> None:
    """Fails: a head that looks everywhere alike is listed as one that looks a bar back."""
    batches = [batch_of(tune) for tune in EIGHTHS]
    found = looks(batches, uniform, np.arange(3))
    rows = scores(found, ["time", "pitch"])
    assert {row.relation for row in rows} == set(RELATIONS)
    for row in rows:
        assert row[4:10] == pytest.approx([1] * 6), row
    for sums, expected in ((found.by_lag, found.uniform_by_lag), (found.by_place, found.uniform_by_place)):
        np.testing.assert_allclose(sums[:, 0, 0], expected)
        assert expected.sum() > 1
    assert (found.bar, found.tunes_of_bar) == (48, 3)


def test_a_score_is_attention_over_what_uniform_attention_gives() -> None:
    """Fails: a ratio of means instead of sums, or of other keys than it says."""
    batches, families = [batch_of(tune) for tune in EIGHTHS], np.array([0, 0, 1])

    def on_the_relation(batch: PhinBatch) -> Tensor:
        """The first head looks at nothing but notes one bar back, START where there is none; the second at START."""
        at = relations(batch)[RELATIONS.index("one bar back")].at.double()
        at[at.sum(dim=-1) == 0, 0] = 1
        start = torch.zeros_like(at)
        start[:, 0] = 1
        return torch.stack([at, start])[None, None]

    rows = scores(looks(batches, on_the_relation, families), ["time", "time"])
    best, other = (row for row in rows if row.relation == "one bar back")
    queries, by_chance = 0, 0.0
    for tune in EIGHTHS:
        for note, end in enumerate(tune.end.tolist()):
            keys = sum(onset == end - 48 for onset in tune.onset[:note].tolist())
            queries, by_chance = queries + bool(keys), by_chance + keys / (note + 2)
    assert (best.head, other.head) == (1, 2)
    assert best.over_uniform == pytest.approx(queries / by_chance)
    assert best.low <= best.over_uniform <= best.high
    assert other.over_uniform == 0
    assert best.share == pytest.approx(queries / sum(len(tune) + 1 for tune in EIGHTHS))


def test_a_relation_that_no_tune_has_is_not_scored() -> None:
    """Fails: nothing divided by nothing, and a warning for a figure."""
    short = batch_of(wander(0, num_notes=8))
    rows = scores(looks([short, short], uniform, np.arange(2)), ["time", "time"])
    assert "one line back" not in {row.relation for row in rows}
    assert "one hong back" in {row.relation for row in rows}


def looks_back(model: PhinTransformer, steps: int) -> None:
    """Makes the time heads of the first layer look so many steps back: all queries alike, turned against the keys."""
    layer = attentions(model)[0]
    half = model.config.dim // model.config.num_heads // 2
    angle = steps * model.angles.turns[0].double() / 2**40 * 2 * math.pi
    query, key = torch.cat([angle.cos(), -angle.sin()]), torch.cat([torch.ones(half), torch.zeros(half)])
    heads = model.config.num_heads
    layer.qkv = nn.Linear(model.config.dim, 3 * model.config.dim).double()
    with torch.no_grad():
        layer.qkv.weight.zero_()
        layer.qkv.bias.copy_(torch.cat([5 * query.repeat(heads), key.repeat(heads), torch.zeros(heads * 2 * half)]))


@pytest.mark.parametrize(("steps", "name"), [(24, "one hong back"), (192, "one line back"), (48, "one bar back")])
def test_a_head_that_is_built_to_look_back_is_found_by_its_score(steps: int, name: str) -> None:
    """Fails: the head that looks a line back is listed as looking a hong back, or not at all."""
    model = tiny_model(dim=48, num_heads=2, time_heads=1)
    looks_back(model, steps)
    batches = [batch_of(tune) for tune in EIGHTHS]
    found = looks(batches, lambda batch: attention_maps(model, batch), np.arange(3))
    first = next(row for row in scores(found, heads_turn_by(model)) if row.relation == name)
    assert (first.layer, first.head, first.turns_by) == (1, 1, "time")
    assert first.over_uniform > 3
    assert first.over_near > 3
    lag = int((found.by_lag[:, 0, 0] / np.maximum(found.uniform_by_lag, 1e-9)).argmax())
    assert lag * 6 == steps


def test_lags_count_from_where_the_note_ends() -> None:
    """Fails: everything is a note late."""
    batch = batch_of(PHRASE.melody)
    lag = lags(batch)
    assert lag[2, 1] == int(PHRASE.melody.end[1] - PHRASE.melody.onset[0])
    assert (lag[:, 0] == -1).all()
    assert (lag.diagonal() == -1).all()
    assert int((batch.melody[0, 1:-1] >= NUM_SYMBOLS).sum()) == len(PHRASE.melody)


def test_heads_say_what_they_turn_by() -> None:
    """Fails: a picture calls a pitch head one of time."""
    several = tiny_model(num_heads=4, time_heads=2, pitch_heads=1)
    assert heads_turn_by(several) == ["time", "time", "pitch", "index"]
    assert heads_turn_by(tiny_model(index_rotary=False, time_heads=0)) == ["nothing", "nothing"]
