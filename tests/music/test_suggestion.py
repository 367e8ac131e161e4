"""Which techniques a tune could be played with: what is asked of its notes, the odds, the reasons, and bad files."""

import json
from pathlib import Path

import numpy as np
import pytest

from phin.errors import InvalidCheckpoint
from phin.music.composer import compose
from phin.music.phrase import UNKNOWN, Phrase
from phin.music.suggestion import QUALITIES, SHIPPED, load, ornamented, qualities
from phin.music.technique import Technique
from tests.tunes import wander, with_drone


def melody(*notes: tuple[int, int]) -> Phrase:
    """A melody of (step since the last note, pitch)."""
    onsets = np.cumsum([step for step, _ in notes])
    rows = [(onset, 3, pitch, UNKNOWN, UNKNOWN, 0) for onset, (_, pitch) in zip(onsets.tolist(), notes, strict=True)]
    return Phrase(np.array(rows))


def held(phrase: Phrase, note: int) -> set[str]:
    return {name for name, holds in zip(QUALITIES, qualities(phrase)[note], strict=True) if holds}


def test_what_is_asked_of_a_note_is_what_is_written() -> None:
    """Fails: the reason that is given is not true of the note."""
    tune = melody((0, 60), (6, 62), (6, 62), (12, 57), (48, 64), (24, 60))
    assert held(tune, 0) == {"it stands on the beat", "it is as short as a slot or shorter", "it is the first note"}
    assert held(tune, 1) == {
        "it stands on an odd slot",
        "it is as short as a slot or shorter",
        "it follows quickly, within two slots",
        "it follows within a slot",
        "it rises a step",
        "it rises a step, quickly",
    }
    assert held(tune, 2) == {
        "it stands between two beats",
        "it follows quickly, within two slots",
        "it follows within a slot",
        "it stays on the pitch",
    }
    assert {"it lasts two hong or longer", "it lasts a hong or longer", "it comes by a leap"} <= held(tune, 3)
    assert {"it comes by a leap", "it lasts a hong or longer"} <= held(tune, 4)
    assert "it is the last note" in held(tune, 5)
    over = with_drone(wander(1, num_notes=12))
    assert len(qualities(over)) == len(over.melody), "of the melody alone"


def test_probabilities_are_of_every_technique_a_melody_has() -> None:
    """Fails: a technique has no odds, or the odds are more than one."""
    for suggestion in load().suggest(wander(3, num_notes=40)):
        assert sum(suggestion.probability.values()) == pytest.approx(1)
        assert Technique.PLAIN in suggestion.probability
        assert Technique.DRONE not in suggestion.probability
        assert suggestion.likeliest_ornament is not Technique.PLAIN
        assert suggestion.probability[suggestion.likeliest_ornament] == max(
            share for technique, share in suggestion.probability.items() if technique is not Technique.PLAIN
        )
        assert sum(suggestion.if_ornamented.values()) == pytest.approx(1)
        assert Technique.PLAIN not in suggestion.if_ornamented
        shares = list(suggestion.if_ornamented.values())
        assert shares == sorted(shares, reverse=True)
        ornamented = 1 - suggestion.probability[Technique.PLAIN]
        for technique, share in suggestion.if_ornamented.items():
            assert share * ornamented == pytest.approx(suggestion.probability[technique])
        assert suggestion.reasons.keys() == suggestion.probability.keys()


def test_what_no_rule_leaves_room_for_is_hardly_suggested() -> None:
    """Fails: a hammer-on is suggested where the melody falls, a trill on a note that is over at once."""
    tune = melody((0, 60), (6, 62), (6, 60), (12, 62), (24, 60), (48, 69))
    first, up, down, _, long, _ = load().suggest(tune)
    assert up.probability[Technique.HAMMER_ON] > 10 * down.probability[Technique.HAMMER_ON]
    assert down.probability[Technique.PULL_OFF] > 10 * up.probability[Technique.PULL_OFF]
    assert long.probability[Technique.TRILL] > 20 * up.probability[Technique.TRILL]
    assert first.probability[Technique.SLIDE] < 0.01
    assert "rises a step" in up.reasons[Technique.HAMMER_ON]
    assert "lasts" in long.reasons[Technique.TREMOLO]


def test_where_nothing_is_likely_enough_there_is_no_answer() -> None:
    """Fails: a guess is handed on as an answer."""
    suggester = load()
    found = suggester.suggest(compose(np.random.default_rng(99)))
    assert 0 < suggester.threshold < 1
    assert 0 < suggester.ornament_threshold < 1
    for suggestion in found:
        likeliest = max(suggestion.probability, key=suggestion.probability.__getitem__)
        is_sure = suggestion.probability[likeliest] >= suggester.threshold
        assert suggestion.technique == (likeliest if is_sure else None)
        ornament, share = next(iter(suggestion.if_ornamented.items()))
        assert suggestion.ornament == (ornament if share >= suggester.ornament_threshold else None)
    assert {suggestion.technique is None for suggestion in found} == {True, False}
    assert {suggestion.ornament is None for suggestion in found} == {True, False}


def test_as_many_notes_get_an_ornament_as_are_asked_for_and_the_likeliest_first() -> None:
    """Fails: a small share puts one on every note, or all of them stand at the beginning of the tune."""
    found = load().suggest(compose(np.random.default_rng(5)))
    before: list[bool] = [False] * len(found)
    for share in (0.0, 0.1, 0.4, 0.7, 1.0):
        got = ornamented(found, share)
        are = [each is not None for each in got]
        assert sum(are) == round(share * len(found))
        assert all(said in (None, each.likeliest_ornament) for said, each in zip(got, found, strict=True))
        plain = np.array([each.probability[Technique.PLAIN] for each in found])
        if 0 < share < 1:
            assert plain[are].max() <= plain[~np.array(are)].min() + 1e-4
        assert sum(are) >= sum(before)
        before = are
    alike = [found[0]] * 12
    assert [place for place, each in enumerate(ornamented(alike, 0.25)) if each] == [2, 6, 10]
    assert ornamented([], 0.5) == []


@pytest.mark.slow
def test_on_pieces_it_has_not_seen_it_is_calibrated_and_better_than_the_rates() -> None:
    """Fails: the weights in the package are not those that were measured."""
    suggester = load()
    tunes = [compose(np.random.default_rng([77, number])) for number in range(40)]
    shares = np.concatenate([suggester.probability(qualities(tune)) for tune in tunes])
    played = np.concatenate([tune.melody.technique for tune in tunes])
    place = np.searchsorted([int(technique) for technique in suggester.techniques], played)
    rates = np.bincount(place, minlength=shares.shape[1]) / len(place)
    told = -np.log(shares[np.arange(len(place)), place]).mean()
    assert told < 0.75 * -np.log(rates[place]).mean()
    for technique in range(shares.shape[1]):
        assert shares[:, technique].mean() == pytest.approx(rates[technique], abs=0.02)


@pytest.mark.slow
def test_which_ornament_a_note_would_have_is_answered_and_mostly_right() -> None:
    """Fails: every answer is the same one, or no better than the commonest ornament."""
    tunes = [compose(np.random.default_rng([78, number])) for number in range(40)]
    found = [each for tune in tunes for each in load().suggest(tune)]
    played = np.concatenate([tune.melody.technique for tune in tunes])
    ornamented = [(each.ornament, came) for each, came in zip(found, played, strict=True) if came != Technique.PLAIN]
    commonest = np.bincount([came for _, came in ornamented]).max() / len(ornamented)
    answered = [(said, came) for said, came in ornamented if said is not None]
    assert len(answered) > 0.2 * len(ornamented)
    assert np.mean([said == came for said, came in answered]) > 2 * commonest
    assert len({said for said, _ in answered}) > 2


@pytest.mark.parametrize(
    "change", [{"format": 0}, {"qualities": ["it is nice"]}, {"adds": [[1.0]]}, {"techniques": ["NOSE_FLUTE"]}]
)
def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """Fails: odds of other qualities are read as these."""
    stored = json.loads(SHIPPED.read_text(encoding="utf-8"))
    path = tmp_path / "suggestion.json"
    path.write_text(json.dumps({**stored, **change}), encoding="utf-8")
    with pytest.raises(InvalidCheckpoint, match=r"suggestion\.json"):
        load(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InvalidCheckpoint, match="cannot be read"):
        load(path)
