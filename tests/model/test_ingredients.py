"""Each ingredient of the model is felt where it is switched on, and nowhere else: an arm of a study is what it says."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from phin.batch import PhinBatch
from phin.lookup import NUM_COUNTS, POSITIONS, countdown
from phin.model.transformer import (
    NUM_PITCHES,
    Mixing,
    PhinTransformer,
    RotaryAngles,
    RowInputs,
    countdown_ids,
    rotate,
)
from phin.motif import COLUMNS
from phin.tokenizer import DURATION, FIELDS, NO_CLOSING, NUM_SYMBOLS, PITCH, STEP
from tests.tiny import PHRASE, batch_of, tiny_config, tiny_model
from tests.tunes import wander

BARE = {"index_rotary": False, "time_heads": 0, "metre": False, "intervals": False, "motifs": False, "num_layers": 1}
"""One layer without any position: it hears what came before as a heap of notes."""


def trunk(model: PhinTransformer, batch: PhinBatch) -> Tensor:
    return model.trunk(RowInputs.from_batch(batch))[0]


def with_ids(batch: PhinBatch, row: int, field: int, id: int) -> PhinBatch:
    """The batch with one field of one row changed, and the melody with it."""
    ids, melody = batch.ids.clone(), batch.melody.clone()
    ids[:, row, field] = id
    if field == PITCH:
        melody[:, row] = id
    return replace(batch, ids=ids, melody=melody)


def silence(modules: Iterable[nn.Module]) -> None:
    """Sets all weights of some modules to nothing."""
    with torch.no_grad():
        for module in modules:
            for weight in module.parameters():
                weight.zero_()


@pytest.mark.parametrize(
    ("position", "felt"),
    [({}, False), ({"index_rotary": True}, True), ({"learned_positions": True}, True)],
    ids=["none", "index rotary", "learned positions"],
)
def test_the_order_of_notes_is_felt_through_positions_alone(position: dict[str, bool], felt: bool) -> None:
    """Fails: the control arm of the study has no positions at all, and is beaten for that."""
    model = tiny_model(**{**BARE, **position})
    batch = batch_of(wander(3, num_notes=6))
    order = [0, 2, 1, *range(3, batch.ids.shape[1])]
    swapped = replace(batch, ids=batch.ids[:, order])
    last, other = trunk(model, batch)[:, -1], trunk(model, swapped)[:, -1]
    assert torch.allclose(last, other, rtol=0, atol=1e-12) is not felt


def test_how_much_is_left_is_felt_where_it_is_counted_down_and_told() -> None:
    """Fails: who asks for eight lines is played a tune that ends in the middle; or the arm without hears it too."""
    batch = batch_of(PHRASE)
    near, far, quiet = (replace(batch, closing=torch.tensor([at])) for at in (108, 108 + 24, NO_CLOSING))
    for is_on in (True, False):
        model = tiny_model(countdown=is_on)
        for one, other in ((near, far), (near, quiet), (far, quiet)):
            same = (trunk(model, one) == trunk(model, other)).all(dim=2)
            assert not same.any() if is_on else same.all(), "from the START row on"


def test_hong_are_counted_down_to_the_last_stroke() -> None:
    """Fails: the model is told another length than was asked for."""
    ends = [-48, 0, 23, 24, 59, 60, 61, 84, 108]
    told = countdown_ids(torch.tensor([ends, ends]), torch.tensor([60, NO_CLOSING])).tolist()
    by_hand = [6, 4, 3, 3, 2, 2, 1, 1, 1]  # 2: less than one hong is left; 1: it is over
    assert told == [by_hand, [0] * len(ends)]
    assert countdown(np.array([ends, ends]), np.array([[60], [NO_CLOSING]])).tolist() == told
    assert countdown_ids(torch.tensor([[0, 0]]), torch.tensor([10**6])).tolist() == [[NUM_COUNTS - 1] * 2]


def test_pitch_heads_hear_how_far_a_note_lies_from_the_last_and_others_do_not() -> None:
    """Fails: an arm of the study that should hear intervals hears pitches, or nothing."""
    angles = RotaryAngles(tiny_config(num_heads=4, time_heads=1, pitch_heads=2)).double()
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 4, 1, 4, dtype=torch.float64, generator=generator)  # (B, H, T, D)

    def score(last: int, pitch: int) -> Tensor:
        """Of a query after a note of pitch `last` for a key of `pitch`, (H,)."""
        position = torch.tensor([3, 48, 48, last, pitch]).view(1, len(POSITIONS), 1)
        asked, heard = rotate(torch.cat([q, k], dim=1), angles(position, torch.float64)).chunk(2, dim=1)
        return (asked * heard).sum(dim=-1)[0, :, 0]

    a_fifth = score(20, 27)
    torch.testing.assert_close(score(25, 32), a_fifth, rtol=0, atol=1e-12)
    changed = (score(20, 26) - a_fifth).abs() > 1e-6
    assert changed.tolist() == [False, True, True, False]


@pytest.mark.parametrize("kept", ["interval", "pitch_class", "neither"])
def test_interval_and_pitch_class_are_each_an_input(kept: str) -> None:
    """Fails: melody is relative in name only."""
    model = tiny_model(metre=False)
    tables = {"interval": model.embed.interval, "pitch_class": model.embed.pitch_class}
    silence([*model.embed.fields, *(table for name, table in tables.items() if name != kept)])
    batch = batch_of(wander(3, num_notes=6))
    moved = with_ids(batch, row=2, field=PITCH, id=int(batch.ids[0, 2, PITCH]) + (1 if kept != "interval" else 12))
    assert torch.equal(trunk(model, batch), trunk(model, moved)) is (kept == "neither")


@pytest.mark.parametrize("column", range(len(COLUMNS)), ids=COLUMNS)
def test_each_column_of_what_a_motif_recalls_is_an_input_where_motifs_are_on(column: int) -> None:
    """Fails: the model cannot hear that it is repeating itself; or the arm without motifs hears it all the same."""
    batch = batch_of(wander(3, num_notes=6))
    recalled = batch.motif.clone()
    recalled[:, 3, column] += 1
    other = replace(batch, motif=recalled)
    for motifs in (True, False):
        model = tiny_model(motifs=motifs)
        before, after = trunk(model, batch), trunk(model, other)
        assert torch.equal(before[:, :3], after[:, :3])
        assert torch.equal(before[:, 3:], after[:, 3:]) is not motifs


@pytest.mark.parametrize("interval", [-5, 0, 3])
def test_the_pitch_head_can_ask_for_an_interval(interval: int) -> None:
    """Fails: a motif that was learned on ด cannot be said on ร."""
    model = tiny_model()
    silence([model.heads.out[PITCH], model.heads.by_class, model.heads.by_interval])
    with torch.no_grad():
        model.heads.by_interval.bias[interval + NUM_PITCHES - 1] = 5.0
    batch = batch_of(wander(3, num_notes=8))
    said = model(batch)[0].fields[PITCH].argmax(dim=-1)
    after = batch.melody[:, 1:-1]
    inside = (after + interval >= NUM_SYMBOLS) & (after + interval < FIELDS[PITCH].size)
    assert inside.any()
    assert torch.equal(said[:, 1:][inside], (after + interval)[inside])


@pytest.mark.parametrize("letter", [0, 9])
def test_the_pitch_head_can_ask_for_a_pitch_class(letter: int) -> None:
    """Fails: the tonic is another thing in every octave."""
    model = tiny_model()
    silence([model.heads.out[PITCH], model.heads.by_class, model.heads.by_interval])
    with torch.no_grad():
        model.heads.by_class.bias[letter] = 5.0
    said = model(batch_of(wander(3, num_notes=8)))[0].fields[PITCH].argmax(dim=-1)
    assert ((said - NUM_SYMBOLS + FIELDS[PITCH].lowest) % 12 == letter).all()


@pytest.mark.parametrize("ahead", [True, False])
def test_attention_asks_from_where_the_last_note_ends_if_it_looks_ahead(ahead: bool) -> None:
    """Fails: the switch does nothing, and a bar ago is a bar before the wrong moment."""
    model = tiny_model(**{**BARE, "time_heads": 2, "index_rotary": True, "time_ahead": ahead})
    silence([model.embed.fields[DURATION]])
    batch = batch_of(PHRASE)
    longer = with_ids(batch, row=-2, field=DURATION, id=int(batch.ids[0, -2, DURATION]) + 7)
    assert torch.equal(trunk(model, batch)[:, -1], trunk(model, longer)[:, -1]) is not ahead


def test_pitch_knows_where_in_the_bar_the_note_will_land() -> None:
    """Fails: the model chooses a pitch without knowing whether it falls on the beat."""
    model = tiny_model()
    silence([model.heads.sees[STEP]])
    rows = RowInputs.from_batch(batch_of(PHRASE))
    state = trunk(model, batch_of(PHRASE))

    def seen(steps: int) -> Tensor:
        ids = torch.full(rows.onset.shape, steps + NUM_SYMBOLS)
        return model.heads.see(STEP, state, ids, rows)

    assert not torch.allclose(seen(6), seen(12))
    eight_bars = 8 * 48
    assert torch.equal(seen(0), seen(eight_bars)), "the same place of the same bar of eight"


def test_the_sum_of_a_rows_embeddings_is_their_sum() -> None:
    """Fails: the arm that is compared with concatenating is something else."""
    model = tiny_model(**{**BARE, "mixing": Mixing.SUM})
    rows = RowInputs.from_batch(batch_of(PHRASE))
    expected = sum(table(rows.ids[..., field]) for field, table in enumerate(model.embed.fields))
    conditions = sum(table(rows.conditions[:, k]) for k, table in enumerate(model.embed.conditions))
    embedded = model.embed(rows, torch.arange(rows.ids.shape[1])[None])
    torch.testing.assert_close(embedded[:, 1:], expected[:, 1:])
    torch.testing.assert_close(embedded[:, 0], expected[:, 0] + conditions)
