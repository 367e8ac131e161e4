"""Recognition: beliefs that add up, names in instrument key alone, and no answer where nobody can tell."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phin.music import recognition
from phin.music.augment import transpose
from phin.music.composer import compose
from phin.music.lai import LAI, Family, label_lai
from phin.music.notation import parse_letters
from phin.music.phrase import Phrase
from phin.music.recognition import CERTAIN, FEATURES, WAYS, Recognition, fullest_sets, heard_from, recognise
from tests.strategies import melodies
from tests.tunes import sung

YAI = "| - - - ล | - ด - ร | - ม - ซ | - ล - - | - ซ - ม | - ร - ด | - ร - ด | - - - ล |"
"""All five letters of lai yai, and ล, its tonic, in the end."""

TABLE = Path(recognition.__file__).with_name("recognition.json")
SHA256 = "882cfcfc52d107efbea709934cd858e8c2c3b9c83176ef9bba0f8b72334278ba"
"""Of the table of weights that experiments/lai_recognition wrote when it measured what its README says."""


def believed(yao: float = 0.0, san: float = 0.0, none: float = 0.0, root: int = 0) -> Recognition:
    """A belief about one set alone, of a tune of five pitch classes in instrument key."""
    joint = np.zeros((12, len(WAYS)))
    joint[root] = yao, san, none
    return Recognition(joint, num_classes=5, in_instrument_key=True)


@given(melodies(), st.booleans())
def test_beliefs_add_up_and_lie_on_sets_that_hold_the_tune(melody: Phrase, known: bool) -> None:
    """Fails: two answers are likely at once, or none is."""
    found = recognise(melody, known)
    assert (found.joint >= 0).all()
    assert found.p_yao + found.p_san + found.p_none == pytest.approx(1)
    assert found.tonics.sum() == pytest.approx(1 - found.p_none)
    assert set(np.flatnonzero(found.joint.any(axis=1)).tolist()) <= set(fullest_sets(melody))


@given(melodies(), st.integers(-24, 24), st.booleans())
def test_a_tune_in_another_key_is_believed_alike(melody: Phrase, semitones: int, known: bool) -> None:
    """Fails: what the machine says of a tune depends on who sings it."""
    assume(0 <= melody.pitch.min() + semitones and melody.pitch.max() + semitones <= 127)
    moved = recognise(transpose(melody, semitones), known)
    np.testing.assert_allclose(moved.joint, np.roll(recognise(melody, known).joint, semitones, axis=0), atol=1e-12)


@given(melodies())
def test_tempo_says_nothing(melody: Phrase) -> None:
    """Fails: a tune changes its lai when it is played faster."""
    assert np.array_equal(recognise(replace(melody, tempo=300_000)).joint, recognise(melody).joint)


def test_lai_yai_is_named_in_instrument_key_and_told_by_way_and_tonic_elsewhere() -> None:
    """Fails: a recording of unknown pitch is given a name that only the instrument can have."""
    phrase = parse_letters(YAI).phrase
    found = recognise(phrase, in_instrument_key=True)
    assert found.lai is not None
    assert (found.lai.name, found.tonic, found.family) == ("yai", 9, Family.YAO)
    assert str(found).startswith("lai yai (ลายใหญ่)")
    elsewhere = recognise(phrase)
    assert elsewhere.lai is None
    assert (elsewhere.tonic, elsewhere.family) == (9, Family.YAO)
    assert "key unknown" in str(elsewhere)
    no_such = recognise(transpose(phrase, 1), in_instrument_key=True)
    assert no_such.lai is None
    assert "outside the three sets" in str(no_such)


@pytest.mark.parametrize("pitches", [[69] * 20, [69, 72] * 10, [69, 71, 74] * 7], ids=["one", "two", "three"])
def test_of_few_pitches_nobody_can_tell(pitches: list[int]) -> None:
    """Fails: one string that is struck twenty times is called lai yai."""
    for known in (True, False):
        found = recognise(sung(*pitches), known)
        assert not found.can_tell
        assert (found.family, found.tonic, found.lai) == (None, None, None)
        assert str(found).startswith("cannot tell")


def test_a_chromatic_tune_and_an_empty_one_are_in_no_lai() -> None:
    """Fails: everything is in some lai."""
    for phrase in (sung(*range(60, 72), *range(60, 72)), sung()):
        found = recognise(phrase)
        assert found.p_none == 1
        assert found.can_tell
        assert str(found).startswith("no lai")


def test_the_final_decides_where_it_is_known_and_is_not_looked_at_where_not() -> None:
    """Fails: an excerpt is judged by the note it happens to break off on."""
    yao, san = parse_letters(YAI).phrase, parse_letters(YAI.replace("- - - ล |", "- - - ซ |")).phrase
    assert label_lai(yao).family is Family.YAO
    assert label_lai(san).family is Family.SAN
    assert recognise(yao).p_yao > CERTAIN
    assert recognise(san).p_san > CERTAIN
    for root in fullest_sets(yao):
        heard = dict(zip(FEATURES, heard_from(yao, root, final_known=False), strict=True))
        assert not any(value for name, value in heard.items() if name.startswith("final"))


@pytest.mark.parametrize("final", ["final known", "final hidden"])
def test_the_belief_is_the_softmax_of_the_tables_weights_for_what_is_known(final: str) -> None:
    """Fails: with the final hidden, weights are used that trust a final, or none at all: every way is as likely."""
    weights = json.loads(TABLE.read_text(encoding="utf-8"))[final]
    phrase = parse_letters(YAI).phrase
    heard = dict(zip(FEATURES, heard_from(phrase, 0, final_known=final == "final known"), strict=True))
    odds = [math.exp(sum(weights[way][name] * heard[name] for name in FEATURES)) for way in ("yao", "san", "none")]
    found = recognise(phrase, final_known=final == "final known")
    assert (found.p_yao, found.p_san, found.p_none) == pytest.approx([each / sum(odds) for each in odds])


def test_with_the_final_hidden_a_tune_is_told_by_what_else_is_heard_or_not_at_all() -> None:
    """Fails: of a tune that still goes on the machine says nothing, or is as sure as if it had ended."""
    pages = {
        YAI: "cannot tell: yao 70%, san 6%, none 24%",
        YAI.replace("- - - ล |", "- - - ด |"): "no lai: yao 7%, san 3%, none 90%",
        "| - - - ล | - ด - ล | - ร - ม | - ซ - ล | - - - - | - ร - ด | - - - ล |": "lai yai",
        "| - - - ซ | - ล - ซ | - ร - ม | - ร - ซ | - - - - | - ด - ร | - - - ซ | - - - - | - ล - ซ |": "lai sutsanaen",
    }
    for page, answer in pages.items():
        found = recognise(parse_letters(page).phrase, final_known=False, in_instrument_key=True)
        assert str(found).startswith(answer)


@pytest.mark.parametrize("way", ["yao", "san", "none"])
def test_an_answer_is_given_from_three_quarters_on(way: str) -> None:
    """Fails: a guess as good as a coin's is given as an answer, or one that is right nine times in ten is held back."""
    others = {"yao": "san", "san": "none", "none": "yao"}
    assert believed(**{way: 0.76, others[way]: 0.24}).can_tell
    assert not believed(**{way: 0.74, others[way]: 0.26}).can_tell


def test_where_no_lai_is_likeliest_none_is_named() -> None:
    """Fails: a tune that is in no lai, and is known to be in none, is called by the lai that comes next."""
    none = believed(yao=0.15, san=0.05, none=0.8)
    assert none.can_tell
    assert (none.family, none.tonic, none.lai) == (None, None, None)
    assert str(none) == "no lai: yao 15%, san 5%, none 80%"


def test_the_tonic_lies_above_the_root_as_far_as_its_way_has_it() -> None:
    """Fails: the drone is tuned to a note that the tune never comes home to."""
    tonics = believed(yao=0.5, san=0.3, none=0.2, root=5).tonics  # F's set: la is D, sol is C
    assert {int(place): tonics[place] for place in np.flatnonzero(tonics)} == {2: 0.5, 0: 0.3}
    assert believed(yao=1, root=5).tonic == 2
    assert believed(san=1, root=5).tonic == 0


def test_what_is_heard_is_what_is_there() -> None:
    """Fails: the weights are laid on other features than those they were made for."""
    heard = dict(zip(FEATURES, heard_from(parse_letters(YAI).phrase, 0, final_known=True), strict=True))
    assert sum(value for name, value in heard.items() if name.startswith("time")) == pytest.approx(1)
    assert heard["begins on la"] == heard["final is la"] == heard["any"] == 1
    assert heard["phrase ends on la"] == heard["phrase ends on do"] == pytest.approx(0.5), "the two held notes inside"
    assert heard["time on mi"] == pytest.approx((12 + 12) / (8 * 24))
    wide = dict(zip(FEATURES, heard_from(sung(64, 69, 60, 67, 62), 0, final_known=True), strict=True))
    edges = {name for name, value in wide.items() if value and name.startswith(("lowest", "highest"))}
    assert edges == {"lowest is do", "highest is la"}


def test_what_nobody_wrote_down_is_not_heard() -> None:
    """Fails: a line filled up with hyphens, or the rhythm that we gave to a player's shorthand, tells the lai."""
    filled = parse_letters(YAI + " - - - - |" * 8).phrase
    whole = parse_letters(YAI).phrase
    np.testing.assert_array_equal(recognise(filled).joint, recognise(whole).joint)
    assert (recognise(replace(filled, inferred=frozenset())).joint != recognise(whole).joint).any()
    shorthand = parse_letters("ลดรมซ / ลดซมร / ดรดลล").phrase
    even = dict(zip(FEATURES, heard_from(shorthand, 0, final_known=False), strict=True))
    assert even["time on do"] == pytest.approx(4 / 15)
    assert not any(value for name, value in even.items() if name.startswith("phrase ends"))
    believed_durations = dict(
        zip(FEATURES, heard_from(replace(shorthand, inferred=frozenset()), 0, final_known=False), strict=True)
    )
    assert any(value for name, value in believed_durations.items() if name.startswith("phrase ends"))


def test_the_composers_pieces_are_recognised_as_what_they_are() -> None:
    """Fails: with the final in sight the machine does not know a lai that it has just written."""
    for seed, lai in enumerate(LAI):
        found = recognise(compose(np.random.default_rng(seed), lai=lai), in_instrument_key=True)
        assert found.lai is not None
        assert found.lai.name == lai.name


def test_the_weights_are_those_that_were_measured() -> None:
    """Fails: the package has weights whose figures nobody has printed: `study.py` was not run, or not committed."""
    assert hashlib.sha256(TABLE.read_bytes()).hexdigest() == SHA256


def test_the_table_of_weights_is_whole() -> None:
    """Fails: a feature is added, and its weight is silently nothing."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    assert set(table) == {"final known", "final hidden"}
    for ways in table.values():
        assert set(ways) == {str(way or "none") for way in WAYS}
        assert all(tuple(weights) == FEATURES for weights in ways.values())
