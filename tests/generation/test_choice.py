"""Which tunes are kept: by score, by faults, by their number alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from phin.errors import InvalidConfig
from phin.generation.choice import MOST_REST, Choice, Chosen, choose, falls_silent, said_of
from phin.generation.constraints import Length
from phin.generation.given import Given, Use
from phin.generation.play import ALL, Played, play
from phin.generation.recipe import Recipe
from phin.generation.request import MOST_TUNES, SamplerConfig, TuneRequest
from phin.generation.torch_engine import TorchEngine
from phin.music.grid import page_begins
from phin.music.phrase import DURATION, ONSET, PITCH, Phrase
from phin.tokenizer import Encoded
from tests.tiny import PHRASE, TOKENIZER, identity_for, tiny_model
from tests.tunes import wander

MODEL = tiny_model()
ENGINE = TorchEngine(MODEL, identity_for(MODEL))


def played(log_probability: float, notes: int = 10, title: str = "") -> Played:
    return Played(replace(wander(1, num_notes=notes), title=title), log_probability, {}, (), notes)


class Deck:
    """Draws tunes that are known by their numbers, and writes down which were asked for."""

    def __init__(self, tunes: dict[int, Played]) -> None:
        self.tunes, self.asked = tunes, list[int]()

    def __call__(self, numbers: Sequence[int]) -> list[Played]:
        self.asked += numbers
        return [self.tunes.get(number, played(-100.0, title=str(number))) for number in numbers]


def faulty(phrase: Phrase) -> str | None:
    return "bad" if phrase.title.startswith("bad") else None


def test_without_wishes_each_tune_is_the_one_that_was_drawn() -> None:
    """Fails: choosing changes what nobody asked it to."""
    request = TuneRequest(lines=1)
    plain = play(ENGINE, request, 3, 5)
    chosen = choose(lambda numbers: play(ENGINE, request, numbers, 5), 3, Choice(), [falls_silent])
    for one, other in zip(plain, chosen, strict=True):
        if not other.faults and falls_silent(one.phrase) is None:
            assert np.array_equal(one.phrase.rows, other.played.phrase.rows)


def test_the_likeliest_candidate_is_kept_by_its_number_alone() -> None:
    """Fails: the worst is kept; or the second tune hangs on how many are asked for."""
    tunes = {1: played(-30, title="first"), 1 + MOST_TUNES: played(-20, title="second")}
    choice = Choice(candidates=3, length_penalty=0.0)
    for count in (2, 4):
        deck = Deck(tunes)
        chosen = choose(deck, count, choice, [])
        assert chosen[1].played.phrase.title == "second"
        assert sorted(deck.asked) == sorted(k + c * MOST_TUNES for k in range(count) for c in range(3))


def test_chosen_by_its_ending_the_tune_is_kept_that_sounds_as_if_it_were_over() -> None:
    """Fails: a tune of an exact length breaks off, where another one of its candidates comes home."""
    tunes = {0: played(-10, title="likeliest"), MOST_TUNES: played(-90, title="home")._replace(log_ending=-0.5)}
    tunes = {number: tune if number else tune._replace(log_ending=-6.0) for number, tune in tunes.items()}
    for by, title in (("likelihood", "likeliest"), ("ending", "home")):
        (chosen,) = choose(Deck(tunes), 1, Choice(candidates=2, by=by), [])
        assert chosen.played.phrase.title == title


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"by": "luck"}, r"choose\.by=luck: is no way to choose. Take one of likelihood, ending"),
        ({"by": "ending"}, r"choose\.by=ending: means nothing where there is nothing to choose from"),
        ({"by": "ending", "candidates": 2, "length_penalty": 2.0}, r"choose\.length_penalty=2\.0: means nothing with"),
    ],
)
def test_a_way_to_choose_that_means_nothing_is_refused(settings: dict[str, Any], said: str) -> None:
    """Fails: it is typed, and changes nothing."""
    with pytest.raises(InvalidConfig, match=said):
        Choice(**settings)


def test_a_higher_length_penalty_keeps_longer_tunes() -> None:
    """Fails: the argument is taken and changes nothing, or works the other way round."""
    tunes = {0: played(-40, notes=10), MOST_TUNES: played(-60, notes=20), 2 * MOST_TUNES: played(-120, notes=40)}
    lengths = [
        len(choose(Deck(tunes), 1, Choice(candidates=3, length_penalty=penalty), [])[0].played.phrase)
        for penalty in (0.0, 1.0, 2.0)
    ]
    assert lengths == [10, 20, 40]


def test_of_a_tune_that_was_given_the_notes_that_were_drawn_are_scored() -> None:
    """Fails: after a long tune every candidate has nearly the same length, and the shortest continuation wins."""
    begins = Encoded((whole := TOKENIZER.encode(PHRASE)).ids[:-1], whole.onset[:-1], whole.bar)
    last = [Length(TuneRequest(lines=2).last_stroke)]
    tunes = play(ENGINE, TuneRequest(lines=2), 3, 2, constraints=last, begins=begins)
    for each in tunes:
        drawn = len(each.phrase) - len(PHRASE)
        assert each.num_drawn == drawn > 0
        assert Choice(candidates=2).score(each) == pytest.approx(each.log_probability / ((5 + drawn) / 6))
    assert [each.num_drawn for each in play(ENGINE, TuneRequest(), 1, 2)] == [
        len(play(ENGINE, TuneRequest(), 1, 2)[0].phrase)
    ]


def test_a_tune_with_a_fault_is_drawn_anew_until_it_has_none() -> None:
    """Fails: a tune that falls silent is handed on; or those without a fault are drawn again."""
    tunes = {1: played(-1, title="bad"), 1 + MOST_TUNES: played(-1, title="bad"), 1 + 2 * MOST_TUNES: played(-9)}
    deck = Deck(tunes)
    chosen = choose(deck, 2, Choice(), [faulty])
    assert deck.asked == [0, 1, 1 + MOST_TUNES, 1 + 2 * MOST_TUNES]
    assert [each.faults for each in chosen] == [(), ()]
    assert chosen[1].played.log_probability == -9


def test_of_candidates_one_without_a_fault_is_kept_however_unlikely() -> None:
    """Fails: the likeliest is a copy, and is kept."""
    tunes = {0: played(-1, title="bad"), MOST_TUNES: played(-50, title="good")}
    (chosen,) = choose(Deck(tunes), 1, Choice(candidates=2), [faulty])
    assert chosen.played.phrase.title == "good"


def test_when_the_tries_are_over_the_fault_is_told() -> None:
    """Fails: the program draws for ever, or hands a faulty tune on in silence."""
    deck = Deck({})
    (chosen,) = choose(deck, 1, Choice(tries=3), [lambda phrase: "bad"])
    assert len(deck.asked) == 4
    assert chosen.faults == ("bad",)
    assert chosen.played.phrase.title == "0", "the first"


def test_a_rest_over_two_hong_is_silence() -> None:
    """Fails: a tune that stops in its middle counts as whole; or a breath counts as silence."""
    rows = PHRASE.melody.rows.copy()
    last = int(rows[-2, ONSET] + rows[-2, DURATION])
    for rest, told in ((MOST_REST, None), (MOST_REST + 1, f"it rests for {(MOST_REST + 1) / 24:.3g} hong")):
        rows[-1, ONSET] = last + rest
        assert falls_silent(replace(PHRASE, rows=rows)) == told
    rows[0, [DURATION, PITCH]] = 384, 50
    assert falls_silent(replace(PHRASE, rows=rows)) is None, "a note that rings is no rest"


def test_a_beginning_that_is_silent_is_a_rest() -> None:
    """Fails: a tune whose first stroke comes after a line is kept."""
    rows = wander(1, num_notes=10).rows.copy()
    for rest, told in ((MOST_REST, None), (MOST_REST + 1, f"it rests for {(MOST_REST + 1) / 24:.3g} hong")):
        rows[:, ONSET] += page_begins(PHRASE.metre) + rest - rows[0, ONSET]
        late = replace(PHRASE, rows=rows.copy())
        assert falls_silent(late) == told
        for use in (Use.CONTINUE, Use.DECORATE):
            assert falls_silent(late, Given(late, use)) is None, "so does the given tune"


@pytest.mark.parametrize("use", Use)
def test_a_rest_that_was_given_is_no_fault_and_one_that_is_new_is(use: Use) -> None:
    """Fails: a tune with a long rest can be made nothing of without eight futile tries; or what is new is silent."""
    tune = wander(3, 24)
    rows = tune.rows.copy()
    rows[12:, ONSET] += 96 - int(rows[12, ONSET] - tune.end[11])
    tune = replace(tune, rows=rows)
    assert falls_silent(tune) == "it rests for 4 hong"
    hong = (Given(tune, Use.CONTINUE).num_hong,) * 2 if use is Use.REWRITE else None
    given = Given(tune, use, hong)
    assert falls_silent(tune, given) is None
    later = rows.copy()
    later[20:, ONSET] += 72
    silent = replace(tune, rows=later)
    assert (falls_silent(silent, given) is None) == (use is Use.RHYTHM), "whose strokes come when they came"
    on = replace(tune, rows=np.concatenate([rows, rows[-1:] + np.array([200, 0, 0, 0, 0, 0])]))
    assert (falls_silent(on, given) is None) == (use is Use.RHYTHM)


def test_hong_that_were_to_be_rewritten_may_not_stay_silent() -> None:
    """Fails: four hong are to be played anew, nothing is played there, and nobody says so."""
    rows = wander(3, 24).rows.copy()
    rows[12:, ONSET] += 96
    tune = Phrase(rows)
    rest = int(tune.end[11]) // 24 + 1  # the hong, counted from 1
    assert falls_silent(tune, Given(tune, Use.REWRITE, (rest, rest + 6))) is not None
    assert falls_silent(tune, Given(tune, Use.CONTINUE)) is None


@pytest.mark.slow
def test_tunes_that_fall_silent_are_drawn_anew() -> None:
    """Fails: the judge is never asked."""
    request, hot = TuneRequest(lines=2), SamplerConfig(temperature=4.0)

    def draw(numbers: Sequence[int]) -> list[Played]:
        return play(ENGINE, request, numbers, 1, hot)

    kept = choose(draw, 8, Choice(tries=0), [])
    silent = [falls_silent(each.played.phrase) is not None for each in kept]
    again = choose(draw, 8, Choice(tries=80), [falls_silent])
    assert any(silent)
    for was_silent, before, after in zip(silent, kept, again, strict=True):
        assert not after.faults
        assert np.array_equal(before.played.phrase.rows, after.played.phrase.rows) != was_silent


@pytest.mark.parametrize(("sampler", "times"), [(SamplerConfig(top_k=1), 1), (SamplerConfig(), 4)])
def test_the_likeliest_tune_is_not_drawn_again(
    monkeypatch: pytest.MonkeyPatch, sampler: SamplerConfig, times: int
) -> None:
    """Fails: who asks for the likeliest notes waits for one tune nine times, and gets it with its fault."""
    asked = list[Sequence[int]]()
    monkeypatch.setattr(Recipe, "falls_silent", lambda *_: "it rests")
    recipe, draw = Recipe(TuneRequest(), sampler, 0), Recipe.draw
    monkeypatch.setattr(Recipe, "draw", lambda self, *given: asked.append(given[1]) or draw(self, *given))
    (kept,) = recipe.choose(ENGINE, 1, Choice(tries=3) if times > 1 else Choice())
    assert kept.faults == ("it rests",)
    assert len(asked) == times
    assert Recipe.choose(recipe, ENGINE, 1, Choice(silence=True))[0].faults == ()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"candidates": 0}, "choose.candidates=0"),
        ({"candidates": 65}, "choose.candidates=65"),
        ({"length_penalty": 0.5}, "means nothing where there is nothing to choose from"),
        ({"candidates": 2, "length_penalty": -1.0}, "choose.length_penalty=-1.0"),
        ({"tries": -1}, "choose.tries=-1"),
        ({"tries": 3, "silence": True}, "means nothing where every tune is kept"),
    ],
)
def test_a_choice_that_is_none_is_refused_by_name(settings: dict[str, float], named: str) -> None:
    """Fails: an argument is taken and does nothing."""
    with pytest.raises(InvalidConfig, match=named):
        Choice(**settings)


def test_what_is_said_of_a_tune_is_its_faults_and_what_became_of_what_was_asked() -> None:
    """Fails: a tune that repeats another, or that nothing was left to draw for, is handed over without a word."""
    tune = played(0.0)._replace(scarce=("here", "there"), left_out={ALL: 0.25})
    chosen, own = Chosen(tune, ("it rests",)), Given(tune.phrase, Use.DECORATE)
    away = "0.25 bits a note from what the model would play"
    scarce = "almost nothing was left to draw 2 times, first: here"
    assert said_of(chosen, own, "it repeats a", ["a drone"], True) == [
        *("it rests", "it came out as it was given", "it repeats a", "a drone", away, scarce)
    ]
    assert said_of(chosen, None, None, (), False) == ["it rests", away, scarce], "an exact length can force as much"
    usual = tune._replace(scarce=(), left_out={ALL: 0.004})
    assert said_of(Chosen(usual, ()), None, None, (), False) == []
    assert said_of(Chosen(usual, ()), None, None, (), True) == ["0.00 bits a note from what the model would play"]
    once = Chosen(tune._replace(scarce=("here",)), ())
    assert said_of(once, None, None, (), True) == [away, "almost nothing was left to draw: here"]
