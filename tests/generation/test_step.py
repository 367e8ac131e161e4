"""The decode step: rows as they were taught, nothing drawn that may not be, streams mixed, the cache passed through."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from phin.batch import collate
from phin.evaluation.equalities import forced
from phin.generation.constraints import Length
from phin.generation.limits import FORBIDDEN, Heard, Kind, Limits
from phin.generation.play import start_of
from phin.generation.random import Noise
from phin.generation.request import SamplerConfig, Stream, TuneRequest
from phin.generation.rows import Rows, after, beginning, hear
from phin.generation.step import DecodeStep, Drawn
from phin.generation.torch_engine import TorchStep
from phin.model.transformer import RowInputs
from phin.music.phrase import Phrase, Voice
from phin.tokenizer import (
    DURATION,
    END_ID,
    FIELDS,
    NUM_FIELDS,
    NUM_SYMBOLS,
    PITCH,
    START_ID,
    STEP,
    TECHNIQUE,
    TEMPO_CONDITION,
    UNKNOWN_ID,
    VELOCITY,
    VOICE,
    Encoded,
)
from tests.tiny import PHRASE, TOKENIZER, batch_of, item, melodies, tiny_model

ALL_LEARNED = (True,) * NUM_FIELDS
PLAIN = SamplerConfig()
SIZES = [field.size for field in FIELDS]
SUM = sum(SIZES)


def rows_of(phrase: Phrase) -> RowInputs:
    return RowInputs.from_batch(batch_of(phrase))


def begun(phrases: list[Phrase], lengths: list[int]) -> Rows:
    """The first rows of some phrases, START among them."""
    items = [item(phrase) for phrase in phrases]
    tunes = [
        Encoded(each.encoded.ids[:length], each.encoded.onset[:length], each.encoded.bar)
        for each, length in zip(items, lengths, strict=True)
    ]
    return beginning(tunes, np.stack([each.conditions for each in items]))


def part(rows: Rows, start: int, stop: int | None = None) -> Rows:
    """Some of the rows of each tune, counted as in a slice."""
    *columns, bar, closing, conditions, place = rows
    return Rows(*(column[:, start:stop] for column in columns), bar, closing, conditions, place[:, start:stop])


def drawn_by(
    step: DecodeStep,
    rows: Rows,
    limits: Limits | None = None,
    seed: int = 0,
    sampler: SamplerConfig = PLAIN,
    streams: Sequence[Stream] = (),
) -> Drawn:
    """One step without a cache."""
    count = len(rows.ids)
    noise = Noise(seed, range(count)).of_row(0)
    drawn = TorchStep(step, count, sampler, streams)(rows, noise, limits or Limits(count))
    return Drawn(*map(torch.from_numpy, drawn))


@pytest.mark.parametrize("phrase", [PHRASE, *melodies(3)], ids=["phrase", "over a drone", "pentatonic", "chromatic"])
def test_rows_drawn_one_by_one_are_the_rows_that_were_taught(phrase: Phrase) -> None:
    """Fails: in playing, the model reads another onset or melody than in training, and plays at random."""
    taught, ids = rows_of(phrase), batch_of(phrase).ids.numpy()
    rows = begun([phrase], [1])
    heard = hear(rows)
    for time in range(taught.ids.shape[1]):
        for name in RowInputs._fields[:5]:
            assert np.array_equal(getattr(rows, name), getattr(taught, name)[:, time : time + 1].numpy()), name
        assert rows.bar.tolist() == taught.bar.tolist()
        assert rows.conditions.tolist() == taught.conditions.tolist()
        assert rows.place.tolist() == [[time]]
        rows = after(rows, ids[:, time + 1], heard)


@pytest.mark.parametrize("phrase", [PHRASE, *melodies(3)], ids=["phrase", "over a drone", "pentatonic", "chromatic"])
def test_a_tune_that_is_told_from_its_end_is_drawn_as_it_was_taught(phrase: Phrase) -> None:
    """Fails: what comes is told, and the tune then goes on from there, or has ended, instead of starting again."""
    whole = item(phrase)
    later = int(np.flatnonzero(np.diff(whole.encoded.onset[1:-1]))[-2]) + 1
    told = whole.encoded.future_first(later)
    taught, given = RowInputs.from_batch(collate([replace(whole, encoded=told)])), told.given
    rows = beginning([replace(told, ids=told.ids[: given + 1], onset=told.onset[: given + 1])], whole.conditions[None])
    heard = hear(rows)
    assert (heard.num_notes, heard.has_ended, heard.together.sum()) == (0, False, 0)
    for time in range(given, taught.ids.shape[1]):
        for name in RowInputs._fields[:5]:
            mine = getattr(rows, name)[:, -1]
            assert np.array_equal(mine, getattr(taught, name)[:, time].numpy()), name
        assert rows.place[0, -1] == time
        rows = after(rows, told.ids[None, time + 1], heard)


def test_beginnings_are_the_rows_that_were_taught_side_by_side() -> None:
    """Fails: a given tune is continued from other notes than its own."""
    phrases, lengths = [PHRASE, *melodies(2)], [5, 1, 8]
    rows = begun(phrases, lengths)
    for tune, (phrase, length) in enumerate(zip(phrases, lengths, strict=True)):
        taught = rows_of(phrase).part(0, length)
        assert rows.place[tune].tolist() == [-1] * (8 - length) + list(range(length))
        for name in RowInputs._fields[:5]:
            assert np.array_equal(getattr(rows, name)[tune, 8 - length :], getattr(taught, name)[0].numpy()), name


def test_the_start_row_is_the_one_that_was_taught() -> None:
    """Fails: the first note is drawn from a start that training never saw."""
    request = TuneRequest(metre="2/4", source="han", tempo=100.0)
    rows = beginning([start_of(request)], request.conditions(TOKENIZER)[None])
    taught = batch_of(replace(PHRASE, tempo=600_000))
    assert rows.ids.tolist() == taught.ids[:, :1].tolist()
    assert rows.onset.tolist() == taught.onset[:, :1].tolist()
    assert rows.melody.tolist() == rows.melody_before.tolist() == taught.melody[:, :1].tolist()
    assert rows.bar.tolist() == taught.bar.tolist()
    # density is read off the notes, so nobody can ask for it
    assert rows.conditions[0].tolist() == [*taught.conditions[0, :4].tolist(), 0]
    assert rows.conditions[0, TEMPO_CONDITION] != 0


def test_a_step_with_a_cache_draws_what_a_step_without_draws() -> None:
    """Fails: going on with a phrase differs from playing it from the start."""
    step, rows = DecodeStep(tiny_model(), ALL_LEARNED), begun([PHRASE], [len(PHRASE)])
    for seed in range(8):
        noise, free = Noise(seed, [0]).of_row(0), Limits(1)
        whole, chances = TorchStep(step, 1, PLAIN)(rows, noise, free)
        cached = TorchStep(step, 1, PLAIN)
        cached(part(rows, 0, 9), noise, free)
        assert cached.slots.used == 9
        drawn, its_chances = cached(part(rows, 9), noise, free)
        assert np.array_equal(drawn, whole)
        np.testing.assert_allclose(its_chances, chances, rtol=0, atol=1e-12)


def test_tunes_side_by_side_draw_what_each_draws_alone_whatever_their_lengths() -> None:
    """Fails: a tune of a batch hangs on those beside it, or on the slots that were made for them."""
    step = DecodeStep(tiny_model(), ALL_LEARNED)
    phrases, lengths = [PHRASE, *melodies(3)], [10, 1, 4, 7]

    def draw_on(rows: Rows, tunes: list[int]) -> list[list[list[int]]]:
        torch_step, noises, heard, drawn = TorchStep(step, len(tunes), PLAIN), Noise(1, tunes), hear(rows), []
        for number in range(70):  # more than a block of slots
            drawn.append(torch_step(rows, noises.of_row(number), Limits(len(tunes)))[0])
            drawn[-1][:, STEP] = np.maximum(drawn[-1][:, STEP], NUM_SYMBOLS)  # no tune ends here
            rows = after(rows, drawn[-1], heard)
        return np.stack(drawn, axis=1).tolist()

    together = draw_on(begun(phrases, lengths), [0, 1, 2, 3])
    for tune, (phrase, length) in enumerate(zip(phrases, lengths, strict=True)):
        assert together[tune] == draw_on(begun([phrase], [length]), [tune])[0]


def test_a_window_draws_the_same_whether_old_slots_are_kept_or_given_up() -> None:
    """Fails: an endless tune turns into another when its cache is cleared."""
    step = DecodeStep(tiny_model(), ALL_LEARNED)

    def draw_on(block: int) -> tuple[list, int]:
        rows = begun([PHRASE, melodies(1)[0]], [6, 2])
        torch_step, noises, heard, drawn = TorchStep(step, 2, PLAIN, window=12), Noise(1, [0, 1]), hear(rows), []
        torch_step.slots.BLOCK = block
        for number in range(90):
            drawn.append(torch_step(rows, noises.of_row(number), Limits(2))[0])
            drawn[-1][:, STEP] = np.maximum(drawn[-1][:, STEP], NUM_SYMBOLS)
            rows = after(rows, drawn[-1], heard)
        return np.stack(drawn).tolist(), torch_step.slots.place.shape[1]

    kept, many = draw_on(block=256)
    given_up, few = draw_on(block=8)
    assert kept == given_up
    assert few < 40 < many


def test_greedy_steps_draw_the_likeliest_value_of_every_field_given_those_before() -> None:
    """Fails: fields of a note are drawn without regard to each other."""
    model, rows = tiny_model(), begun([PHRASE], [1 + len(PHRASE)])
    drawn = drawn_by(DecodeStep(model, ALL_LEARNED), rows, sampler=SamplerConfig(top_k=1))
    # the same through the teaching path: the row drawn so far is the target, the next field's logits are read off
    batch = batch_of(PHRASE)
    target = torch.full((NUM_FIELDS,), UNKNOWN_ID)
    for field in range(NUM_FIELDS):
        ids = batch.ids.clone()
        ids[0, -1] = target
        logits = model(replace(batch, ids=ids))[0].fields[field][0, -1]
        target[field] = logits.argmax()
        torch.testing.assert_close(drawn.chances[0].split(SIZES)[field], logits.softmax(dim=0))
    assert torch.equal(drawn.ids[0], target)


def many_rows(learned: tuple[bool, ...] = ALL_LEARNED, limits: Limits | None = None) -> Drawn:
    """Two hundred rows drawn after the start, at a temperature at which anything comes."""
    request = TuneRequest()
    rows = beginning([start_of(request)] * 200, np.tile(request.conditions(TOKENIZER), (200, 1)))
    step, hot = DecodeStep(tiny_model(), learned), SamplerConfig(temperature=5.0)
    return drawn_by(step, rows, limits, sampler=hot)


def test_no_symbol_but_the_end_is_ever_drawn() -> None:
    """Fails: a tune comes out with padding or a second start in its middle."""
    drawn = many_rows().ids
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
        assert (drawn.ids[:, field] == UNKNOWN_ID).all() == (field in (TECHNIQUE, VELOCITY))
    assert (drawn.chances.split(SIZES, dim=1)[TECHNIQUE][:, UNKNOWN_ID] == 1).all()
    for chances in drawn.chances.split(SIZES, dim=1):
        torch.testing.assert_close(chances.sum(dim=1), torch.ones(200, dtype=torch.float64))


# --- limits


def test_a_step_that_is_forbidden_is_not_drawn_and_the_rest_is_as_likely_as_before() -> None:
    """Fails: a tune runs past the length that was asked for; or nobody knows how far the tune is from the model's."""
    limits = Limits(200)
    limits.step[:] = FORBIDDEN
    limits.step[:, [NUM_SYMBOLS, NUM_SYMBOLS + 6]] = 0
    drawn = many_rows(limits=limits)
    assert set(drawn.ids[:, STEP].tolist()) == {NUM_SYMBOLS, NUM_SYMBOLS + 6}
    torch.testing.assert_close(drawn.chances, many_rows().chances.where(torch.arange(SUM) < SIZES[0], drawn.chances))
    allowed = limits.added(drawn.ids.numpy()) > FORBIDDEN
    assert np.flatnonzero(allowed[0, : SIZES[0]]).tolist() == [NUM_SYMBOLS, NUM_SYMBOLS + 6]
    assert allowed[:, SIZES[0] :].all()


@pytest.mark.parametrize("kind", Kind)
def test_each_later_field_keeps_to_the_table_of_the_step_that_was_drawn(kind: Kind) -> None:
    """Fails: the closing note keeps to the limits of a chord, or a drone to those of the melody."""
    limits = Limits(200)
    limits.kind[:] = (kind + 1) % len(Kind)
    limits.kind[:, NUM_SYMBOLS + 6] = kind
    limits.step[:] = FORBIDDEN
    limits.step[:, [NUM_SYMBOLS + 6, NUM_SYMBOLS + 12]] = 0
    only = {"technique": 9, "duration": 30, "velocity": 99}
    for name, id in only.items():
        getattr(limits, name)[:, kind] = FORBIDDEN
        getattr(limits, name)[:, kind, id] = 0
    limits.pitch[:, kind] = FORBIDDEN
    limits.pitch[:, kind, Voice.MELODY, 20] = 0
    limits.pitch[:, kind, Voice.ACCOMPANIMENT, 10] = 0
    ids = many_rows(limits=limits).ids
    chosen = ids[ids[:, STEP] == NUM_SYMBOLS + 6]
    others = ids[ids[:, STEP] == NUM_SYMBOLS + 12]
    assert min(len(chosen), len(others)) > 10
    for name, id in only.items():
        column = [field.name for field in FIELDS].index(name)
        assert (chosen[:, column] == id).all()
        assert len(others[:, column].unique()) > 3
    assert set(chosen[:, VOICE].tolist()) == {NUM_SYMBOLS, NUM_SYMBOLS + 1}
    assert torch.equal(chosen[:, PITCH], torch.where(chosen[:, VOICE] == NUM_SYMBOLS, 20, 10))
    for row, allowed in zip(ids.tolist(), limits.added(ids.numpy()) > FORBIDDEN, strict=True):
        parts = np.split(allowed, np.cumsum(SIZES)[:-1])
        assert all(part[id] for part, id in zip(parts, row, strict=True)), "what is drawn was allowed"
        if row[STEP] == NUM_SYMBOLS + 6:
            assert [int(parts[field].sum()) for field in (TECHNIQUE, PITCH, DURATION, VELOCITY)] == [1, 1, 1, 1]
    limits.voice[:, kind, NUM_SYMBOLS] = FORBIDDEN
    ids = many_rows(limits=limits).ids
    assert (ids[ids[:, STEP] == NUM_SYMBOLS + 6, VOICE] == NUM_SYMBOLS + 1).all()


def test_what_was_played_before_costs_where_its_step_and_pitch_come_again_in_the_melody() -> None:
    """Fails: a repetition is made dearer under another rhythm, in the drone, or for another tune."""
    limits, dearer = Limits(200), 100
    limits.step[:] = FORBIDDEN
    limits.step[:, [NUM_SYMBOLS + 6, NUM_SYMBOLS + 12]] = 0
    limits.pitch[:] = FORBIDDEN
    limits.pitch[..., [id := 18, 20, 22]] = 0
    limits.recalled[:dearer, :, 0] = NUM_SYMBOLS + 6, id
    limits.recalled_cost[:dearer, 0] = 500.0
    ids = many_rows(limits=limits).ids
    came = {
        (tunes, step, voice)
        for tunes, part in (("dearer", ids[:dearer]), ("plain", ids[dearer:]))
        for step, voice, pitch in part[:, [STEP, VOICE, PITCH]].tolist()
        if pitch == id
    }
    others = {("plain", NUM_SYMBOLS + 6, 4), ("dearer", NUM_SYMBOLS + 12, 4), ("dearer", NUM_SYMBOLS + 6, 5)}
    assert others <= came
    assert ("dearer", NUM_SYMBOLS + 6, 4) not in came


# --- streams


ONE_STYLE, ANOTHER = np.array([1, 2, 1, 1, 3]), np.array([0, 5, 1, 2, 0])


@pytest.mark.parametrize("weights", [(1.0,), (0.3, 0.7), (2.5, -1.5), (0.0, 1.0), (1.5, 0.7, -1.2)])
def test_log_probabilities_of_streams_are_added_with_their_weights(weights: tuple[float, ...]) -> None:
    """Fails: guidance pulls the wrong way, its ends are not the two styles, or one stream is not the model itself."""
    step, rows = DecodeStep(tiny_model(), ALL_LEARNED), begun([PHRASE, *melodies(1)], [6, 4])
    styles = [ONE_STYLE, ANOTHER, 0 * ONE_STYLE][: len(weights)]
    wanted = forced(np.array([[NUM_SYMBOLS + 3] * NUM_FIELDS] * 2) - [0, 3, 0, 0, 0, 0])
    alone = [drawn_by(step, rows, wanted, streams=[Stream(1.0, style)]).chances.log() for style in styles]
    streams = [Stream(weight, style) for weight, style in zip(weights, styles, strict=True)]
    together = drawn_by(step, rows, wanted, streams=streams).chances
    for field, found in enumerate(together.split(SIZES, dim=1)):
        each = [log.split(SIZES, dim=1)[field].clamp(min=-1e9) for log in alone]
        total = sum(weight * log for weight, log in zip(weights, each, strict=True))
        expected = torch.where(each[0] <= -1e9, -torch.inf, total).softmax(dim=-1)
        torch.testing.assert_close(found, expected)
    for style, log in zip(styles[1:], alone[1:], strict=True):
        assert not torch.allclose(log.exp(), alone[0].exp()), f"{style} is felt"


def test_all_streams_go_on_with_the_note_that_is_drawn() -> None:
    """Fails: later notes, or later fields of a note, are drawn as if other streams had drawn another note."""
    step, start = DecodeStep(tiny_model(), ALL_LEARNED), begun([PHRASE], [1])
    for weights in ((1.0, 0.0), (0.0, 1.0)):
        both = [Stream(weights[0], ONE_STYLE), Stream(weights[1], ANOTHER)]
        alone = [Stream(1.0, ANOTHER if weights[1] else ONE_STYLE)]
        tunes = []
        for streams in (both, alone):
            torch_step, rows, heard, noises = TorchStep(step, 1, PLAIN, streams), start, hear(start), Noise(4, [0])
            tunes.append([])
            for number in range(12):
                ids, _ = torch_step(rows, noises.of_row(number), Limits(1))
                tunes[-1].append(ids.tolist())
                rows = after(rows, ids, heard)
        assert tunes[0] == tunes[1]


@pytest.mark.parametrize("last_stroke", [0, 48, 336, 1000])
def test_steps_until_the_last_stroke_never_pass_it_and_end_on_it(last_stroke: int) -> None:
    """Fails: a tune ends before its closing note, or goes on after it."""
    onsets = [onset for onset in (-48, -1, 0, 47, 300, 336, last_stroke) if onset <= last_stroke]
    limits = Limits(len(onsets))
    Length(last_stroke).now(Heard(np.array(onsets)), limits)
    for onset, row, kinds in zip(onsets, limits.step, limits.kind, strict=True):
        steps = (np.flatnonzero(row == 0) - NUM_SYMBOLS).tolist()
        if onset == last_stroke:
            assert steps == [END_ID - NUM_SYMBOLS]
        else:
            assert steps == [step for step in range(385) if onset + step <= last_stroke]
            closing = (np.flatnonzero(kinds == Kind.CLOSING) - NUM_SYMBOLS).tolist()
            assert closing == [step for step in range(385) if onset + step == last_stroke]


def test_the_step_keeps_nothing() -> None:
    """Fails: a session hears the one before it."""
    step, rows = DecodeStep(tiny_model(), ALL_LEARNED), begun([PHRASE], [5])
    state = {name: tensor.clone() for name, tensor in step.state_dict().items()}
    assert torch.equal(drawn_by(step, rows).ids, drawn_by(step, rows).ids)
    assert all(torch.equal(tensor, state[name]) for name, tensor in step.state_dict().items())
