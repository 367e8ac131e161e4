"""The registry: every source is named as what it is, with its licence; its tunes come into a store under its name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phin.corpus.files import PIECES_A_UNIT, find_units, source_names
from phin.corpus.intake import prepare
from phin.corpus.reading import read_unit
from phin.corpus.settings import CorpusConfig
from phin.corpus.sources import LAO_ACCENT, SOURCES, THAI_CLASSICAL
from phin.corpus.store import Store
from phin.music.composer import compose
from phin.music.lai import LAI, label_lai
from phin.music.notation import format_letters
from phin.music.phrase import Inferred
from tests.tunes import MINOR_PENTATONIC_ON_A, wander

PAGE = "title: {title}\n\n" + "| ---ล | -ด-ร | -ม-ซ | -ล-{last} |\n" * 2


def taken(config: CorpusConfig) -> Store:
    return prepare(config, progress=False)


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)
def test_every_source_says_what_it_is_and_on_what_licence(source) -> None:
    """A player would train on tunes whose owner never agreed, and not know it."""
    assert source.licence
    assert source.about
    assert not any("isan" in name.lower() for name in source.names)
    others = [other for other in SOURCES.values() if other is not source and set(other.names) & set(source.names)]
    assert all(other.names == source.names == (LAO_ACCENT, THAI_CLASSICAL) for other in others)


def test_pages_of_letters_become_a_corpus(tmp_path: Path) -> None:
    """Who has only letters could not train on them."""
    pages = tmp_path / "pages"
    pages.mkdir()
    for number in range(3):
        (pages / f"{number}.txt").write_text(PAGE.format(title=f"tune {'abc'[number]}", last="ดรม"[number]))
    (pages / "torn.txt").write_text("title: torn\n\n| ---ล | -ด-x |\n")
    store = taken(CorpusConfig("mine", ["thai_letters"], path=str(pages), cache=str(tmp_path), workers=1))
    assert [store.id(tune) for tune in range(len(store))] == ["0.txt", "1.txt", "2.txt"]
    assert store.sources == ("letters",)
    assert Inferred.DURATION in store.phrase(0).inferred
    assert "| - - - ล | - ด - ร | - ม - ซ | - ล - ด |" in format_letters(store.phrase(0))
    (refusal,) = store.report["refusals"]
    assert "torn.txt" in refusal["reason"]
    assert "hong 2" in refusal["reason"]


@pytest.mark.long
def test_composer_pieces_are_the_same_for_a_seed_and_others_for_another(tmp_path: Path) -> None:
    """A run could not be repeated, or every corpus would have the same few pieces."""
    config = CorpusConfig("composer", ["composer"], pieces=PIECES_A_UNIT + 2, cache=str(tmp_path))
    units, licence = find_units(config)
    assert "synthetic" in licence
    readings = [reading for unit in units for reading in read_unit(unit, 8)]
    assert [reading.id for reading in readings] == [f"composer/0/{number}" for number in range(PIECES_A_UNIT + 2)]
    assert readings[PIECES_A_UNIT].phrase == compose(np.random.default_rng((0, PIECES_A_UNIT)))
    others, _ = find_units(replace(config, pieces_seed=1))
    assert read_unit(others[0], 8)[0].phrase != readings[0].phrase


def test_the_rule_names_the_lai_that_the_composer_wrote_in() -> None:
    """The pieces that are to teach the lai would teach a wrong one."""
    for number in range(12):
        piece = compose(np.random.default_rng(number), LAI[number % 6])
        found = label_lai(piece).lai
        assert found is not None
        assert found.name == piece.lai


@pytest.mark.parametrize("sources", [["thai_letters", "composer"], ["composer", "thai_letters"]])
def test_what_is_made_is_trained_on_and_never_measured(tmp_path: Path, sources: list[str]) -> None:
    """A model would be praised for reading what our own rules wrote."""
    pages = tmp_path / "pages"
    pages.mkdir()
    for number in range(12):
        tune = wander(number, 24, MINOR_PENTATONIC_ON_A)
        rows = tune.rows.copy()
        rows[:, 0] = np.arange(24) * 12
        rows[:, 1] = 12
        page = format_letters(replace(tune, rows=rows, title=3 * chr(97 + number)))
        (pages / f"{number}.txt").write_text(page)
    config = CorpusConfig("mixed", sources, path=str(pages), pieces=6, cache=str(tmp_path), workers=1, held_out=0.3)
    store = taken(config)
    made = store.source_of == store.sources.index("composer")
    assert made.sum() == 6
    assert (~made).sum() == 12
    assert len(set(store.families[made].tolist())) == 6  # each its own: by rule they are all alike
    assert store.families[~made].tolist() == np.flatnonzero(~made).tolist()  # and each page its own
    assert {store.tunes["split"][tune] for tune in np.flatnonzero(made)} == {0}
    assert len(store.split("test"))
    assert store.has_technique


def test_a_corpus_of_several_places_takes_a_path_for_each(tmp_path: Path) -> None:
    """Letters and MIDI could not be learned from together."""
    for name, file in (("pages", "a.txt"), ("scores", "a.abc")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(PAGE.format(title="a", last="ล"))
    paths = {"thai_letters": str(tmp_path / "pages"), "abc_folder": str(tmp_path / "scores")}
    config = CorpusConfig("both", ["abc_folder", "thai_letters"], paths=paths, cache=str(tmp_path))
    units, _ = find_units(config)
    assert [(unit.source, unit.id) for unit in units] == [("abc_folder", "a.abc"), ("thai_letters", "a.txt")]
    assert source_names(config, units) == ["abc", "letters"]
