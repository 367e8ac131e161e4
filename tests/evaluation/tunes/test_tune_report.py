"""The report of tunes: whole in one page that asks nothing of others, the same numbers as JSON, nothing left out."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from phin.corpus.store import Store
from phin.evaluation.paired import Paired
from phin.evaluation.tabular import text
from phin.evaluation.tunes.baselines import COPIED
from phin.evaluation.tunes.judgement import judge
from phin.evaluation.tunes.tune_report import DATA, PAGE, PICTURES, TuneReport, in_words, printed, write_report
from phin.evaluation.tunes.tune_set import TuneSet, drawn
from phin.evaluation.tunes.verdicts import JUDGED, REAL
from phin.music.measures import MEASURES
from phin.music.phrase import PITCH
from tests.evaluation.structured import returning, store_of

PAIRED = [Paired("all", 9, 9, 300, -0.25, (-0.3, -0.2), -0.1, is_same=False)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    train, test = ([returning(seed) for seed in range(*span)] for span in ((12,), (100, 116)))
    return store_of(tmp_path_factory.mktemp("cache") / "s", train, test)


@pytest.fixture(scope="module")
def report(store: Store) -> TuneReport:
    tunes = drawn("new", [returning(seed) for seed in range(500, 506)])
    odd = replace(tunes, ids=["<b>&", *tunes.ids[1:]], refused=["x.mid: is <torn>."])
    return TuneReport.of("Tunes beside real ones", ["About & so"], judge(odd, store), paired=PAIRED, shown=2)


@pytest.fixture(scope="module")
def folder(report: TuneReport, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "report"
    write_report(report, store, out)
    return out


@pytest.mark.long
def test_the_page_holds_all_of_it_and_asks_nothing_of_others(folder: Path, report: TuneReport) -> None:
    """Fails: the page is empty on a train; or what a tune is called breaks it."""
    page = (folder / PAGE).read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "<script" not in page
    assert page.count("<audio") == 2
    assert page.count("data:image/png") == 2, "a piano roll a tune"
    assert page.count("data:image/svg") == len(PICTURES)
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "x.mid: is &lt;torn&gt;." in page
    for measure in MEASURES:
        if measure.name != "techniques":  # nobody said any
            assert f">{measure.name}<" in page
    plucked = next(row for row in report.judgement.rows if row.name == "diversity").values["uniform frets"]
    assert f">{plucked.mean:.3f} ({plucked.low:.3f} to {plucked.high:.3f}; n {plucked.tunes})<" in page
    for words in ("In words", "tune by tune", "Histograms", "What is copied", "About &amp; so", "Thai letters"):
        assert words in page


def test_the_json_says_what_the_page_says(folder: Path, report: TuneReport) -> None:
    """Fails: who reads it with a program gets other numbers."""
    data = json.loads((folder / DATA).read_text(encoding="utf-8"))
    found = {row["name"]: row for row in data["measures"]}
    for row in report.judgement.rows:
        assert found[row.name]["values"][REAL]["mean"] == row.values[REAL].mean
        assert found[row.name]["untrusted"] == row.untrusted
    assert data["sets"][JUDGED] == {"what": "new", "tunes": 6, "families": 6}
    assert data["refused"] == ["x.mid: is <torn>."]
    assert data["paired"][0]["difference"] == -0.25
    assert len(data["verdicts"]) == len(report.judgement.verdicts)
    assert "NaN" not in (folder / DATA).read_text(encoding="utf-8")


def test_pictures_are_written_for_screens_and_for_paper(folder: Path) -> None:
    """Fails: a paper has no figure."""
    for name in PICTURES:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (folder / f"{name}.svg").read_bytes()[:400]


@pytest.mark.long
def test_histograms_that_real_tunes_do_not_have_are_told_in_words(store: Store) -> None:
    """Fails: tunes with a wrong scale are caught in nothing, for no measure counts their bins."""
    tunes = [returning(seed) for seed in range(500, 516)]
    sharp = np.eye(tunes[0].rows.shape[1], dtype=np.int32)[PITCH]
    odd = [replace(tune, rows=tune.rows + np.isin(tune.rows[:, [PITCH]] % 12, (0, 2)) * sharp) for tune in tunes]
    told = {
        name: in_words(TuneReport.of("", [], judge(drawn(name, each), store))).notes[-1]
        for name, each in (("real", tunes), ("odd", odd))
    }
    assert told["real"] == "All 7 histograms are as like real tunes' as those of other real ones."
    assert told["odd"].startswith("Unlike real tunes: intervals overlap 0.")


@pytest.mark.long
def test_tunes_that_are_one_family_are_told_so(report: TuneReport, store: Store) -> None:
    """Fails: a folder of sixty copies of one tune is said to hold sixty, and nobody sees why it has no intervals."""
    assert in_words(report).notes[0].startswith("6 tunes, beside 16 ")
    tunes = [returning(500)] * 6
    kin = TuneSet("kin", tunes, list("abcdef"), np.zeros(6, int))
    assert in_words(TuneReport.of("", [], judge(kin, store))).notes[0].startswith("6 tunes of 1 family, beside 16 ")


def test_the_terminal_is_told_what_it_comes_to_last(report: TuneReport, store: Store) -> None:
    """Fails: a table too wide to read, and no word of what it means."""
    told = text(printed(report, store))
    assert max(len(line) for line in told.splitlines()) <= 140
    assert told.index("Measures, beside 16 real tunes") < told.index("In words")
    assert "-0.250" in told
    for row in report.judgement.rows:
        assert f"\n{row.name}{' *' if row.untrusted else ' '}" in told
        if JUDGED in row.distance:
            (line,) = (line for line in told.splitlines() if line.split(" ")[0] == row.name)
            middle, low, high = row.distance[JUDGED]
            assert line.split()[-5:] == [
                f"{row.values[COPIED].mean:.3f}",
                f"{middle:+.2f}",
                *f"{low:+.2f} to {high:+.2f}".split(),
            ]


@pytest.mark.long
def test_the_same_tunes_give_the_same_report(report: TuneReport, store: Store, tmp_path: Path, folder: Path) -> None:
    """Fails: a number changes by itself."""
    again = TuneReport.of(
        report.title, report.about, judge(report.judgement.sets[JUDGED], store), paired=PAIRED, shown=2
    )
    write_report(again, store, tmp_path)
    for name in (PAGE, DATA):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_every_measure_is_a_line_of_the_picture(report: TuneReport) -> None:
    """Fails: a measure that looks bad is left out of the figure."""
    from phin.evaluation.tunes.judgement_pictures import picture_of_distances

    figure: Figure = picture_of_distances(report.judgement)
    labels = [label.get_text().removesuffix(" *") for label in figure.axes[0].get_yticklabels()]
    assert labels == [row.name for row in report.judgement.rows if JUDGED in row.distance]
