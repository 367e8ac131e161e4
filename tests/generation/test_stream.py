"""Notes as they are drawn: the same as drawn at once, one at a time, in the same memory for ever, each at its time."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise

import mido
import numpy as np
import pytest
import torch

from phin.data.dataset import Item
from phin.errors import InvalidConfig
from phin.evaluation.equalities import taught
from phin.generation.constraints import MOST_REST, Constraint, GivenNotes, InLai, Length, MostNotes
from phin.generation.limits import Heard
from phin.generation.live import play_live
from phin.generation.play import ALL, length_of, play, ring_out, start_of
from phin.generation.random import Noise
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.stream import Endless, NeverSilent, StreamedNote, phrase_of, stream, without_end
from phin.generation.torch_engine import TorchEngine
from phin.generation.verses import latest, verse_of
from phin.model.transformer import metrical_ids
from phin.music.lai import lai_named
from phin.music.measures import rests
from phin.music.phrase import DURATION, STEPS_PER_HONG, UNKNOWN, Inferred, Metre, Phrase, Voice
from phin.tokenizer import DURATION as DURATION_FIELD
from phin.tokenizer import (
    FIELDS,
    FIRST_IDS,
    LONGEST_STEP,
    NUM_SYMBOLS,
    PAD_ID,
    PITCH,
    START_ID,
    STEP,
    UNKNOWN_ID,
    Encoded,
)
from tests.tiny import PHRASE, TOKENIZER, identity_for, tiny_model

MODEL = tiny_model()
ENGINE = TorchEngine(MODEL, identity_for(MODEL))
REQUEST = TuneRequest(lines=2, source="han")


def test_a_streamed_tune_is_the_tune_that_is_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who listens while a tune is drawn hears another than the one that is written; so once it is long."""
    monkeypatch.setattr("phin.generation.stream.verse_of", lambda bar: 24)
    (played,) = play(ENGINE, REQUEST, 1, 7)
    notes = list(stream(ENGINE, REQUEST, 7, constraints=[Length(REQUEST.last_stroke)]))
    rows = played.phrase.rows
    told = np.array([note[:6] for note in notes])
    others = [column for column in range(6) if column != DURATION]  # which are cut where a string is struck again
    assert np.array_equal(told[:, others], rows[:, others])
    drawn = sum(note.log_probability for note in notes)
    assert played.log_probability == pytest.approx(drawn + played.log_ending, rel=1e-5)
    assert played.log_ending < 0
    assert {note.duration for note in notes} != {UNKNOWN}


@pytest.mark.parametrize("unlearned", [(), (DURATION_FIELD,)])
def test_what_was_streamed_is_the_phrase_that_is_drawn_at_once(unlearned: tuple[int, ...]) -> None:
    """Fails: a stream that is kept sounds otherwise than it did, or holds a pitch that sounds twice at once."""
    engine = TorchEngine(MODEL, identity_for(MODEL, unlearned))
    (played,) = play(engine, REQUEST, 1, 7)
    notes = stream(engine, REQUEST, 7, constraints=[Length(REQUEST.last_stroke)])
    phrase = phrase_of(notes, played.phrase.metre)
    assert np.array_equal(ring_out(phrase).rows, played.phrase.rows)
    assert phrase.metre == played.phrase.metre
    assert phrase.inferred == played.phrase.inferred == ({Inferred.DURATION} if unlearned else set())


def test_a_stream_says_where_almost_nothing_was_left_as_a_drawn_tune_does() -> None:
    """Fails: a tune that is forced note by note is heard as the model's own."""
    engine = TorchEngine(model := tiny_model(), identity_for(model))
    with torch.no_grad():
        model.heads.out[PITCH].bias[NUM_SYMBOLS + 60 - 52] = -60.0
    kept = [GivenNotes(((48, 60), (REQUEST.last_stroke, 64))), Length(REQUEST.last_stroke)]
    begins = Encoded((whole := TOKENIZER.encode(PHRASE)).ids[:4], whole.onset[:4], whole.bar)
    for beginning in (None, begins):
        (played,) = play(engine, REQUEST, 1, 3, constraints=kept, begins=beginning)
        notes = list(stream(engine, REQUEST, 3, constraints=kept, begins=beginning))
        assert [line for note in notes for line in note.scarce] == list(played.scarce)
        assert any("of its pitch" in line for line in played.scarce)
        of_all = played.left_out[ALL] * len(notes)  # what is told of it whole has its end in it, which is no note
        assert 0.5 * of_all < sum(note.left_out for note in notes) <= of_all + 1e-4


@pytest.mark.parametrize("asked", [{"lines": 4}, {"about": 0.5}], ids=str)
def test_a_length_that_nobody_keeps_is_refused(asked: dict[str, float]) -> None:
    """Fails: four lines are asked for, and a tune without end is played."""
    request = TuneRequest(**asked)
    with pytest.raises(InvalidConfig, match=f"{next(iter(asked))}=.*: means nothing for a tune without end"):
        next(stream(ENGINE, request, 7))
    assert next(stream(ENGINE, request, 7, constraints=[length_of(request)]))


def test_no_streamed_note_makes_no_phrase() -> None:
    """Fails: an empty stream is taken for a tune."""
    with pytest.raises(ValueError, match="no note"):
        phrase_of([])


def test_a_tune_is_played_on_from_its_beginning() -> None:
    """Fails: a continuation begins at the wrong time, or tells what was given as its own."""
    whole = TOKENIZER.encode(PHRASE)
    begins = Encoded(whole.ids[:6], whole.onset[:6], whole.bar)
    first = next(stream(ENGINE, TuneRequest(), 3, begins=begins))
    assert first.onset >= whole.onset[5]
    last = [Length(TuneRequest(lines=1).last_stroke)]
    (played,) = play(ENGINE, TuneRequest(lines=1), 1, 3, constraints=last, begins=begins)
    assert first.onset == played.phrase.onset[5]


def test_each_note_is_told_before_the_next_is_drawn() -> None:
    """Fails: the first note waits for the last."""
    told: list[StreamedNote] = []
    notes = stream(ENGINE, REQUEST, 7, on_note=told.append)
    assert told == []
    for count in (1, 2, 3):
        note = next(notes)
        assert len(told) == count
        assert told[-1] == note


def test_it_never_ends_and_keeps_to_what_is_asked() -> None:
    """Fails: an endless tune ends, or forgets its lai once verses were forgotten."""
    lai = lai_named("yai")
    assert lai is not None
    notes = list(islice(stream(ENGINE, REQUEST, 1, SamplerConfig(2.0), [InLai(lai)]), 300))
    assert len(notes) == 300
    assert notes[-1].onset > 4 * verse_of(48)
    assert {note.pitch % 12 for note in notes} <= lai.pitch_classes
    assert all(one.onset <= other.onset for one, other in pairwise(notes))


def test_it_never_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who plays along waits, and takes it for the end."""
    endless = phrase_of(islice(stream(ENGINE, REQUEST, 1, SamplerConfig(2.0)), 150))
    assert 0 < max(stop - start for start, stop in rests(endless)) <= MOST_REST
    ends = [Length(REQUEST.last_stroke + 150 * 24)]
    whole, rested = (
        phrase_of(stream(ENGINE, REQUEST, 1, SamplerConfig(2.0), [*ends, *besides]))
        for besides in ([NeverSilent()], [])
    )
    longest = [max(stop - start for start, stop in rests(phrase)) for phrase in (whole, rested)]
    assert longest[0] <= MOST_REST < longest[1]
    monkeypatch.setattr(Endless, "now", Constraint.now)
    freely = phrase_of(islice(stream(ENGINE, REQUEST, 1, SamplerConfig(2.0)), 150))
    assert max(stop - start for start, stop in rests(freely)) > MOST_REST


def test_a_pitch_that_is_struck_again_rings_no_longer_than_its_last_stroke() -> None:
    """Fails: a long note that was cut short by the next one is taken to sound on, and a tune falls silent."""
    heard = Heard(np.array([-48, -48]))
    assert heard.until.tolist() == [-48, -48]
    ids = np.full((2, 6), NUM_SYMBOLS)
    ids[:, PITCH] += (10, 10)
    ids[:, DURATION_FIELD] += 95  # 96 steps
    ids[:, STEP] += 48
    heard.hear(ids)
    assert heard.until.tolist() == [96, 96]
    ids[:, PITCH] = NUM_SYMBOLS + np.array([10, 12])
    ids[:, DURATION_FIELD], ids[:, STEP] = NUM_SYMBOLS + 5, NUM_SYMBOLS + 12
    heard.hear(ids)
    assert heard.until.tolist() == [18, 96]
    heard.keep(np.array([1]))
    heard.hear(ids[1:])
    assert heard.until.tolist() == [96]


def test_a_note_of_unknown_duration_rings_until_the_next_onset() -> None:
    """Fails: after a tune in letters, which never say when a note ends, a tune without end may fall silent."""
    heard = Heard(np.array([0]))
    ids = np.full((1, 6), NUM_SYMBOLS)
    ids[:, PITCH], ids[:, DURATION_FIELD] = NUM_SYMBOLS + 10, UNKNOWN_ID
    heard.hear(ids)
    assert heard.until > 10_000
    ids[:, PITCH], ids[:, DURATION_FIELD], ids[:, STEP] = NUM_SYMBOLS + 12, NUM_SYMBOLS + 5, NUM_SYMBOLS + 24
    heard.hear(ids)
    assert heard.until.tolist() == [30]


def test_strokes_may_be_as_far_apart_as_a_pace_wants_them() -> None:
    """Fails: a slow pace and no silence leave nothing to draw, in the middle of a concert."""
    notes = list(islice(stream(ENGINE, REQUEST, 1, constraints=[MostNotes(100)]), 60))
    onsets = sorted({note.onset for note in notes})
    assert min(later - one for one, later in pairwise(onsets)) >= 100
    assert without_end([MostNotes(12, (48, 96))]) == [MostNotes(12)], "it waits for no last stroke"


def test_each_row_has_random_numbers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: each verse is drawn by the random numbers of the first."""
    asked, of_row = list[int](), Noise.of_row
    monkeypatch.setattr(Noise, "of_row", lambda self, row: asked.append(row) or of_row(self, row))
    notes = list(islice(stream(ENGINE, REQUEST, 1), 200))
    assert notes[-1].onset > 4 * verse_of(48)
    assert asked == list(range(200))


def heard_of(notes: list[StreamedNote], verse: int) -> list[StreamedNote]:
    """What the note after these is drawn from: those of the first verse, and, once a note has come in the fourth verse
    or later, of the rest only those from the verse before the last note's on, told two verses in.
    """
    last = notes[-1].onset // verse
    if last < 3:
        return notes
    theme = [each for each in notes if each.onset < verse]
    later = [each for each in notes if each.onset // verse >= last - 1]
    return theme + [each._replace(onset=each.onset - (last - 2) * verse) for each in later]


def test_each_note_is_drawn_from_the_theme_and_the_latest_verses() -> None:
    """Fails: an endless tune is drawn from other notes, or at other times, than is said; on logits."""
    metre = Metre.parse("2/4")
    verse = verse_of(metre.bar)
    begins = TOKENIZER.encode(PHRASE)
    begins = replace(begins, ids=begins.ids[:-1], onset=begins.onset[:-1], bar=metre.bar)
    given = [StreamedNote(*row, 0.0) for row in PHRASE.rows.tolist()]
    for beginning, before in ((None, []), (begins, given)):
        drawn = list(islice(stream(ENGINE, TuneRequest(), 5, begins=beginning), 400))
        notes, moved = [*before, *drawn], 0
        assert notes[-1].onset > 6 * verse
        for place in range(max(len(before), 1), len(notes), 7):
            told = heard_of(notes[:place], verse)
            moved += len(told) < place
            by = notes[place - 1].onset - told[-1].onset
            told = [*told, notes[place]._replace(onset=notes[place].onset - by)]
            assert_drawn_from(told, notes[place].log_probability, metre)
        assert moved > 20


def assert_drawn_from(notes: list[StreamedNote], log_probability: float, metre: Metre) -> None:
    """The last of these notes is as likely after the others, in one pass of the model, as it was when it was drawn."""
    # in the order in which they were drawn, which `Phrase` would change where notes are struck together
    rows = np.array([note[:6] for note in notes])
    encoded = TOKENIZER.encode(Phrase(rows[:1], metre))
    values = np.stack([rows[:, column] for column in (5, 4, 2, 1, 3)], axis=1)
    lowest = np.array([field.lowest for field in FIELDS[1:]])
    ids = np.full((len(rows) + 2, len(FIELDS)), PAD_ID)
    ids[0], ids[-1] = encoded.ids[0], encoded.ids[-1]
    onset = np.concatenate([encoded.onset[:1], rows[:, 0], rows[-1:, 0]])
    ids[1:-1, STEP] = np.diff(onset[:-1]) + NUM_SYMBOLS
    ids[1:-1, 1:] = np.where(values == UNKNOWN, UNKNOWN_ID, values - lowest + NUM_SYMBOLS)
    item = Item(Encoded(ids, onset, metre.bar), TuneRequest().streams(TOKENIZER)[0].conditions)
    told = taught(MODEL, item)[len(rows) - 1]
    found = sum(told[first + each] for first, each in zip(FIRST_IDS, ids[-2].tolist(), strict=False))
    assert found == pytest.approx(log_probability, abs=1e-4)


@pytest.mark.parametrize("metre", ["2/4", "3/4", "4/4", "6/8", "5/4", "7/8", "9/8"])
def test_what_is_moved_by_verses_stands_where_it_stood(metre: str) -> None:
    """Fails: after a verse the model hears the downbeat elsewhere in its bar, its line, or among eight bars."""
    bar = Metre.parse(metre).bar
    verse = verse_of(bar)
    assert verse >= 4 * 8 * STEPS_PER_HONG
    assert verse % (8 * STEPS_PER_HONG) == 0
    moments = torch.arange(-bar, 3 * bar)
    for there, here in zip(
        metrical_ids(moments + verse, torch.tensor(bar)), metrical_ids(moments, torch.tensor(bar)), strict=True
    ):
        assert torch.equal(there, here)
    assert verse_of(0) == 4 * 8 * STEPS_PER_HONG


def test_a_gap_that_no_step_can_say_is_unknown() -> None:
    """Fails: where the theme ends early and a verse begins late, a tune without end breaks off."""
    verse = verse_of(48)
    for begins, step in ((LONGEST_STEP - 1, LONGEST_STEP + NUM_SYMBOLS), (LONGEST_STEP, UNKNOWN_ID)):
        onset = np.array([-48, 0, verse - 1, 2 * verse + begins, 3 * verse])
        ids = np.full((5, 6), NUM_SYMBOLS)
        ids[0] = START_ID
        heard, moved = latest(Encoded(ids, onset, 48), verse)
        assert moved == verse
        assert heard.onset.tolist() == [-48, 0, verse - 1, verse + begins, 2 * verse]
        assert heard.ids[3, STEP] == step


@pytest.mark.long
def test_memory_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: after an hour the machine stands still."""
    steps = []
    make = TorchEngine.step

    def kept(self: TorchEngine, *arguments: object) -> object:
        steps.append(make(self, *arguments))
        return steps[-1]

    monkeypatch.setattr(TorchEngine, "step", kept)
    notes = list(islice(stream(ENGINE, REQUEST, 1), 2000))
    verses = notes[-1].onset // verse_of(48)
    assert verses > 15
    sizes = [step.slots.used for step in steps]
    assert len(sizes) == verses - 1, "one is made for each verse from the third on"
    assert max(sizes[:3]) > 0.5 * max(sizes), "as much as is ever heard was heard early"


# --- live


class Stage:
    """A clock that only sleeping and drawing move on, and a port that writes down what it is sent and when."""

    def __init__(self) -> None:
        self.now, self.sent = 100.0, list[tuple[float, str, int, int]]()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds

    def send(self, message: mido.Message) -> None:
        self.sent.append((round(self.now - 100, 6), message.type, message.channel, message.note))

    def drawn(self, notes: list[StreamedNote], cost: float) -> Iterator[StreamedNote]:
        for note in notes:
            self.now += cost
            yield note


def note(onset: int, duration: int, pitch: int, voice: int = Voice.MELODY) -> StreamedNote:
    return StreamedNote(onset, duration, pitch, UNKNOWN, UNKNOWN, voice, 0.0)


def test_notes_sound_at_their_times_however_unevenly_they_are_drawn() -> None:
    """Fails: a slow step is heard as a slow bar."""
    notes = [note(-12, 12, 60), note(0, 24, 62), note(0, 24, 50, Voice.ACCOMPANIMENT), note(48, UNKNOWN, 64)]
    for cost in (0.0, 0.3):
        stage = Stage()
        heard = play_live(stage.drawn(notes, cost), stage, 600_000, 1.0, None, stage.clock, stage.sleep)
        ons = [(round(when - 1.0, 5), pitch) for when, kind, _, pitch in stage.sent if kind == "note_on"]
        assert ons == [(0.0, 60), (0.3, 62), (0.3, 50), (1.5, 64)]
        offs = [(round(when - 1.0, 5), pitch) for when, kind, _, pitch in stage.sent if kind == "note_off"]
        assert sorted(offs) == [(0.3, 60), (0.9, 50), (0.9, 62), (2.1, 64)]
        assert {channel for *_, channel, pitch in stage.sent if pitch == 50} == {1}
        assert (heard.notes, heard.latest) == (4, pytest.approx(0.0, abs=1e-6))


def test_a_note_that_comes_late_is_sent_at_once_and_told() -> None:
    """Fails: a step slower than the look-ahead moves all that follows."""
    stage = Stage()
    notes = [note(0, 6, 60), note(6, 6, 62), note(12, 6, 64)]

    def slow() -> Iterator[StreamedNote]:
        yield notes[0]
        stage.now += 3.0
        yield from notes[1:]

    heard = play_live(slow(), stage, 600_000, 0.5, None, stage.clock, stage.sleep)
    assert heard.latest == pytest.approx(3.0 - 0.5 - 0.0, abs=0.2)
    assert [pitch for _, kind, _, pitch in stage.sent if kind == "note_on"] == [60, 62, 64]


def test_a_string_that_is_struck_again_first_ends() -> None:
    """Fails: a note hangs, for its end was taken for that of the one before."""
    stage = Stage()
    play_live([note(0, 48, 60), note(24, 48, 60)], stage, 600_000, 1.0, None, stage.clock, stage.sleep)
    assert [kind for _, kind, *_ in stage.sent] == ["note_on", "note_off", "note_on", "note_off"]
    assert [when for when, *_ in stage.sent] == pytest.approx([1.0, 1.6, 1.6, 2.8])


def test_what_sounds_is_ended_when_it_is_broken_off() -> None:
    """Fails: after Ctrl-C a note sounds for ever."""
    stage = Stage()

    def broken() -> Iterator[StreamedNote]:
        yield note(0, 96, 60)
        yield note(24, 96, 64)
        yield note(96, 24, 67)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play_live(broken(), stage, 600_000, 1.0, None, stage.clock, stage.sleep)
    on, off = ([pitch for _, kind, _, pitch in stage.sent if kind == of] for of in ("note_on", "note_off"))
    assert sorted(on) == sorted(off) != []


def test_notes_are_drawn_no_further_ahead_than_is_asked() -> None:
    """Fails: a change of mind is heard a minute later; or an endless tune is drawn to its end before it sounds."""
    stage, drawn_at = Stage(), list[float]()

    def endless() -> Iterator[StreamedNote]:
        onset = 0
        while onset < 24 * 50:
            drawn_at.append(stage.now - 100)
            yield note(onset, 24, 60)
            onset += 24

    play_live(endless(), stage, 500_000, 2.0, None, stage.clock, stage.sleep)
    for number, when in enumerate(drawn_at[1:], 1):
        assert when <= 2.0 + 0.5 * number
        assert when >= 0.5 * number - 0.5 - 1e-6
    assert start_of(TuneRequest()).onset.tolist() == [-48]


def test_what_was_streamed_comes_after_what_it_goes_on_from_in_the_order_of_a_phrase() -> None:
    """Fails: a lower note struck with the last given one breaks off the tune that goes on."""
    begins = Phrase(np.array([[0, 24, 69, 80, -1, 0], [24, 24, 71, 80, -1, 0]]))
    notes = [StreamedNote(24, 12, 57, -1, -1, 1, 0.0), StreamedNote(48, 12, 69, -1, -1, 0, 0.0)]
    whole = phrase_of(notes, begins=begins)
    assert whole.rows[:, [0, 2]].tolist() == [[0, 69], [24, 57], [24, 71], [48, 69]]
