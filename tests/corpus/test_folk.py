"""The permanent benchmark, as the installed music21 package gives it."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from phin.corpus.intake import held_out_lists, prepare
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import SPLITS, Store
from phin.corpus.summary import summary

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(importlib.util.find_spec("music21") is None, reason="music21 (extra: corpora) is not installed"),
]


@pytest.fixture(scope="module")
def folk(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """As phin-prepare leaves it, by itself: with a check of shapes at each call it would take four times as long."""
    cache = tmp_path_factory.mktemp("cache")
    settings = (f"data.cache={cache}", "data.workers=2")
    command = [sys.executable, "-c", "from phin.cli.prepare import main; main()", *settings]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2])
    store = prepare(CorpusConfig(splits="folk", cache=str(cache), workers=2), progress=False)
    assert len(list(cache.glob("folk-*/"))) == 1, "the benchmark's settings are not those of data=folk"
    return store


def test_nearly_every_tune_is_taken_in(folk: Store) -> None:
    """Tunes would be lost in silence: every one is either here or named with its reason."""
    assert len(folk) + len(folk.report["refusals"]) == folk.report["found"] == 12_947
    assert len(folk) == 12_919
    assert len(folk.rows) == 904_656
    assert all(refusal["reason"] for refusal in folk.report["refusals"])


def test_no_family_stands_on_two_sides(folk: Store) -> None:
    """The model would be tested on tunes it was trained on under another name."""
    sides = [set(folk.families[folk.split(name)].tolist()) for name in SPLITS]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_the_committed_lists_are_the_splits(folk: Store) -> None:
    """Numbers measured on different held-out tunes would be compared with each other."""
    for name, ids in held_out_lists("folk").items():
        assert sorted(folk.id(int(tune)) for tune in folk.split(name)) == ids
    assert folk.report["left_out_as_kin_of_held_out"] == 0


def test_pickups_come_before_step_zero(folk: Store) -> None:
    """symusic's reader puts a pickup on the downbeat: the model would learn the metre off by the pickup."""
    first = folk.rows[np.asarray(folk.tunes["start"])][:, 0]
    assert 0.6 < np.mean(first < 0) < 0.8


def test_no_tune_has_invented_velocities(folk: Store) -> None:
    """Loudness would be learned that nobody ever wrote down."""
    assert not folk.has_velocity
    assert not folk.has_technique


def test_importing_the_corpus_needs_no_music21() -> None:
    """Preparing would take minutes and half a gigabyte more."""
    finding = "find_units(CorpusConfig())"
    imports = "from phin.corpus.files import CorpusConfig, find_units"
    check = f"import sys; {imports}; {finding}; assert 'music21' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_the_benchmark_knows_when_its_files_are_others(folk: Store, tmp_path: Path) -> None:
    """Another music21 would bring other tunes, and figures would be compared that are of different music."""
    assert folk.report["other_files"] == []
    changed = tmp_path / "miscFolk"
    changed.mkdir()
    (changed / "miscFolk.abc").write_text("X:1\nT:New\nM:2/4\nL:1/8\nK:C\nCDEF GABc|cBAG FEDC|\n")
    store = prepare(CorpusConfig(sources=["misc"], path=str(tmp_path), cache=str(tmp_path)), progress=False)
    assert store.report["other_files"] == ["misc"]
    assert "misc are not the files" in summary(store)
