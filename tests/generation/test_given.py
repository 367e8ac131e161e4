"""What is made of a tune that is given: what was to stay stays, note for note, and the rest is new."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from phin.errors import InvalidConfig, PhinError
from phin.generation.choice import By, Choice
from phin.generation.constraints import MostNotes, OverDrone
from phin.generation.draw import DrawnRows, draw_rows
from phin.generation.given import LONGEST, Given, Use, kept_to, with_examples
from phin.generation.play import ALL, ending, first_rows, length_of, play
from phin.generation.recipe import Recipe
from phin.generation.request import SamplerConfig, Style, TuneRequest
from phin.generation.stream import Endless, stream
from phin.generation.torch_engine import TorchEngine
from phin.generation.wishes import Wishes
from phin.music.fingering import reaches
from phin.music.fretboard import positions
from phin.music.grid import begin_of
from phin.music.lai import label_lai, lai_named
from phin.music.midi import write_midi
from phin.music.phrase import DURATION, PITCH, UNKNOWN, Inferred, Metre, Phrase
from phin.music.readers import READERS, read_tune
from phin.tokenizer import END_ID, NO_CLOSING, STEP, Encoded
from tests.tiny import TOKENIZER, identity_for, tiny_model
from tests.tunes import of_notes, wander, with_drone

MODEL = tiny_model()
IDENTITY = identity_for(MODEL)
ENGINE = TorchEngine(MODEL, IDENTITY)
TUNE = replace(wander(5, 40, source="han"), metre=Metre(2, 4), tempo=500_000)
TUNE_HONG = Given(TUNE, Use.CONTINUE).num_hong
LINES = -(-TUNE_HONG // 8)
OVER_DRONE = replace(with_drone(wander(5, 40, source="han")), metre=Metre(2, 4))


def made(given: Given, request: TuneRequest | None = None, count: int = 4, seed: int = 0) -> list[Phrase]:
    asked = given.request(request or TuneRequest())
    begins = given.beginning(TOKENIZER)
    played = play(ENGINE, asked, count, seed, SamplerConfig(2.0), constraints=given.constraints(), begins=begins)
    return [given.finished(each.phrase) for each in played]


def test_a_tune_that_is_continued_is_the_tune_and_then_something_new() -> None:
    """Fails: the player's own notes are changed, or nothing comes after them."""
    for tune in (TUNE, OVER_DRONE):
        new = made(Given(tune, Use.CONTINUE), TuneRequest(lines=2))
        for each in new:
            assert (
                np.delete(each.rows[: len(tune)], DURATION, axis=1).tolist()
                == np.delete(tune.rows, DURATION, axis=1).tolist()
            )
            assert len(each) > len(tune)
            assert each.onset[-1] >= tune.onset[-1] + 8 * 24
            assert each.tempo == (tune.tempo or each.tempo)
            assert each.metre == tune.metre
        assert len({tuple(each.pitch.tolist()) for each in new}) == len(new)


def test_a_tune_is_continued_by_so_many_hong() -> None:
    """Fails: four hong are asked for, and a line is played, or the end of the given tune's line counts."""
    for tune in made(Given(TUNE, Use.CONTINUE), TuneRequest(hong=4)):
        assert tune.onset[-1] == begin_of(TUNE) + 24 * (TUNE_HONG + 4) - 6, "slot 4 of the last"


def test_a_continuation_is_drawn_after_the_tune_itself() -> None:
    """Fails: a tune is continued as if nothing had come before."""
    given = Given(TUNE, Use.CONTINUE)
    begins = given.beginning(TOKENIZER)
    assert isinstance(begins, Encoded)
    assert begins.ids.tolist() == TOKENIZER.encode(TUNE).ids[:-1].tolist()
    other = Given(replace(TUNE, rows=TUNE.rows + np.array([0, 0, 1, 0, 0, 0])), Use.CONTINUE)
    after, after_other = (made(each)[0].rows[len(TUNE) :].tolist() for each in (given, other))
    assert after != after_other


def test_a_length_that_is_wanted_about_is_that_of_what_is_new() -> None:
    """Fails: a tune that is continued ends with what was given, or goes on for half of that as well."""
    given = Given(TUNE, Use.CONTINUE)
    asked, begins, last = given.request(TuneRequest(lines=1, about=0.01)), given.beginning(TOKENIZER), TUNE.onset[-1]
    model = tiny_model()
    for bias in (40.0, -40.0):
        with torch.no_grad():
            model.heads.out[STEP].bias[END_ID] = bias
        for played in play(TorchEngine(model, IDENTITY), asked, 4, 0, begins=begins):
            until = played.phrase.onset[-1]
            if bias > 0:
                assert until > last, "it would rather end than go on"
            assert until <= asked.last_stroke + (asked.last_stroke - last) // 2


def test_what_was_left_out_is_told_of_the_notes_that_were_drawn() -> None:
    """Fails: a long tune makes what is forced out at its end look as if the model had played it."""
    given = Given(TUNE, Use.CONTINUE)
    asked, begins = given.request(TuneRequest(lines=1)), given.beginning(TOKENIZER)
    rows = []

    def watched(*arguments: object) -> Iterator[DrawnRows]:
        for drawn in draw_rows(*arguments):
            rows.append(drawn)
            yield drawn

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phin.generation.play.draw_rows", watched)
        (played,) = play(ENGINE, asked, 1, 0, SamplerConfig(2.0), begins=begins)
    bits = sum(-np.log2(drawn.allowed[-1]).sum() for drawn in rows)
    assert len(rows) == len(played.phrase) - len(TUNE) + 1, "the end is drawn too"
    assert played.left_out[ALL] == pytest.approx(bits / (len(rows) - 1))
    numbers = [int(line.split(":")[0].removeprefix("note ")) for line in played.scarce]
    assert all(number > len(TUNE) for number in numbers)


def test_a_decorated_tune_keeps_its_strong_strokes_and_its_end() -> None:
    """Fails: ลูกตก, by which a tune is known, is lost among its ornaments."""
    melody = TUNE.melody
    strong = {(on, p) for on, p in zip(melody.onset.tolist(), melody.pitch.tolist(), strict=True) if on % 24 == 0}
    assert len(strong) > 4
    for each in made(Given(TUNE, Use.DECORATE)):
        notes = set(zip(each.melody.onset.tolist(), each.melody.pitch.tolist(), strict=True))
        assert strong <= notes
        for onset, pitch in strong:
            assert each.melody.pitch[each.melody.onset == onset].tolist() == [pitch], "no other melody note with it"
        assert each.onset[-1] == TUNE.onset[-1]
        assert each.pitch[-1] == TUNE.pitch[-1]
        assert notes - strong


def test_a_tune_in_the_rhythm_of_another_has_its_strokes_and_other_pitches() -> None:
    """Fails: the words no longer fit."""
    new = made(Given(TUNE, Use.RHYTHM))
    for each in new:
        assert each.onset.tolist() == np.unique(TUNE.melody.onset).tolist()
        assert each.pitch.tolist() != TUNE.melody.pitch.tolist()


@pytest.mark.parametrize("tune", [TUNE, OVER_DRONE], ids=["melody", "over a drone"])
@pytest.mark.parametrize("hong", [(1, 2), (3, 6), (5, 5)])
def test_hong_that_are_rewritten_are_new_and_the_rest_is_as_it_was(tune: Phrase, hong: tuple[int, int]) -> None:
    """Fails: a player mends one bar, and the program changes another."""
    given = Given(tune, Use.REWRITE, hong)
    first, end = given._span
    assert end - first == 24 * (hong[1] - hong[0] + 1)
    new = made(given)
    outside = (tune.onset < first) | (tune.onset >= end)
    for each in new:
        stays = (each.onset < first) | (each.onset >= end)
        kept, old = each.rows[stays], tune.rows[outside]
        assert np.delete(kept, DURATION, axis=1).tolist() == np.delete(old, DURATION, axis=1).tolist()
        assert (kept[:, DURATION] <= old[:, DURATION]).all(), "cut short where its string is struck anew, at most"
    assert len({str(each.rows[(each.onset >= first) & (each.onset < end)].tolist()) for each in new}) == len(new)


def test_what_comes_after_is_heard_before_hong_are_rewritten() -> None:
    """Fails: a line is filled as if nothing came after it, which is worth 0.43 bits a note; or what comes is played."""
    given = Given(TUNE, Use.REWRITE, (3, 6))
    first, end = given._span
    later, before = int((TUNE.onset >= end).sum()), int((TUNE.onset < first).sum())
    begins = given.beginning(TOKENIZER)
    assert begins is not None
    assert begins.given == 1 + later
    assert begins.onset.tolist() == [-48, *TUNE.onset[-later:].tolist(), -48, *TUNE.onset[:before].tolist()]
    moved = TUNE.rows.copy()
    moved[-later:, PITCH] = 60
    other = Given(replace(TUNE, rows=moved), Use.REWRITE, (3, 6))
    hong = [
        [each.pitch[(each.onset >= first) & (each.onset < end)].tolist() for each in made(g)] for g in (given, other)
    ]
    assert hong[0] != hong[1]
    asked, constraints = given.request(TuneRequest()), given.constraints()
    (played,) = play(ENGINE, asked, 1, 0, SamplerConfig(2.0), constraints=constraints, begins=begins)
    assert played.phrase.onset[:before].tolist() == TUNE.onset[:before].tolist()
    assert played.phrase.onset[-1] == TUNE.onset[-later], "no further than the next note that stays"


def test_where_a_note_stays_no_end_of_a_tune_is_counted() -> None:
    """Fails: how far new hong are from what the model would play is mostly that no tune would end there."""
    for hong, goes_on in (((3, 6), True), ((TUNE_HONG - 1, TUNE_HONG), False)):
        given = Given(TUNE, Use.REWRITE, hong)
        asked, constraints, begins = given.request(TuneRequest()), given.constraints(), given.beginning(TOKENIZER)
        (played,) = play(ENGINE, asked, 1, 0, SamplerConfig(2.0), constraints=constraints, begins=begins)
        notes = list(stream(ENGINE, asked, 0, SamplerConfig(2.0), constraints, begins))
        assert played.num_drawn == len(notes)
        bits = sum(note.left_out for note in notes) / len(notes)
        log_probability = sum(note.log_probability for note in notes)
        assert (played.left_out[ALL] == pytest.approx(bits)) is goes_on
        assert (played.log_probability == pytest.approx(log_probability)) is goes_on
        assert (played.log_ending == 0) is goes_on
        recipe = Recipe(asked, SamplerConfig(), 0, given=given)
        best = Choice(candidates=2, by=By.ENDING.value)
        if goes_on:
            with pytest.raises(InvalidConfig, match=r"choose\.by=ending: means nothing for hong that come to a note"):
                recipe.choose(ENGINE, 1, best)
        else:
            assert recipe.choose(ENGINE, 1, best)


def closing(asked: TuneRequest, given: Given | None = None, endless: bool = False) -> int:
    """When the model is told that the last stroke comes."""
    begins = given.beginning(TOKENIZER) if given else None
    constraints = kept_to(Wishes(), asked, given)
    kept = ending(constraints, Endless() if endless else length_of(asked, begins))
    rows = first_rows(asked, asked.streams(TOKENIZER), 2, kept, begins)
    (told,) = set(rows.closing.tolist())
    return told


def test_the_model_is_told_when_the_last_stroke_comes_of_whatever_is_played() -> None:
    """Fails: a model that counts down counts to another stroke than the last, and comes home too early or too late."""
    assert closing(TuneRequest(lines=2)) == TuneRequest(lines=2).last_stroke == 14 * 24
    assert closing(TuneRequest(hong=5)) == 3 * 24
    assert closing(TuneRequest(lines=2, about=1.0)) == NO_CLOSING, "it ends by itself"
    assert closing(TuneRequest(), endless=True) == NO_CLOSING
    last = int(TUNE.onset[-1])
    for use, hong in ((Use.DECORATE, None), (Use.RHYTHM, None), (Use.REWRITE, (3, 6)), (Use.REWRITE, (TUNE_HONG,) * 2)):
        given = Given(TUNE, use, hong)
        assert closing(given.request(TuneRequest()), given) == last, use
    given = Given(TUNE, Use.CONTINUE)
    asked = given.request(TuneRequest(lines=2))
    assert closing(asked, given) == asked.last_stroke > last
    assert closing(asked, given, endless=True) == NO_CLOSING


def test_the_last_hong_can_be_rewritten() -> None:
    """Fails: a tune cannot be given another end."""
    given = Given(TUNE, Use.REWRITE, (TUNE_HONG := Given(TUNE, Use.CONTINUE).num_hong, TUNE_HONG))
    new = made(given)
    assert {each.onset[-1] for each in new} == {TUNE.onset[-1]}
    assert len({each.pitch[-1] for each in new}) > 1


@pytest.mark.parametrize("use", Use)
def test_what_is_new_is_all_that_does_not_stay(use: Use) -> None:
    """Fails: what the player gave is called a copy, or what was drawn is not."""
    given = Given(TUNE, use, (2, 3) if use is Use.REWRITE else None)
    last, onset = int(TUNE.onset[-1]), TUNE.melody.onset
    for each in made(given):
        new, melody = given.is_new(each), each.melody
        if use is Use.CONTINUE:
            assert new.tolist() == [False] * len(TUNE) + [True] * (len(melody) - len(TUNE))
        if use is Use.DECORATE:
            assert sorted(set(onset[(onset % 24 == 0) | (onset == last)].tolist())) == melody.onset[~new].tolist()
        if use is Use.REWRITE:
            first, end = given._span
            assert new.tolist() == ((melody.onset >= first) & (melody.onset < end)).tolist()
        assert new.all() == (use is Use.RHYTHM)


def test_hong_without_a_note_are_not_rewritten() -> None:
    """Fails: silence before an upbeat is to be played anew, nothing can come of it, and nobody says so."""
    rows = TUNE.rows.copy()
    rows[:, 0] += 96
    with pytest.raises(InvalidConfig, match=r"rewrite=1-2: 'late' has no melody note there, so .* Take hong that"):
        Given(replace(TUNE, rows=rows, title="late"), Use.REWRITE, (1, 2))
    Given(replace(TUNE, rows=rows), Use.REWRITE, (1, 7))


def test_it_is_told_whether_anything_came_of_it() -> None:
    """Fails: what came out as it was given is handed on as new."""
    given = Given(TUNE, Use.REWRITE, (3, 6))
    assert given.is_as_it_was(given.finished(replace(TUNE, rows=TUNE.rows.copy())))
    assert not any(given.is_as_it_was(each) for each in made(given))


@pytest.mark.long
def test_what_is_made_is_a_function_of_the_seed() -> None:
    """Fails: a variation that pleased cannot be had again."""
    given = Given(TUNE, Use.DECORATE)
    assert made(given, count=2, seed=3) == made(given, count=4, seed=3)[:2]
    assert made(given, count=1, seed=4) != made(given, count=1, seed=3)


@pytest.mark.parametrize(
    ("phrase", "use", "hong", "said"),
    [
        (TUNE, Use.REWRITE, None, "rewrite: goes with use=rewrite"),
        (TUNE, Use.CONTINUE, (1, 2), "rewrite: goes with use=rewrite"),
        (TUNE, Use.REWRITE, (0, 2), "rewrite=0-2: "),
        (TUNE, Use.REWRITE, (5, 400), "rewrite=5-400: "),
        (TUNE, Use.REWRITE, (5, 4), "rewrite=5-4: "),
        (replace(TUNE, inferred=frozenset({Inferred.ONSET})), Use.DECORATE, None, "leaves its rhythm out"),
        (replace(TUNE, metre=Metre(11, 16)), Use.CONTINUE, None, "is in 11/16, which the model does not know"),
        (wander(1, LONGEST + 1), Use.CONTINUE, None, f"has {LONGEST + 1} notes"),
        (of_notes((0, 24, 60), (500, 24, 62)), Use.RHYTHM, None, "20.83 quarters pass before note 2 begins, and 16"),
        (of_notes((0, 24, 60), (24, 24, 40)), Use.DECORATE, None, "has pitch 40 where a note stays, and 52 to 88 can"),
    ],
)
def test_what_nothing_can_be_made_of_is_refused_in_one_line(phrase, use, hong, said: str) -> None:
    """Fails: nonsense ends in a traceback, or in a tune that has nothing to do with what was given."""
    with pytest.raises(PhinError) as refused:
        Given(phrase, use, hong)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_does_not_stay_may_lie_anywhere() -> None:
    """Fails: a tune for the bass is refused as a rhythm, or for the notes that are played anew."""
    low = of_notes((0, 24, 40), (24, 24, 43), (48, 48, 40))
    (tune,) = made(Given(low, Use.RHYTHM), count=1)
    assert tune.onset.tolist() == low.onset.tolist()
    weak = of_notes((0, 12, 60), (12, 12, 40), (24, 24, 62))
    assert Given(weak, Use.DECORATE).constraints()


@pytest.mark.parametrize(
    ("use", "request_", "said"),
    [
        (Use.DECORATE, TuneRequest(lines=3), "lines=3: means nothing with use=decorate"),
        (Use.RHYTHM, TuneRequest(hong=3), "hong=3: means nothing with use=rhythm"),
        (
            Use.CONTINUE,
            TuneRequest(hong=512),
            f"hong=512: is too much after the given tune, which has {TUNE_HONG}: 512 are the most in all. Take 1 to",
        ),
        (Use.CONTINUE, TuneRequest(metre="3/4"), "metre=3/4: the given tune is in 2/4"),
        (
            Use.CONTINUE,
            TuneRequest(lines=64),
            f"lines=64: is too much after the given tune, which has {LINES}: 64 are the most in all. Take 1 to",
        ),
    ],
)
def test_a_request_that_the_given_tune_contradicts_is_refused(use: Use, request_: TuneRequest, said: str) -> None:
    """Fails: a length or a metre is typed and silently ignored."""
    with pytest.raises(PhinError) as refused:
        Given(replace(TUNE, title=""), use).request(request_)
    assert said in str(refused.value)


def test_a_tune_is_read_from_any_form_and_a_file_without_one_is_named(tmp_path: Path) -> None:
    """Fails: only MIDI can be continued; or a mistyped name is a traceback."""
    write_midi(TUNE, tmp_path / "tune.mid")
    assert read_tune(tmp_path / "tune.mid").melody.pitch.tolist() == TUNE.melody.rows[:, PITCH].tolist()
    page = tmp_path / "tune.txt"
    page.write_text("| ---ล | -ด-ร | -ม-ซ | -ล-ด |\n", encoding="utf-8")
    assert len(read_tune(page)) == 7
    with pytest.raises(PhinError, match="is of no form that a tune is read from"):
        read_tune(tmp_path / "tune.pdf")
    two = tmp_path / "two.abc"
    two.write_text("X:1\nT:a\nM:2/4\nK:C\nCDEF|\n\nX:2\nT:b\nM:2/4\nK:C\nGABc|\n", encoding="utf-8")
    with pytest.raises(PhinError, match="holds 2 tunes"):
        read_tune(two)
    assert set(READERS) == {".txt", ".tab", ".mid", ".midi", ".abc"}


# --- a tune whose style is meant


def example(folder: Path, name: str, lai: str, step: int, tempo: int) -> str:
    """A file with a tune in a lai, a note every `step` steps."""
    found = lai_named(lai)
    assert found is not None
    pitches = sorted(pitch for pitch in range(57, 76) if pitch % 12 in found.pitch_classes)
    notes = [pitches[number % 4] for number in range(31)] + [next(p for p in pitches if p % 12 == found.tonic)]
    rows = [(step * number, step, pitch, UNKNOWN, UNKNOWN, 0) for number, pitch in enumerate(notes)]
    write_midi(Phrase(np.array(rows), metre=Metre(2, 4), tempo=tempo), folder / name)
    return str(folder / name)


def test_an_example_says_what_is_meant_where_nothing_else_does(tmp_path: Path) -> None:
    """Fails: `like=` is taken and changes nothing; or goes before what was said in words."""
    fast, slow = example(tmp_path, "a.mid", "yai", 12, 400_000), example(tmp_path, "b.mid", "soi", 24, 1_000_000)
    request = TuneRequest(like=fast, blend=0.5, other=Style(like=slow, tempo=90.0))
    asked = with_examples(request)
    assert asked.style == Style(lai="yai", tempo=150.0, density=2.0)
    assert asked.other == Style(lai="soi", tempo=90.0, density=1.0)
    assert with_examples(TuneRequest(like=fast, lai="se", source="han")).style == Style(None, "se", "han", 150.0, 2.0)
    assert with_examples(TuneRequest(lai="yai")) == TuneRequest(lai="yai")
    first, second = (stream.conditions for stream in asked.streams(TOKENIZER))
    assert first.tolist() != second.tolist()


def test_an_example_that_says_nothing_new_is_refused(tmp_path: Path) -> None:
    """Fails: `like=` is typed, everything of it is said otherwise, and nobody is told."""
    file = example(tmp_path, "a.mid", "yai", 12, 400_000)
    said = {"lai": "soi", "tempo": 90.0, "density": 1.0}
    for request, key in (
        (TuneRequest(like=file, **said), "like="),
        (TuneRequest(source="han", blend=0.5, other=Style(like=file, **said)), "other.like="),
    ):
        with pytest.raises(InvalidConfig) as refused:
            with_examples(request)
        assert str(refused.value).startswith(f"{key}{file}: says nothing new: its lai and tempo and density are said")
    for name in said:
        assert with_examples(TuneRequest(like=file, **{**said, name: None})).like is None


@pytest.mark.parametrize("use", [Use.DECORATE, Use.REWRITE, Use.CONTINUE])
@pytest.mark.parametrize("pace", [1.1, 2.5])
def test_a_pace_binds_what_is_new_and_comes_to_what_stays(use: Use, pace: float) -> None:
    """Fails: "no step is left to draw", where notes that stay follow each other faster than is wished."""
    last, spans = int(TUNE.onset[-1]), ((2, 4), (TUNE_HONG - 1, TUNE_HONG)) if use is Use.REWRITE else (None,)
    for hong in spans:
        given = Given(TUNE, use, hong)
        asked = given.request(TuneRequest())
        constraints = kept_to(Wishes(most_notes=pace), asked, given)
        (least,) = (each.least_steps for each in constraints if isinstance(each, MostNotes))
        begins = given.beginning(TOKENIZER)
        stays = {int(onset) for onset in TUNE.onset if use is not Use.DECORATE or onset % 24 == 0 or onset == last}
        for played in play(ENGINE, asked, 3, 1, SamplerConfig(2.0), constraints=constraints, begins=begins):
            strokes = np.unique(given.finished(played.phrase).onset).tolist()
            assert set(strokes) - stays or use is Use.REWRITE
            assert all({one, next} <= stays for one, next in pairwise(strokes) if next - one < least)


def test_a_pace_of_strokes_that_all_stay_is_refused() -> None:
    """Fails: a seed is blamed, where no seed helps."""
    given = Given(TUNE, Use.RHYTHM)
    with pytest.raises(InvalidConfig, match=r"keep\.most_notes=2: means nothing with use=rhythm.*Leave it out"):
        kept_to(Wishes(most_notes=2.0), given.request(TuneRequest()), given)


@pytest.mark.parametrize("use", Use)
def test_a_drone_under_what_has_one_is_refused_before_anything_is_drawn(use: Use) -> None:
    """Fails: minutes of drawing end in a refusal; or a drone is refused where nothing of the old one stays."""
    hong = (2, 3) if use is Use.REWRITE else None
    for tune in (TUNE, OVER_DRONE):
        given = Given(tune, use, hong)
        request = given.request(TuneRequest(lai="yai"))
        if tune is OVER_DRONE and use in (Use.CONTINUE, Use.REWRITE):
            with pytest.raises(InvalidConfig, match=r"keep\.drone=true: cannot be under .* has a drone or chords"):
                kept_to(Wishes(drone=True), request, given)
        else:
            assert any(isinstance(each, OverDrone) for each in kept_to(Wishes(drone=True), request, given))


def test_a_given_rhythm_closes_on_the_tonic_over_a_drone() -> None:
    """Fails: where the rhythm is given, keep.tonic does nothing; or the drone has no melody above it."""
    given, wishes = Given(TUNE, Use.RHYTHM), Wishes(lai=True, tonic=True, drone=True)
    asked, lai = given.request(TuneRequest(lai="yai")), lai_named("yai")
    assert lai is not None
    for played in play(ENGINE, asked, 4, 0, SamplerConfig(2.0), constraints=kept_to(wishes, asked, given)):
        tune, _ = wishes.finished(given.finished(played.phrase), asked)
        melody = tune.melody
        assert melody.onset.tolist() == np.unique(TUNE.melody.onset).tolist()
        assert set((melody.pitch % 12).tolist()) <= lai.pitch_classes
        assert melody.pitch[-1] % 12 == lai.tonic
        drone = tune.pitch[~tune.is_melody]
        assert set(drone.tolist()) == {57}
        assert melody.pitch.min() > 57


def test_an_example_that_was_not_read_is_refused(tmp_path: Path) -> None:
    """Fails: from Python, `like` is taken and silently does nothing."""
    for request in (TuneRequest(like="a.mid"), TuneRequest(source="han", blend=0.5, other=Style(like="a.mid"))):
        with pytest.raises(InvalidConfig, match="is not read"):
            play(ENGINE, request, 1, 0)


def test_an_example_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    """Fails: a page of traceback for a mistyped name."""
    with pytest.raises(PhinError, match=r"nowhere\.mid"):
        with_examples(TuneRequest(like=str(tmp_path / "nowhere.mid")))


def test_a_rewritten_tune_is_called_by_the_lai_of_its_notes_and_takes_the_tempo_that_is_asked_for() -> None:
    """Fails: the head says lai yai over notes of none, or the tune keeps its old tempo without a word."""
    headed = replace(TUNE, lai="yai")
    (tune,) = made(Given(headed, Use.REWRITE, (2, 4)), TuneRequest(tempo=200.0), count=1)
    found = label_lai(tune).lai
    assert tune.lai == (found.name if found else "none")
    assert tune.tempo == 300_000


def test_a_tune_is_played_on_in_the_tempo_of_another_style_that_is_asked_for_alone() -> None:
    """Fails: the tune's own tempo, which nobody asked for, is refused beside the other one."""
    given = Given(TUNE, Use.CONTINUE)
    assert given.request(TuneRequest(blend=1.0, other=Style(tempo=90.0))).written_tempo == round(60e6 / 90)
    assert given.request(TuneRequest(blend=1.0, other=Style(source="han"))).written_tempo == TUNE.tempo


def test_what_stays_against_a_wish_is_told() -> None:
    """Fails: a tune is kept in a lai, and some of its notes are not, and nobody is told."""
    soi, notes = lai_named("soi"), set((TUNE.melody.pitch % 12).tolist())
    assert soi is not None
    wishes, in_soi = Wishes(lai=True, tonic=True), TuneRequest(lai="soi")
    assert not notes <= soi.pitch_classes
    for given in (Given(TUNE, Use.CONTINUE), Given(TUNE, Use.DECORATE), Given(TUNE, Use.REWRITE, (2, 3))):
        told = given.against(wishes, in_soi)
        assert told[0].startswith("keep.lai binds what is new")
        is_tonic = TUNE.melody.pitch[-1] % 12 == soi.tonic
        assert len(told) == 1 + (given.use is not Use.CONTINUE and not is_tonic)
        assert given.against(Wishes(), in_soi) == []
    assert Given(TUNE, Use.RHYTHM).against(wishes, in_soi) == []


def test_what_stays_against_hand_pace_and_melody_is_told() -> None:
    """Fails: a hand that stays at its fret is asked for, and half of the tune lies elsewhere, without a word."""
    goes_on, beaten = Given(TUNE, Use.CONTINUE), Given(OVER_DRONE, Use.CONTINUE)
    far, near = Wishes(tuning="E-A-E", hand=12), Wishes(tuning="E-A-E")
    (told,) = goes_on.against(far, TuneRequest())
    out = [pitch for pitch in TUNE.pitch.tolist() if not any(reaches(12, at.fret) for at in positions(pitch))]
    assert 0 < len(out) < len(TUNE)
    assert f"of the notes that stay {len(out)} lie where" in told
    assert goes_on.against(near, TuneRequest()) == []
    assert goes_on.against(Wishes(most_notes=0.5), TuneRequest())[0].startswith("keep.most_notes binds what is new")
    assert goes_on.against(Wishes(most_notes=100.0), TuneRequest()) == []
    assert beaten.against(Wishes(melody=True), TuneRequest())[0].startswith("keep.melody binds what is new")
    assert goes_on.against(Wishes(melody=True), TuneRequest()) == []


@pytest.mark.parametrize(
    "given", [Given(TUNE, Use.RHYTHM), Given(TUNE, Use.REWRITE, (2, 3))], ids=["rhythm", "rewrite"]
)
def test_a_wish_that_holds_anyway_is_refused(given: Given) -> None:
    """Fails: keep.melody=true is taken, and changes nothing."""
    with pytest.raises(InvalidConfig, match=r"keep\.melody=true: says nothing new"):
        kept_to(Wishes(melody=True), given.request(TuneRequest()), given)
