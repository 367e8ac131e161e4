"""The decode step: rows as they were taught, nothing drawn that may not be, the cache passed through."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from phin.generation.generate import noise_for, start_rows
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.step import DecodeStep, next_rows, steps_until
from phin.model.transformer import RowInputs
from phin.motif import MotifMemory
from phin.music.phrase import Phrase
from phin.tokenizer import (
    END_ID,
    FIELDS,
    NUM_FIELDS,
    NUM_SYMBOLS,
    START_ID,
    STEP,
    TECHNIQUE,
    TEMPO_CONDITION,
    UNKNOWN_ID,
    VELOCITY,
)
from tests.tiny import PHRASE, TOKENIZER, batch_of, melodies, tiny_model

ALL_LEARNED = (True,) * NUM_FIELDS
ANY_STEP = torch.ones(1, FIELDS[STEP].size, dtype=torch.bool)


def rows_of(phrase: Phrase) -> RowInputs:
    return RowInputs.from_batch(batch_of(phrase))


def assert_same_rows(one: RowInputs, other: RowInputs) -> None:
    for name, mine, theirs in zip(RowInputs._fields, one, other, strict=True):
        assert (mine is theirs is None) or torch.equal(mine, theirs), name


@pytest.mark.parametrize("phrase", [PHRASE, *melodies(3)], ids=["phrase", "over a drone", "pentatonic", "chromatic"])
def test_rows_drawn_one_by_one_are_the_rows_that_were_taught(phrase: Phrase) -> None:
    """Fails: in playing, the model reads another onset or melody than in training, and plays at random."""
    taught = rows_of(phrase)
    rows, memory = taught.part(0, 1), MotifMemory(1)
    for time in range(1, taught.ids.shape[1]):
        rows = next_rows(rows, taught.ids[:, time], memory)
        expected = taught.part(time, time + 1)
        assert_same_rows(rows, expected)


def test_the_start_row_is_the_one_that_was_taught() -> None:
    """Fails: the first note is drawn from a start that training never saw."""
    request = TuneRequest(metre="2/4", source="han", tempo=100.0)
    rows = start_rows(request, TOKENIZER, count=3)
    taught = batch_of(replace(PHRASE, tempo=600_000))
    for tune in range(3):
        assert torch.equal(rows.ids[tune], taught.ids[0, :1])
        assert torch.equal(rows.onset[tune], taught.onset[0, :1])
        assert rows.melody[tune] == rows.melody_before[tune] == taught.melody[0, 0]
        assert rows.bar[tune] == taught.bar[0]
        # density is read off the notes, so nobody can ask for it
        assert rows.conditions[tune].tolist() == [*taught.conditions[0, :4].tolist(), 0]
    assert rows.conditions[0, TEMPO_CONDITION] != 0


def test_a_step_with_a_cache_draws_what_a_step_without_draws() -> None:
    """Fails: going on with a phrase differs from playing it from the start."""
    step, rows = DecodeStep(tiny_model(), ALL_LEARNED, SamplerConfig()), rows_of(PHRASE)
    for seed in range(8):
        noise = noise_for(seed, range(1), 0)
        whole, _ = step(rows, None, noise, ANY_STEP)
        head = rows.part(0, 9)
        tail = rows.part(9)
        _, cache = step(head, None, noise, ANY_STEP)
        drawn, cache = step(tail, cache, noise, ANY_STEP)
        assert torch.equal(drawn, whole)
        assert cache.length == rows.ids.shape[1]


def test_greedy_steps_draw_the_likeliest_value_of_every_field_given_those_before() -> None:
    """Fails: fields of a note are drawn without regard to each other."""
    model, rows = tiny_model(), rows_of(PHRASE)
    drawn, _ = DecodeStep(model, ALL_LEARNED, SamplerConfig(top_k=1))(rows, None, noise_for(0, range(1), 0), ANY_STEP)
    # the same through the teaching path: the row drawn so far is the target, the next field's logits are read off
    batch = batch_of(PHRASE)
    target = torch.full((NUM_FIELDS,), UNKNOWN_ID)
    for field in range(NUM_FIELDS):
        ids = batch.ids.clone()
        ids[0, -1] = target
        target[field] = model(replace(batch, ids=ids))[0].fields[field][0, -1].argmax()
    assert torch.equal(drawn[0], target)


def many_rows(learned: tuple[bool, ...] = ALL_LEARNED, allowed: Tensor = ANY_STEP) -> Tensor:
    """Two hundred rows drawn after the start, at a temperature at which anything comes."""
    rows = start_rows(TuneRequest(), TOKENIZER, count=200)
    step = DecodeStep(tiny_model(), learned, SamplerConfig(temperature=5.0))
    return step(rows, None, noise_for(0, range(200), 0), allowed.expand(200, -1))[0]


def test_no_symbol_but_the_end_is_ever_drawn() -> None:
    """Fails: a tune comes out with padding or a second start in its middle."""
    drawn = many_rows()
    symbols = drawn[drawn < NUM_SYMBOLS].unique().tolist()
    assert symbols in ([], [END_ID])
    assert (drawn[:, STEP + 1 :] >= NUM_SYMBOLS).all()
    assert len(drawn.unique(dim=0)) > 190
    assert START_ID not in symbols


def test_a_field_that_nothing_was_learned_of_stays_unknown() -> None:
    """Fails: techniques and velocities are invented by a model that never saw one."""
    learned = tuple(field not in (TECHNIQUE, VELOCITY) for field in range(NUM_FIELDS))
    drawn = many_rows(learned)
    for field in range(NUM_FIELDS):
        assert (drawn[:, field] == UNKNOWN_ID).all() == (field in (TECHNIQUE, VELOCITY))


def test_a_step_that_is_not_allowed_is_not_drawn() -> None:
    """Fails: a tune runs past the length that was asked for."""
    allowed = torch.zeros_like(ANY_STEP)
    allowed[:, [NUM_SYMBOLS, NUM_SYMBOLS + 6]] = True
    assert set(many_rows(allowed=allowed)[:, STEP].tolist()) == {NUM_SYMBOLS, NUM_SYMBOLS + 6}


@pytest.mark.parametrize("last_stroke", [0, 48, 336, 1000])
def test_steps_until_the_last_stroke_never_pass_it_and_end_on_it(last_stroke: int) -> None:
    """Fails: a tune ends before its closing note, or goes on after it."""
    onsets = [onset for onset in (-48, -1, 0, 47, 300, 336, last_stroke) if onset <= last_stroke]
    allowed = steps_until(torch.tensor(onsets), last_stroke)
    for onset, row in zip(onsets, allowed, strict=True):
        steps = (np.flatnonzero(row) - NUM_SYMBOLS).tolist()
        if onset == last_stroke:
            assert steps == [END_ID - NUM_SYMBOLS]
        else:
            assert steps == [step for step in range(385) if onset + step <= last_stroke]


def test_the_step_keeps_nothing() -> None:
    """Fails: a session hears the one before it."""
    step, rows = DecodeStep(tiny_model(), ALL_LEARNED, SamplerConfig()), rows_of(PHRASE)
    noise = noise_for(0, range(1), 0)
    state = {name: tensor.clone() for name, tensor in step.state_dict().items()}
    first, _ = step(rows, None, noise, ANY_STEP)
    again, _ = step(rows, None, noise, ANY_STEP)
    assert torch.equal(first, again)
    assert all(torch.equal(tensor, state[name]) for name, tensor in step.state_dict().items())
