"""A study from its sweep to its table and picture: what stands there is what the runs' own reports say."""

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest

from experiments import study
from experiments.against_peers import tables
from experiments.lai_recognition import study as lai_recognition
from experiments.loss_weights import weights
from experiments.rhythm_attention import long_tunes
from experiments.scaling import curve
from experiments.steering import study as steering
from experiments.streaming import study as streaming
from experiments.technique_detector import study as technique_detector
from experiments.web_load import study as web_load
from phin.errors import PhinError
from phin.music.picture import save
from tests.cli.commands import TINY, TRAINING, phin
from tests.experiments.test_sweeps import SWEEPS

SWEEP = """
defaults: [train, _self_]
seed: 3
trainer: {max_steps: 2, val_check_interval: 2}
hydra:
  mode: MULTIRUN
  sweep: {dir: study/runs}
  sweeper: {params: {model.dim: "8,16"}}
"""


EXPERIMENTS = Path(study.__file__).parent
OWN = {
    "against_peers/figure.svg": (tables.picture, "results.csv"),
    "scaling/curve.svg": (curve.picture, "results.csv"),
    "loss_weights/weights.svg": (weights.picture, "weights.csv"),
    "rhythm_attention/long_tunes.svg": (long_tunes.picture, "long_tunes.csv"),
    "streaming/figure.svg": (streaming.picture, *streaming.ARMS.values()),
    "steering/figure.svg": (steering.picture, "results.csv"),
    "web_load/figure.svg": (web_load.picture, "seconds.csv"),
    "lai_recognition/figure.svg": (lai_recognition.picture, "reliability.csv"),
    "technique_detector/figure.svg": (technique_detector.picture, "results.csv", "reliability.csv"),
}
"""Of a figure that a study draws itself: what draws it, and the tables beside it that it is of."""
SWEPT = [path.parent for path in SWEEPS]
DRAWN = SWEPT + sorted(table.parent for table in EXPERIMENTS.glob(f"*/*/{study.RESULTS}") if table.parents[1] in SWEPT)
DRAWN = [folder for folder in DRAWN if (folder / study.RESULTS).is_file()]


@pytest.fixture(scope="module")
def desk(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of two arms of two steps, just run."""
    desk = tmp_path_factory.mktemp("desk")
    (desk / "study").mkdir()
    (desk / "study" / "sweep.yaml").write_text(SWEEP, encoding="utf-8")
    plain = [text for text in TRAINING if not text.startswith(("trainer.", "model.dim", "callbacks.samples"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        swept = ("--config-dir", "study", "--config-name", "sweep", "~callbacks.samples", f"data.path={midi_folder}")
        outcome = phin("train", *swept, *TINY, *plain)
    assert outcome.status == 0, outcome.err
    return desk


@pytest.fixture
def copy(desk: Path, tmp_path: Path) -> Path:
    """The same study, to spoil."""
    return shutil.copytree(desk / "study", tmp_path / "study")


def report(folder: Path, job: str) -> dict:
    return json.loads((folder / "runs" / job / "report.json").read_text(encoding="utf-8"))


@pytest.mark.long
@pytest.mark.slow
def test_a_study_is_collected_as_its_runs_report_it(copy: Path) -> None:
    """Fails: the table of a study holds another arm's numbers, or numbers that nobody measured."""
    study.redo(copy, [copy / "runs"])
    with (copy / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    reported = [row for job in ("0", "1") for row in report(copy, job)["test"]]
    assert len(reported) == 4, "the folder and all, of two arms"
    assert [row["arm"] for row in rows] == 2 * ["model.dim=8"] + 2 * ["model.dim=16"]
    for row, said in zip(rows, reported, strict=True):
        assert list(row) == list(study.RESULT_COLUMNS)
        assert (row["source"], row["seed"], row["steps"], row["threads"]) == (said["source"], "3", "2", "1")
        made_with = report(copy, "0")
        assert (row["torch"], row["cores"]) == tuple(str(made_with["machine"][name]) for name in ("torch", "cores"))
        assert made_with["git"] is None or row["revision"].startswith(made_with["git"]["revision"][:12])
        assert (row["tunes"], row["families"], row["notes"]) == tuple(
            str(said[name]) for name in ("tunes", "families", "notes")
        )
        numbers = [*(said[name] for name in ("step", "pitch", "duration", "bits")), *said["interval"], said["markov"]]
        names = ("step", "pitch", "duration", "bits_per_note", "low", "high", "markov")
        assert [float(row[name]) for name in names] == pytest.approx(numbers, abs=1e-4)
    assert len({row["bits_per_note"] for row in rows}) > 1
    for job, row in (("0", rows[0]), ("1", rows[2])):
        said = report(copy, job)["validation_bits_per_note"]
        assert float(row["validation_bits_per_note"]) == pytest.approx(said, abs=1e-4)


@pytest.mark.slow
def test_the_picture_is_of_the_table(copy: Path) -> None:
    """Fails: the figure beside a table is of other runs; or it differs each time it is drawn, and hides a change."""
    study.redo(copy, [copy / "runs"])
    drawn = (copy / "figure.svg").read_text(encoding="utf-8")
    for words in (
        "model.dim=8",
        "model.dim=16",
        "Markov model",
        "2 steps",
        report(copy, "0")["test"][0]["source"],
        "all",
    ):
        assert f"<!-- {words} -->" in drawn
    shutil.rmtree(copy / "runs")
    study.redo(copy, [])
    assert (copy / "figure.svg").read_text(encoding="utf-8") == drawn
    rows = study.read_results(copy / "results.csv")
    rows[0]["bits_per_note"] = str(0.9 * float(rows[0]["bits_per_note"]))
    rows[0]["low"] = str(0.9 * float(rows[0]["low"]))
    study.write_results(rows, copy / "results.csv")
    study.redo(copy, [])
    assert (copy / "figure.svg").read_text(encoding="utf-8") != drawn


@pytest.mark.slow
def test_arms_are_compared_in_pairs_on_the_same_tunes(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: the differences of a study are of other tunes, of another arm, or have the wrong sign."""
    monkeypatch.setattr(sys, "argv", ["study.py", str(copy), str(copy / "runs"), "--against", "model.dim=16"])
    study.main()
    rows = study.read_results(copy / "paired.csv")
    assert [(row["arm"], row["against"], row["seeds"]) for row in rows[::2]] == [
        ("model.dim=8", "model.dim=16", "1"),
        ("model.dim=16", "model.dim=16", "1"),
    ]
    for row in rows:
        bits = {job: next(r["bits"] for r in report(copy, job)["test"] if r["source"] == row["source"]) for job in "01"}
        mine = bits["0" if row["arm"] == "model.dim=8" else "1"]
        assert float(row["bits_per_note"]) == pytest.approx(mine, abs=1e-4)
        assert float(row["difference"]) == pytest.approx(mine - bits["1"], abs=2e-4)
        assert float(row["low"]) <= float(row["difference"]) <= float(row["high"])
    drawn = (copy / "figure.svg").read_text(encoding="utf-8")
    assert "less those of model.dim=16" in drawn
    study.redo(copy, [])
    assert (copy / "figure.svg").read_text(encoding="utf-8") == drawn, "drawn anew without the runs"
    with pytest.raises(PhinError, match="--against nobody: no arm is called so"):
        study.redo(copy, [copy / "runs"], "nobody")
    study.redo(copy, [copy / "runs"])
    assert not (copy / "paired.csv").exists(), "what was compared is of another collection"


@pytest.mark.slow
def test_a_run_that_is_not_finished_is_named_and_nothing_is_written(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: an arm that was interrupted is missing from the table, and nobody sees it."""
    (copy / "runs" / "1" / "report.json").write_text('{"finished": false}', encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["study.py", str(copy), str(copy / "runs")])
    with pytest.raises(SystemExit, match=r"study\.py: .*runs/1: is not finished") as stop:
        study.main()
    assert str(stop.value).count("\n") == 0
    assert sorted(path.name for path in copy.iterdir()) == ["runs", "sweep.yaml"]


@pytest.mark.slow
def test_a_run_that_stands_there_twice_is_named(copy: Path) -> None:
    """Fails: a run left over from an older sweep is counted as a second seed."""
    shutil.copytree(copy / "runs" / "1", copy / "runs" / "2")
    with pytest.raises(PhinError, match=r"runs/2: is the same arm, seed and steps as .*runs/1"):
        study.redo(copy, [copy / "runs"])


def test_a_folder_without_runs_is_named(tmp_path: Path) -> None:
    """Fails: a mistyped folder empties the table of a study."""
    with pytest.raises(PhinError, match="nowhere: there is no such folder"):
        study.redo(tmp_path, [tmp_path / "nowhere"])
    with pytest.raises(PhinError, match="holds no runs"):
        study.redo(tmp_path, [tmp_path])


@pytest.mark.parametrize("figure", OWN)
def test_so_are_the_figures_that_studies_draw_themselves(figure: str, tmp_path: Path) -> None:
    """Fails: `make figures` cannot draw one of them, or it shows an older table."""
    picture, *names = OWN[figure]
    there = EXPERIMENTS / figure
    save(picture(*(study.read_results(there.with_name(name)) for name in names)), tmp_path / "drawn.svg")
    assert (tmp_path / "drawn.svg").read_bytes() == there.read_bytes()


def test_no_figure_of_a_study_is_forgotten() -> None:
    """Fails: `make figures` leaves out a figure that stands in a study, which goes on showing an older table."""
    drawn = {EXPERIMENTS / figure for figure in OWN} | {folder / study.FIGURE for folder in DRAWN}
    assert {path for path in EXPERIMENTS.glob("**/*.svg") if "runs" not in str(path.relative_to(EXPERIMENTS))} == drawn
    recipe = (EXPERIMENTS.parent / "Makefile").read_text(encoding="utf-8").split("\nfigures:")[1].split("\n\n")[0]
    for picture, *_ in OWN.values():
        assert f"-m {picture.__module__}" in recipe


@pytest.mark.parametrize("folder", DRAWN, ids=[str(folder.relative_to(EXPERIMENTS)) for folder in DRAWN])
def test_the_committed_figure_is_that_of_the_committed_table(folder: Path, tmp_path: Path) -> None:
    """Fails: a table was made anew, and the picture beside it shows the old one."""
    for name in (study.RESULTS, study.PAIRED):
        if (folder / name).is_file():
            shutil.copy(folder / name, tmp_path)
    study.redo(tmp_path, [])
    assert (tmp_path / study.FIGURE).read_bytes() == (folder / study.FIGURE).read_bytes()
