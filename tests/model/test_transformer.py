"""The transformer: what may see what, what must not, and that every shortcut gives the same logits."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phin.batch import PhinBatch, collate
from phin.errors import InvalidConfig
from phin.model.transformer import (
    BeatLagBias,
    KVCache,
    Mixing,
    PhinTransformer,
    RowInputs,
    TransformerConfig,
    rotate,
)
from phin.music.notation import parse_letters
from phin.music.phrase import Inferred, Metre
from phin.music.technique import Technique
from phin.tokenizer import CONDITIONS, DURATION, FIELDS, NUM_FIELDS, NUM_SYMBOLS, STEP, TECHNIQUE, UNKNOWN_ID, VELOCITY
from tests.tiny import PHRASE, SWITCHES, TOKENIZER, batch_of, item, melodies, tiny_config, tiny_model
from tests.tunes import wander

EIGHT_BARS = 8 * Metre(2, 4).bar
NO_RHYTHM = {"time_heads": 0, "metre": False, "beat_lag_bias": False}
RHYTHM = {"time_heads": 1, "metre": True, "beat_lag_bias": True}


@pytest.fixture(params=SWITCHES.values(), ids=SWITCHES.keys())
def model(request: pytest.FixtureRequest) -> PhinTransformer:
    return tiny_model(**request.param)


def said(model: PhinTransformer, batch: PhinBatch) -> Tensor:
    """All logits side by side, (B, T, everything); those of symbols that are never drawn are 0."""
    return side_by_side(model(batch)[0])


def side_by_side(logits: tuple[tuple[Tensor, ...], Tensor, Tensor]) -> Tensor:
    fields, lai, quarter = logits
    return torch.cat([*fields, lai, quarter], dim=-1).nan_to_num(neginf=0.0)


def said_of(model: PhinTransformer, rows: RowInputs, targets: Tensor, cache: KVCache | None) -> tuple[Tensor, KVCache]:
    """The same for rows read after those in a cache; and the cache with them in it."""
    state, own = model.trunk(rows, cache)
    cache = cache.joined(own) if cache else own
    fields, hidden = [], state
    for field in range(NUM_FIELDS):
        logits, state = model.heads.logits(field, state, rows.melody)
        fields.append(logits)
        state = model.heads.see(field, state, targets[..., field], rows)
    return side_by_side((tuple(fields), model.lai_head(hidden), model.quarter_head(hidden))), cache


def remember_embeddings(model: PhinTransformer) -> list[Tensor]:
    """From now on, what the model reads goes through a leaf tensor, which this list receives."""
    leaves: list[Tensor] = []

    def cut(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[-1]

    model.embed.register_forward_hook(cut)
    return leaves


def assert_causal(model: PhinTransformer, batch: PhinBatch) -> None:
    leaves = remember_embeddings(model)
    logits = said(model, batch)
    (x,) = leaves
    for time in range(logits.shape[1]):
        (gradient,) = torch.autograd.grad(logits[:, time].sum(), x, retain_graph=True)
        felt = gradient.abs().sum(dim=(0, 2))
        assert (felt[time + 1 :] == 0).all(), f"row {time} sees a later one"
        assert (felt[: time + 1] > 0).all(), f"row {time} does not see all that came before"


# --- what may see what


def test_no_row_feels_a_later_one_and_every_row_feels_all_before_it(model: PhinTransformer) -> None:
    """Fails: training reads the answer, and the played tune is noise; or the player's first notes are forgotten."""
    assert_causal(model, batch_of(PHRASE))


def test_no_combination_of_switches_sees_the_future() -> None:
    """Fails: some arm of a study looks better than it is, because its attention leaks the next note."""
    names = ("index_rotary", "time_heads", "time_ahead", "metre", "beat_lag_bias", "intervals", "learned_positions")
    batch = batch_of(wander(1, num_notes=4))
    for values in product((True, False), repeat=len(names)):
        for mixing in Mixing:
            settings = dict(zip(names, values, strict=True)) | {"mixing": mixing, "time_heads": int(values[1])}
            if not any(settings[name] for name in ("time_ahead", "time_heads", "beat_lag_bias")):
                continue  # refused: where queries stand means nothing then
            model = PhinTransformer(tiny_config(dim=8, num_layers=1, **settings), TOKENIZER.condition_sizes).double()
            with torch.no_grad():
                for weight in model.parameters():
                    weight.add_(0.2)
            leaves = remember_embeddings(model)
            logits = said(model, batch)
            for time in range(logits.shape[1] - 1):
                (gradient,) = torch.autograd.grad(logits[:, time].sum(), leaves[0], retain_graph=True)
                assert (gradient[:, time + 1 :] == 0).all(), settings
                assert (gradient[:, : time + 1].abs().sum(dim=2) > 0).all(), settings


def test_tunes_that_begin_alike_are_continued_alike(model: PhinTransformer) -> None:
    """Fails: pitch, onset or duration of a later note reaches back past the mask, by another way than attention."""
    other = wander(9, num_notes=10).rows.copy()
    other[:, 0] += int(PHRASE.rows[5, 0])
    changed = replace(PHRASE, rows=np.concatenate([PHRASE.rows[:5], other[1:]]), metre=PHRASE.metre)
    one, two = batch_of(PHRASE), batch_of(changed)
    two = replace(two, conditions=one.conditions)
    rows = 6  # START and five notes
    assert torch.equal(one.ids[:, :rows], two.ids[:, :rows])
    mine, theirs = said(model, one), said(model, two)
    first = FIELDS[STEP].size
    assert torch.equal(mine[:, : rows - 1], theirs[:, : rows - 1])
    assert torch.equal(mine[:, rows - 1, :first], theirs[:, rows - 1, :first])
    assert not torch.equal(mine[:, rows], theirs[:, rows])


@pytest.mark.parametrize("field", range(NUM_FIELDS), ids=[field.name for field in FIELDS])
def test_a_field_is_seen_by_the_fields_after_it_and_by_no_other(model: PhinTransformer, field: int) -> None:
    """Fails: a pitch is taught knowing itself, or a duration is drawn without regard to its pitch."""
    batch = batch_of(PHRASE)
    time = 7  # its target is the note of onset 24, which has every field
    before = model(batch)[0].fields
    ids = batch.ids.clone()
    drawn = ids[0, time + 1, field]
    assert drawn >= NUM_SYMBOLS
    ids[0, time + 1, field] = drawn + 1 if drawn + 1 < FIELDS[field].size else drawn - 1
    after = model(replace(batch, ids=ids))[0].fields
    moved = [not torch.equal(one[:, time], other[:, time]) for one, other in zip(before, after, strict=True)]
    assert moved == [later > field for later in range(NUM_FIELDS)]


def test_symbols_that_are_no_values_can_never_be_drawn(model: PhinTransformer) -> None:
    """Fails: a tune comes out with padding, a second start or an unknown pitch in its middle, or with a technique that
    nobody has named.
    """
    for field, logits in zip(FIELDS, model(batch_of(PHRASE))[0].fields, strict=True):
        end = 2 if field.name == "step" else None
        for symbol in range(NUM_SYMBOLS):
            impossible = torch.isneginf(logits[..., symbol])
            assert impossible.logical_not().all() if symbol == end else impossible.all()
        named = NUM_SYMBOLS + (len(Technique) if field.name == "technique" else field.size)
        assert logits[..., NUM_SYMBOLS:named].isfinite().all()
        assert torch.isneginf(logits[..., named:]).all()


# --- shortcuts that must change nothing


def test_cached_decoding_equals_uncached_at_every_prefix(model: PhinTransformer) -> None:
    """Fails: what is played note by note is not what was trained, the commonest fault of music transformers."""
    batch = batch_of(PHRASE, *melodies(2, num_notes=9))
    rows, targets = RowInputs.from_batch(batch), batch.targets
    whole = said(model, batch)
    for length in range(1, rows.ids.shape[1]):
        head, cache = said_of(model, rows.part(0, length), targets[:, :length], None)
        tail, cache = said_of(model, rows.part(length), targets[:, length:], cache)
        torch.testing.assert_close(torch.cat([head, tail], dim=1), whole, rtol=0, atol=1e-12)
        assert cache.length == rows.ids.shape[1]


def test_reading_row_by_row_equals_reading_at_once(model: PhinTransformer) -> None:
    """Fails: errors of the cache add up over a tune, and its end forgets how it began."""
    batch = batch_of(PHRASE, *melodies(2, num_notes=9))
    rows, cache, pieces = RowInputs.from_batch(batch), None, []
    for time in range(rows.ids.shape[1]):
        piece, cache = said_of(model, rows.part(time, time + 1), batch.targets[:, time : time + 1], cache)
        pieces.append(piece)
    torch.testing.assert_close(torch.cat(pieces, dim=1), said(model, batch), rtol=0, atol=1e-12)


def test_a_cache_is_not_changed_by_going_on_from_it(model: PhinTransformer) -> None:
    """Fails: two players who go on from one phrase hear each other."""
    rows = RowInputs.from_batch(batch_of(PHRASE))
    _, cache = model.trunk(rows.part(0, 4))
    kept = [tensor.clone() for tensor in (*cache.keys, *cache.values, *cache[2:])]
    once, _ = model.trunk(rows.part(4), cache)
    again, _ = model.trunk(rows.part(4), cache)
    assert torch.equal(once, again)
    assert all(torch.equal(old, new) for old, new in zip(kept, (*cache.keys, *cache.values, *cache[2:]), strict=True))


def slots_of(cache: KVCache, which: Tensor) -> KVCache:
    keys, values = (tuple(layer[:, :, which] for layer in each) for each in (cache.keys, cache.values))
    return KVCache(keys, values, cache.onset[:, which], cache.place[:, which])


def test_slots_may_be_in_any_order_and_empty_ones_weigh_nothing(model: PhinTransformer) -> None:
    """Fails: a cache that writes over what it no longer needs plays something else than one that grows."""
    rows = RowInputs.from_batch(batch_of(PHRASE, *melodies(1)))
    whole = model.trunk(rows)[0]
    _, cache = model.trunk(rows.part(0, 7))
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    shuffled = slots_of(cache, order)
    keys, values = (tuple(torch.full_like(layer, 1000) for layer in each) for each in (cache.keys, cache.values))
    junk = KVCache(keys, values, torch.full_like(cache.onset, 1000), torch.full_like(cache.place, -1))
    for other in (shuffled, cache.joined(junk), junk.joined(shuffled)):
        torch.testing.assert_close(model.trunk(rows.part(7), other)[0], whole[:, 7:], rtol=0, atol=1e-11)


def left_padded(rows: list[RowInputs]) -> RowInputs:
    """Rows of unlike tunes side by side, the last of each in the last column."""
    longest = max(each.ids.shape[1] for each in rows)
    columns = []
    for name in RowInputs._fields[:5]:
        padded = [
            torch.cat(
                [
                    getattr(each, name)[:, :1].expand(1, longest - each.ids.shape[1], *getattr(each, name).shape[2:]),
                    getattr(each, name),
                ],
                dim=1,
            )
            for each in rows
        ]
        columns.append(torch.cat(padded))
    index = torch.stack([torch.arange(longest) - (longest - each.ids.shape[1]) for each in rows]).clamp(min=-1)
    of_tunes = (torch.cat([getattr(each, name) for each in rows]) for name in ("bar", "closing", "conditions"))
    return RowInputs(*columns, *of_tunes, index)


def test_beginnings_of_unlike_lengths_are_read_side_by_side_as_alone(model: PhinTransformer) -> None:
    """Fails: who continues a short tune beside a long one hears another continuation."""
    tunes = [RowInputs.from_batch(batch_of(tune)) for tune in (PHRASE, *melodies(3, num_notes=5))]
    beginnings = [rows.part(0, length) for rows, length in zip(tunes, (6, 1, 4, 6), strict=True)]
    hidden, cache = model.trunk(left_padded(beginnings))
    for place, (rows, beginning) in enumerate(zip(tunes, beginnings, strict=True)):
        alone, own = model.trunk(beginning)
        torch.testing.assert_close(hidden[place, -1], alone[0, -1], rtol=0, atol=1e-12)
        one = slice(place, place + 1)
        keys, values = (tuple(layer[one] for layer in each) for each in (cache.keys, cache.values))
        mine = KVCache(keys, values, cache.onset[one], cache.place[one])
        next_row = rows.part(beginning.ids.shape[1], beginning.ids.shape[1] + 1)
        with_padding, without = (model.trunk(next_row, kept)[0] for kept in (mine, own))
        torch.testing.assert_close(with_padding, without, rtol=0, atol=1e-12)


@pytest.mark.parametrize("window", [1, 2, 5])
def test_a_window_is_the_same_in_every_layer_and_the_start_stays_in_sight(model: PhinTransformer, window: int) -> None:
    """Fails: an endless tune forgets its lai; or what left the cache is still heard by the layers above."""
    rows = RowInputs.from_batch(batch_of(PHRASE, *melodies(1)))
    whole, _ = model.trunk(rows, window=window)
    rows = rows._replace(place=torch.arange(rows.ids.shape[1]).expand(2, -1))
    cache: KVCache | None = None
    for row in range(rows.ids.shape[1]):
        hidden, own = model.trunk(rows.part(row, row + 1), cache, window)
        torch.testing.assert_close(hidden[:, 0], whole[:, row], rtol=0, atol=1e-12)
        cache = cache.joined(own) if cache else own
        kept = [k for k, index in enumerate(cache.place[0].tolist()) if index == 0 or index > row + 1 - window]
        cache = slots_of(cache, torch.tensor(kept))
    assert cache.length <= window
    assert not torch.allclose(whole, model.trunk(rows)[0])
    torch.testing.assert_close(model.trunk(rows, window=99)[0], model.trunk(rows)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("window", [1, 3])
def test_one_layer_sees_its_window_and_the_start_and_nothing_else(window: int) -> None:
    """Fails: the window is a row too wide, or too narrow."""
    model = tiny_model(num_layers=1, beat_lag_bias=True)
    rows, leaves = RowInputs.from_batch(batch_of(PHRASE)), remember_embeddings(model)
    hidden, _ = model.trunk(rows, window=window)
    for row in range(rows.ids.shape[1]):
        (gradient,) = torch.autograd.grad(hidden[0, row].sum(), leaves[0], retain_graph=True)
        felt = (gradient[0].abs().sum(dim=-1) > 0).nonzero().flatten().tolist()
        assert felt == sorted({0, *range(max(0, row - window + 1), row + 1)})


def test_a_batch_is_its_tunes_one_by_one_and_padding_weighs_nothing(model: PhinTransformer) -> None:
    """Fails: what a tune is worth depends on the tunes beside it, and no two measurements agree."""
    phrases = [PHRASE, *melodies(4, num_notes=6)]
    together = said(model, batch_of(*phrases))
    for place, phrase in enumerate(phrases):
        alone = said(model, batch_of(phrase))[0]
        torch.testing.assert_close(together[place, : len(alone)], alone, rtol=0, atol=1e-12)


def test_no_tune_feels_another_one_of_its_batch(model: PhinTransformer) -> None:
    """Fails: one player's tune changes with what others ask for at the same time."""
    leaves = remember_embeddings(model)
    logits = said(model, batch_of(PHRASE, *melodies(2, num_notes=6)))
    (gradient,) = torch.autograd.grad(logits[1].sum(), leaves[0])
    assert (gradient[[0, 2]] == 0).all()
    assert (gradient[1] != 0).any()


# --- rhythm and conditions


@pytest.mark.parametrize("switch", ["time_heads", "metre", "beat_lag_bias"])
def test_each_sense_of_rhythm_changes_what_is_said_when_onsets_move(switch: str) -> None:
    """Fails: rhythm awareness is decoration, as in the ancestor, where a constant was added to all scores."""
    model = tiny_model(**{**NO_RHYTHM, switch: RHYTHM[switch]})
    batch = batch_of(PHRASE)
    later = batch.onset.clone()
    later[:, 4:] += 7
    moved = (said(model, replace(batch, onset=later)) - said(model, batch)).abs().amax(dim=(0, 2))
    assert (moved[:4] == 0).all()
    assert (moved[4:] > 1e-6).all()


def test_without_any_sense_of_rhythm_onsets_change_nothing() -> None:
    """Fails: the control arm of the study hears the rhythm by a way that no switch closes."""
    model = tiny_model(**NO_RHYTHM)
    batch = batch_of(PHRASE)
    assert torch.equal(said(model, replace(batch, onset=batch.onset * 3 + 5)), said(model, batch))


@pytest.mark.parametrize("switch", ["time_heads", "beat_lag_bias"])
def test_attention_itself_hears_the_rhythm(switch: str) -> None:
    """Fails: onsets reach the model as an input alone, and a bar ago is no place that attention can look at."""
    settings = {**NO_RHYTHM, switch: RHYTHM[switch]}
    attention_inputs = []
    model = tiny_model(**settings, num_layers=1)
    model.blocks[0].attention_norm.register_forward_hook(lambda _, __, output: attention_inputs.append(output))
    batch = batch_of(PHRASE)
    outputs = [
        model.trunk(RowInputs.from_batch(replace(batch, onset=onset)))[0] for onset in (batch.onset, batch.onset**2)
    ]
    assert torch.equal(*attention_inputs), "what attention is given does not depend on onsets"
    assert not torch.allclose(*outputs)


def test_a_tune_played_eight_bars_later_is_the_same_tune() -> None:
    """Fails: the model counts from the beginning of time, and a tune sounds otherwise when it starts late."""
    model = tiny_model(beat_lag_bias=True)
    batch = batch_of(PHRASE)
    for times in (1, 10**6):  # a million times eight bars: days
        later = replace(batch, onset=batch.onset + EIGHT_BARS * times)
        torch.testing.assert_close(said(model, later), said(model, batch), rtol=0, atol=1e-6)
        model32 = tiny_model(beat_lag_bias=True).float()
        torch.testing.assert_close(said(model32, later), said(model32, batch), rtol=1e-4, atol=1e-4)


def test_a_tune_played_one_slot_later_is_another_tune() -> None:
    """Fails: strong and weak beats are alike to the model."""
    model = tiny_model()
    batch = batch_of(PHRASE)
    assert not torch.allclose(said(model, replace(batch, onset=batch.onset + 6)), said(model, batch))


def test_rotation_by_time_knows_the_lag_alone() -> None:
    """Fails: attention between two notes changes with where both stand, not with how far apart they are."""
    model = tiny_model(metre=False, time_heads=2)
    batch = batch_of(PHRASE)
    for shift in (1, 17, 1000):
        moved = replace(batch, onset=batch.onset + shift)
        torch.testing.assert_close(said(model, moved), said(model, batch), rtol=0, atol=1e-9)


def test_rotation_multiplies_complex_numbers() -> None:
    """Fails: turned queries and keys lose length, and attention no longer measures lags."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 5, 8, generator=generator, dtype=torch.float64)
    angle = torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)
    turned = torch.complex(*x.chunk(2, dim=-1)) * torch.polar(torch.ones_like(angle), angle)
    torch.testing.assert_close(rotate(x, (angle.cos(), angle.sin())), torch.cat([turned.real, turned.imag], dim=-1))


def test_the_lag_bias_is_read_off_two_tables() -> None:
    """Fails: a head that should look one bar back looks elsewhere."""
    bias = BeatLagBias(num_heads=2)
    nn.init.normal_(bias.quarters.weight)
    nn.init.normal_(bias.phase.weight)
    query, key = torch.tensor([[0, 30, 48, 5000]]), torch.tensor([[0, 24, 48]])
    table = bias(query, key)
    for q, moment in enumerate(query[0].tolist()):
        for k, began in enumerate(key[0].tolist()):
            lag = max(moment - began, 0)
            expected = bias.quarters.weight[min(lag // 24, 64)] + bias.phase.weight[lag % 24]
            assert torch.equal(table[0, :, q, k], expected)


@pytest.mark.parametrize("condition", range(len(CONDITIONS)), ids=CONDITIONS)
def test_each_condition_changes_what_is_said_from_the_first_note_to_the_last(condition: int) -> None:
    """Fails: asking for a lai or a tempo does nothing, as in the ancestor."""
    model, batch = tiny_model(), batch_of(PHRASE)
    conditions = batch.conditions.clone()
    conditions[0, condition] = (conditions[0, condition] + 1) % TOKENIZER.condition_sizes[condition]
    moved = (said(model, replace(batch, conditions=conditions)) - said(model, batch)).abs().amax(dim=(0, 2))
    assert (moved > 1e-6).all()


def test_each_tune_of_a_batch_has_its_own_conditions() -> None:
    """Fails: the lai of the first tune is played by all, as in the ancestor."""
    model, batch = tiny_model(), batch_of(PHRASE, PHRASE, PHRASE)
    conditions = batch.conditions.clone()
    conditions[:, 0] = torch.tensor([1, 2, 3])
    logits = said(model, replace(batch, conditions=conditions))
    for one in range(3):
        for other in range(one):
            assert not torch.allclose(logits[one], logits[other])
    conditions[1, 0] = 5
    changed = said(model, replace(batch, conditions=conditions))
    assert torch.equal(changed[[0, 2]], logits[[0, 2]])


def test_unknown_technique_and_velocity_are_inputs() -> None:
    """Fails: a tune of which nobody wrote down how it is struck cannot be read."""
    model, batch = tiny_model(), batch_of(PHRASE)
    for field in (TECHNIQUE, VELOCITY):
        ids = batch.ids.clone()
        ids[0, 4, field] = UNKNOWN_ID
        assert not torch.equal(ids, batch.ids)
        logits = said(model, replace(batch, ids=ids))
        assert logits.isfinite().all()
        assert not torch.allclose(logits[:, 4:], said(model, batch)[:, 4:])


# --- against PyTorch's own


@pytest.mark.parametrize("past", [False, True])
def test_plain_attention_is_pytorchs_own(past: bool) -> None:
    """Fails: a mistake in the arithmetic of attention itself, under every study and every tune."""
    config = tiny_config(index_rotary=False, time_heads=0)
    ours = PhinTransformer(config, TOKENIZER.condition_sizes).double().blocks[0].attention
    theirs = nn.MultiheadAttention(config.dim, config.num_heads, bias=False, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.qkv.weight)
        theirs.out_proj.weight.copy_(ours.out.weight)
    T, half = 9, config.dim // config.num_heads // 2
    x = torch.randn(3, T, config.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    still = (
        torch.ones(3, 2 * config.num_heads, T, half, dtype=torch.float64),
        torch.zeros(3, 2 * config.num_heads, T, half, dtype=torch.float64),
    )
    causal = torch.ones(T, T, dtype=torch.bool).triu(1)
    expected, _ = theirs(x, x, x, attn_mask=causal, need_weights=False)
    if not past:
        mine, _, _ = ours(x, still, None, None)
    else:
        head, tail = ([part[:, :, :4] for part in still], [part[:, :, 4:] for part in still])
        first, k, v = ours(x[:, :4], tuple(head), None, None)
        then, _, _ = ours(x[:, 4:], tuple(tail), ~causal[None, None, 4:], (k, v))
        mine = torch.cat([first, then], dim=1)
    torch.testing.assert_close(mine, expected, rtol=0, atol=1e-12)


def test_the_trunk_is_a_plain_transformer_when_its_extras_are_off() -> None:
    """Fails: the trunk does something besides pre-norm attention and gated MLPs that no switch turns off."""
    model = tiny_model(index_rotary=False, time_heads=0)
    rows = RowInputs.from_batch(batch_of(PHRASE, PHRASE))
    T = rows.ids.shape[1]
    x = model.embed(rows, torch.arange(T)[None])
    causal = torch.ones(T, T, dtype=torch.bool).triu(1)
    for block in model.blocks:
        attention = nn.MultiheadAttention(16, 2, bias=False, batch_first=True).double()
        attention.load_state_dict(
            {"in_proj_weight": block.attention.qkv.weight, "out_proj.weight": block.attention.out.weight}
        )
        normed = block.attention_norm(x)
        x = x + attention(normed, normed, normed, attn_mask=causal, need_weights=False)[0]
        gate, value = (block.mlp_norm(x) @ block.mlp.up.weight.T).chunk(2, dim=-1)
        x = x + (F.silu(gate) * value) @ block.mlp.down.weight.T
    expected = x / (x.pow(2).mean(dim=-1, keepdim=True) + 1e-6).sqrt() * model.norm.weight
    torch.testing.assert_close(model.trunk(rows)[0], expected, rtol=0, atol=1e-12)


def test_dropout_rests_when_playing() -> None:
    """Fails: the same seed plays another tune each time."""
    model, batch = tiny_model(dropout=0.3), batch_of(PHRASE)
    assert torch.equal(said(model, batch), said(model, batch))
    model.train()
    assert not torch.equal(said(model, batch), said(model, batch))


def test_a_window_from_the_middle_of_a_tune_can_be_read(model: PhinTransformer) -> None:
    """Fails: long tunes, which are trained on in windows, give no numbers."""
    whole = item(wander(3, num_notes=40))
    window = replace(whole, encoded=whole.encoded.window(20, 8))
    assert said(model, collate([window, whole])).isfinite().all()


def test_the_largest_values_of_all_fields_can_be_read(model: PhinTransformer) -> None:
    """Fails: a legal tune with the longest note in the longest bar stops training with an index error."""
    batch = batch_of(PHRASE)
    ids = batch.ids.clone()
    ids[:, 3] = torch.tensor([field.size - 1 for field in FIELDS])
    bar = torch.full_like(batch.bar, 4 * 4 * 24)
    assert said(model, replace(batch, ids=ids, onset=batch.onset * 100, bar=bar)).isfinite().all()


# --- settings


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"dim": 10, "num_heads": 4}, "model.dim=10"),
        ({"num_heads": 0}, "num_heads"),
        ({"num_layers": 0}, "num_layers"),
        ({"time_heads": 7}, "model.time_heads=7"),
        ({"longest_tune": 99}, "model.longest_tune=99"),
        ({"longest_tune": -5, "learned_positions": True}, "model.longest_tune=-5"),
        ({"time_ahead": False, "time_heads": 0}, "model.time_ahead=false: means nothing"),
        ({"dropout": 1.0}, "model.dropout=1.0"),
        ({"index_rotary": False, "time_heads": 6, "pitch_heads": 0}, "model.index_rotary=false: means nothing"),
        ({"mlp_ratio": -1.0}, "model.mlp_ratio=-1"),
        ({"mlp_ratio": float("nan")}, "model.mlp_ratio=nan"),
        ({"mlp_ratio": float("inf")}, "model.mlp_ratio=inf"),
        ({"num_layers": 10**9}, "model: would have 4e\\+14 weights"),
        ({"longest_tune": 10**9, "learned_positions": True}, "model: would have 2e\\+11 weights"),
    ],
)
def test_impossible_sizes_are_refused_by_the_key_to_mend(settings: dict[str, float], named: str) -> None:
    """Fails: a typing mistake ends in a shape error ten minutes later."""
    with pytest.raises(InvalidConfig, match=named):
        TransformerConfig(**settings)


def test_targets_past_the_duration_of_the_longest_note_have_no_field() -> None:
    """Fails: the sizes of heads and vocabulary drift apart, and the longest notes cannot be drawn."""
    logits = tiny_model()(batch_of(PHRASE))[0].fields
    assert [field.shape[-1] for field in logits] == [field.size for field in FIELDS]
    assert logits[DURATION].shape[-1] == NUM_SYMBOLS + 16 * 24


def test_a_tune_too_long_for_learned_positions_is_refused_by_the_key_to_mend() -> None:
    """Fails: the control arm ends in an index error in the middle of a long tune."""
    model = tiny_model(learned_positions=True, longest_tune=8)
    with pytest.raises(InvalidConfig, match=r"model\.longest_tune=8"):
        model(batch_of(wander(1, num_notes=9)))
    assert said(model, batch_of(wander(1, num_notes=7))).isfinite().all()


@pytest.mark.parametrize("later", [2, 5, 9])
def test_a_later_onset_changes_nothing_before_it_in_a_tune_of_letters(model: PhinTransformer, later: int) -> None:
    """Fails: a letter rings until the next one, so its length tells the model what it is then asked for."""
    letters = ["ล - ด -", "ร ม - ซ", "- ล - -", "ด ร ม -", "- - - ล"]
    phrase = parse_letters(" | ".join(letters)).phrase
    rows = phrase.rows.copy()
    rows[later:, 0] += 6  # it comes a slot later, and what was before it rings a slot longer
    rows[later - 1, 1] += 6
    other = replace(phrase, rows=rows)
    assert Inferred.DURATION in phrase.inferred
    batch = collate([item(phrase), item(other)])
    batch = replace(batch, conditions=batch.conditions[:1].expand(2, -1))  # density is read off all notes, and told
    one, two = said(model, batch)
    torch.testing.assert_close(one[:later], two[:later], rtol=0, atol=0)
    assert (one[later + 1 :] != two[later + 1 :]).any()
