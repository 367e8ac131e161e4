"""What a part is worth: it is hidden and nothing else is, the targets stay, and the model is whole again afterwards."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from phin.batch import PhinBatch
from phin.corpus.store import Store, Tune, write_store
from phin.evaluation.inside.ablation import Kind, Part, bits_without, parts, worths
from phin.evaluation.inside.attention import attentions
from phin.evaluation.inside.held_out import HeldOut
from phin.evaluation.split_bits import model_bits
from phin.model.transformer import PhinTransformer
from phin.music.lai import LAI, LaiLabel
from phin.tokenizer import (
    DENSITY_CONDITION,
    HEADLINE_FIELDS,
    LAI_CONDITION,
    METRE_CONDITION,
    NO_CLOSING,
    PITCH,
    SOURCE_CONDITION,
    VELOCITY,
)
from tests.tiny import SWITCHES, TOKENIZER, tiny_model
from tests.tunes import MINOR_PENTATONIC_ON_A, wander


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> HeldOut:
    """Ten tunes, eight of which are validated on, two of them of one family; every second one is in lai yai."""
    tunes = []
    for number in range(10):
        found = LaiLabel(LAI[0].root, LAI[0].family) if number % 2 else LaiLabel()
        scale = MINOR_PENTATONIC_ON_A if number % 2 else tuple(range(57, 82))
        phrase = replace(wander(number, 10 + number, scale=scale), source="han", title=f"tune {number}", tempo=600_000)
        tunes.append(Tune(f"{number}", phrase, found, max(number, 3), "validation" if number > 1 else "train"))
    store = write_store(tmp_path_factory.mktemp("cache") / "s", tunes, ["essen", "han"], "nobody's", {})
    return HeldOut(store, TOKENIZER, "validation", store.split("validation"))


def named_part(model: PhinTransformer, held_out: HeldOut, kind: Kind, name: str) -> Part:
    return next(part for part in parts(model, held_out) if (part.kind, part.name) == (kind, name))


def headline(model: PhinTransformer, held_out: HeldOut, part: Part) -> np.ndarray:
    return bits_without(model, held_out.batches(), part).headline


def bits(model: PhinTransformer, batches: list[PhinBatch]) -> np.ndarray:
    return model_bits(model, batches, progress=False).headline


def test_hiding_nothing_changes_nothing(held_out: HeldOut) -> None:
    """Fails: every worth is off by what another way of computing makes."""
    model = tiny_model()
    nothing = headline(model, held_out, Part(Kind.INPUT, "nothing"))
    np.testing.assert_array_equal(nothing, bits(model, list(held_out.batches())))


@pytest.mark.parametrize("name", SWITCHES)
def test_every_part_that_a_model_has_can_be_hidden_and_comes_back(held_out: HeldOut, name: str) -> None:
    """Fails: a switch breaks the command, or what was hidden for one part is still hidden for the next."""
    model = tiny_model(**SWITCHES[name])
    before = bits(model, list(held_out.batches()))
    found = worths(model, held_out, parts(model, held_out), progress=False)
    assert len({(row.kind, row.part) for row in found}) == len(found)
    assert sum(row.kind == Kind.HEAD for row in found) == model.config.num_layers * model.config.num_heads
    np.testing.assert_array_equal(bits(model, list(held_out.batches())), before)
    names = {row.part for row in found}
    assert ("motif recalled" in names) == model.config.motifs
    assert ("hong left" in names) == model.config.countdown
    assert ("interval" in names) == model.config.intervals
    assert ("place in the bar" in names) == model.config.metre
    assert ("beat lag bias" in names) == model.config.beat_lag_bias
    assert ("turning by time" in names) == bool(model.config.time_heads)
    assert ("turning by pitch" in names) == bool(model.config.pitch_heads)
    idle = {row.part for row in found if row.is_idle}
    assert {"technique", "velocity"} <= idle, "nobody wrote any down"
    assert not idle & {"pitch", "duration", "step", "source"}


def test_a_head_that_is_zeroed_is_one_whose_output_weights_are_zero(held_out: HeldOut) -> None:
    """Fails: the picture blames another head."""
    model, without = tiny_model(), tiny_model()
    with torch.no_grad():
        attentions(without)[1].out.weight[:, 8:16] = 0  # heads of eight
    part = named_part(model, held_out, Kind.HEAD, "layer 2 head 2")
    np.testing.assert_allclose(headline(model, held_out, part), bits(without, list(held_out.batches())), rtol=1e-12)


def test_turning_by_time_is_off_where_no_angle_turns(held_out: HeldOut) -> None:
    """Fails: what is called musical time is the index."""
    model, still = tiny_model(), tiny_model()
    is_time = torch.arange(still.config.num_heads).repeat(2) < still.config.time_heads  # of queries, then of keys
    still.angles.turns[is_time] = 0
    part = named_part(model, held_out, Kind.ATTENTION, "turning by time")
    found = headline(model, held_out, part)
    np.testing.assert_allclose(found, bits(still, list(held_out.batches())), rtol=1e-12)
    assert (found != headline(model, held_out, named_part(model, held_out, Kind.ATTENTION, "turning by index"))).all()


@pytest.mark.parametrize(("name", "place"), [("source", SOURCE_CONDITION), ("metre", METRE_CONDITION)])
def test_a_hidden_condition_is_a_batch_without_it(held_out: HeldOut, name: str, place: int) -> None:
    """Fails: the metre is hidden, and the bar tells it."""
    model, batches = tiny_model(), []
    for batch in held_out.batches():
        conditions = batch.conditions.clone()
        conditions[:, place] = 0
        bar = 0 * batch.bar if name == "metre" else batch.bar
        batches.append(replace(batch, conditions=conditions, bar=bar))
    part = named_part(model, held_out, Kind.CONDITION, name)
    np.testing.assert_allclose(headline(model, held_out, part), bits(model, batches), rtol=1e-12)


def test_lai_and_density_are_told_and_saved_bits_are_their_worth(held_out: HeldOut) -> None:
    """Fails: a condition that helps is said to harm; or what is told is of another tune."""
    model, store = tiny_model(), held_out.store
    whole = bits(model, list(held_out.batches()))
    batches = []
    for batch in held_out.batches():
        conditions = batch.conditions.clone()
        assert (conditions[:, [LAI_CONDITION, DENSITY_CONDITION]] == 0).all()
        for row, tune in enumerate(batch.tune.tolist()):
            conditions[row, LAI_CONDITION] = 2 if store.label(tune).lai else 1  # "none" is the first name, yai the next
        batches.append(replace(batch, conditions=conditions))
    (row,) = worths(model, held_out, [named_part(model, held_out, Kind.CONDITION, "lai")], progress=False)
    notes = sum(len(store.phrase(tune)) for tune in held_out.tunes.tolist())
    assert row.worth == pytest.approx((whole - bits(model, batches)).sum() / notes)
    assert row.low <= row.worth <= row.high
    assert row.worth == pytest.approx(row.step + row.pitch + row.duration)


def test_how_much_is_left_is_told_and_saved_bits_are_its_worth(held_out: HeldOut) -> None:
    """Fails: what is told is when a piece of a tune ends, or another tune."""
    model, batches = tiny_model(countdown=True), []
    for batch in held_out.batches():
        assert (batch.closing == NO_CLOSING).all()
        last = [int(held_out.store.phrase(tune).melody.onset.max()) for tune in batch.tune.tolist()]
        batches.append(replace(batch, closing=torch.tensor(last)))
    (row,) = worths(model, held_out, [named_part(model, held_out, Kind.INPUT, "hong left")], progress=False)
    saved = bits(model, list(held_out.batches())) - bits(model, batches)
    notes = sum(len(held_out.store.phrase(tune)) for tune in held_out.tunes.tolist())
    assert row.worth == pytest.approx(saved.sum() / notes)
    assert row.worth != 0


def test_a_worth_is_bits_lost_by_note_with_an_interval_by_family(held_out: HeldOut) -> None:
    """Fails: what a model leans on has a worth below nothing."""
    model = tiny_model()
    part = named_part(model, held_out, Kind.FIELD, "pitch")
    (row,) = worths(model, held_out, [part], progress=False)
    lost = headline(model, held_out, part) - bits(model, list(held_out.batches()))
    notes = np.array([len(held_out.store.phrase(tune)) for tune in held_out.tunes.tolist()])
    assert row.worth == pytest.approx(lost.sum() / notes.sum())
    assert row.low <= row.worth <= row.high


def test_a_hidden_field_is_hidden_in_all_that_is_made_of_it(held_out: HeldOut) -> None:
    """Fails: the pitch is hidden, and the interval or the motif still tells it."""
    part = named_part(tiny_model(), held_out, Kind.FIELD, "pitch")
    assert part.hidden is not None
    from phin.model.transformer import RowInputs

    (batch,) = held_out.batches()
    rows = part.hidden(RowInputs.from_batch(batch), batch)
    assert rows.melody.max() == rows.melody_before.max() == rows.motif.max() == 0
    assert rows.ids[..., PITCH].max() < 4
    other = [index for index in range(6) if index != PITCH]
    torch.testing.assert_close(rows.ids[..., other], batch.ids[:, :-1][..., other])
    idle = named_part(tiny_model(), held_out, Kind.FIELD, "velocity")
    assert idle.hidden is not None
    torch.testing.assert_close(
        idle.hidden(RowInputs.from_batch(batch), batch).ids[..., VELOCITY], batch.ids[:, :-1, VELOCITY]
    )
    assert len(HEADLINE_FIELDS) == 3


def test_a_sample_is_of_its_split_and_its_seed(held_out: HeldOut, tmp_path: Path) -> None:
    """Fails: a figure cannot be drawn again, or holds tunes that were trained on."""
    store: Store = held_out.store
    sample = HeldOut.sample(store, TOKENIZER, "validation", 5, seed=1)
    assert len(sample.tunes) == 5
    assert set(sample.tunes.tolist()) <= set(store.split("validation").tolist())
    assert sample.tunes.tolist() == HeldOut.sample(store, TOKENIZER, "validation", 5, seed=1).tunes.tolist()
    assert len({tuple(HeldOut.sample(store, TOKENIZER, "validation", 5, seed).tunes.tolist()) for seed in range(6)}) > 1
    assert (
        HeldOut.sample(store, TOKENIZER, "validation", 99, seed=1).tunes.tolist() == store.split("validation").tolist()
    )
    assert sample.notes == sum(int(store.lengths[tune]) for tune in sample.tunes)
    assert sample.families.tolist() == [int(store.families[tune]) for tune in sample.tunes]
    assert sample.alone(int(sample.tunes[0])).tune.tolist() == [int(sample.tunes[0])]
