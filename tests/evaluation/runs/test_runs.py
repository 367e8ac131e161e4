"""Runs as they lie on the disk: found, read, refused by name where they are torn, and told apart by what differs."""

import json
import re
from pathlib import Path

import pytest

from phin.errors import PhinError
from phin.evaluation.by_tune import TEST_BITS, read_by_tune, write_by_tune
from phin.evaluation.runs.run_folder import OVERRIDES, REPORT, SETTINGS, arm_names, differing, find_runs, read_run
from tests.evaluation.runs.run_folders import rows_of, tunes, write_run


def test_a_sweep_stands_for_its_runs_in_the_order_they_ran(tmp_path: Path) -> None:
    """Fails: run 10 stands before run 2, or a folder that is no run is taken for one."""
    for number in (10, 0, 2):
        write_run(tmp_path / "sweep" / str(number))
    (tmp_path / "sweep" / "5").mkdir()
    (tmp_path / "sweep" / "multirun.yaml").touch()
    assert [run.name for run in find_runs([tmp_path / "sweep"])] == ["0", "2", "10"]


def test_a_run_that_is_named_beside_its_sweep_comes_first_and_once(tmp_path: Path) -> None:
    """Fails: whoever puts the run to compare with in front compares it with itself as well."""
    for number in range(3):
        write_run(tmp_path / "sweep" / str(number))
    first = tmp_path / "sweep" / "1"
    assert [run.name for run in find_runs([first, tmp_path / "sweep"])] == ["1", "0", "2"]
    for folders in ([first, first], [tmp_path / "sweep", first]):
        with pytest.raises(PhinError, match=r"sweep/1: is named already"):
            find_runs(folders)


def test_what_a_run_kept_is_read_as_it_was(tmp_path: Path) -> None:
    """Fails: a comparison shows other settings or numbers than the run's own files."""
    run = read_run(write_run(tmp_path / "r", ["model=tiny"], {"model.dim": 16}, seed=7))
    assert run.overrides == ["model=tiny"]
    assert (run.seed, run.settings["model.dim"], run.settings["callbacks.best.dirpath"]) == (7, 16, "RUN/checkpoints")
    assert "run" not in run.settings
    assert run.finished is not None
    assert run.finished.rows == rows_of(tunes(7))
    assert (run.finished.steps, run.finished.seconds, run.finished.validation) == (20, 4.0, 3.5)
    assert read_run(write_run(tmp_path / "half", finished=False)).finished is None


def test_bits_of_every_tune_come_back_as_they_were_kept(tmp_path: Path) -> None:
    """Fails: paired differences are of other numbers than those that were measured."""
    kept = tunes(3)
    write_by_tune(kept, tmp_path / TEST_BITS)
    found = read_by_tune(tmp_path / TEST_BITS)
    assert (found.id, found.content, found.source) == (kept.id, kept.content, kept.source)
    assert found.family.tolist() == kept.family.tolist()
    assert found.notes.tolist() == kept.notes.tolist()
    assert found.bits == pytest.approx(kept.bits, abs=1e-6)


def torn(text: str) -> str:
    return text[: len(text) // 2]


TORN = {
    "half a report": (REPORT, torn),
    "a report of something else": (REPORT, lambda text: "[1]"),
    "a report without its table": (REPORT, lambda text: json.dumps({**json.loads(text), "test": []})),
    "a report with another table": (REPORT, lambda text: text.replace('"interval"', '"spread"')),
    "a report with words for numbers": (REPORT, lambda text: text.replace('"validation_bits_per_note": 3.5', '"x": 1')),
    "settings of something else": (SETTINGS, lambda text: "- 1\n"),
    "settings without a seed": (SETTINGS, lambda text: text.replace("seed: 0", "sead: 0")),
    "settings that are no YAML": (SETTINGS, lambda text: "a: [1,\nb"),
    "overrides of something else": (OVERRIDES, lambda text: "a: 1\n"),
}


@pytest.mark.parametrize("how", TORN)
def test_a_torn_file_is_named_in_one_line(tmp_path: Path, how: str) -> None:
    """Fails: a disk that was full ends in a traceback, or in numbers that nobody measured."""
    folder = write_run(tmp_path / "r")
    read_run(folder)
    name, change = TORN[how]
    text = (folder / name).read_text(encoding="utf-8")
    assert change(text) != text
    (folder / name).write_text(change(text), encoding="utf-8")
    with pytest.raises(PhinError) as caught:
        read_run(folder)
    assert str(caught.value).startswith(f"{folder / name}: ")
    assert "\n" not in str(caught.value)


TORN_BITS = {
    "half": torn,
    "nothing": lambda text: "",
    "a head alone": lambda text: text.splitlines()[0] + "\n",
    "a tune twice": lambda text: text + text.splitlines()[-1] + "\n",
    "no end": lambda text: text[:-3],
    "no notes": lambda text: re.sub(r",\d+,(?=\d+\.)", ",0,", text),
    "no number": lambda text: text[: text.rindex(",")] + ",nan\n",
    "other columns": lambda text: text.replace("markov_step", "markow_step"),
}


@pytest.mark.parametrize("how", TORN_BITS)
def test_a_torn_table_of_tunes_is_named_in_one_line(tmp_path: Path, how: str) -> None:
    """Fails: a paired difference is made of the tunes that happen to be left."""
    path = tmp_path / TEST_BITS
    write_by_tune(tunes(), path)
    path.write_text(TORN_BITS[how](path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(PhinError, match=rf"{TEST_BITS}: cannot be read") as caught:
        read_by_tune(path)
    assert "\n" not in str(caught.value)


def test_settings_that_differ_are_told_for_each_run() -> None:
    """Fails: the setting that made the difference is not in the table."""
    assert differing([{"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 1}]) == {"b": [2, 3, "missing"]}


def test_an_arm_is_called_by_what_was_set_and_made_a_difference(tmp_path: Path) -> None:
    """Fails: a legend says nothing, or names what all runs share, or what changes nothing."""
    own = [
        (["model=tiny", "~callbacks.progress"], {"model.dim": 32, "threads": 1}),
        (["model=small", "threads=2"], {"model.dim": 128, "threads": 2}),
        (["model=tiny", "optimizer.lr=0.5"], {"model.dim": 32, "optimizer.lr": 0.5}),
        (["model=tiny", "seed=4"], {"model.dim": 32, "seed": 4}),
    ]
    runs = [
        read_run(write_run(tmp_path / str(k), [*texts, "data=han"], settings))
        for k, (texts, settings) in enumerate(own)
    ]
    assert arm_names(runs) == ["model=tiny", "model=small", "model=tiny optimizer.lr=0.5", "model=tiny"]
    assert arm_names(runs[:1]) == ["default"]
    alike = [["model=tiny", f"model.dim={dim}"] for dim in (8, 16)]
    runs = [read_run(write_run(tmp_path / texts[1], texts, {"model.dim": texts[1][10:]})) for texts in alike]
    assert arm_names(runs) == ["model.dim=8", "model.dim=16"]


def test_runs_of_one_arm_have_one_name_and_other_arms_another(tmp_path: Path) -> None:
    """Fails: what conf/ said meanwhile makes two models look like one; or a default that was typed is an arm."""
    texts = [[], ["optimizer.lr=0.1"], [], []]
    settings = [{}, {}, {"optimizer.lr": 0.2}, {"optimizer.lr": 0.3}]
    pairs = enumerate(zip(texts, settings, strict=True))
    runs = [read_run(write_run(tmp_path / str(k), text, setting)) for k, (text, setting) in pairs]
    names = [
        "default optimizer.lr=0.1",
        "default optimizer.lr=0.1",
        "default optimizer.lr=0.2",
        "default optimizer.lr=0.3",
    ]
    assert arm_names(runs) == names
    assert arm_names(runs, beside=["optimizer"]) == ["default"] * 4
