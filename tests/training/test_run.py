"""A run's folder: its report whole or not at all, and there even where the model cannot play."""

import hashlib
from dataclasses import replace
from pathlib import Path

import lightning as L
import numpy as np
import pytest
from filelock import FileLock
from hydra.utils import instantiate

import phin.training.run as run
from phin.corpus.store import SPLITS, Store, Tune, write_store
from phin.data.datamodule import PhinDataModule
from phin.data.dataset import DataConfig
from phin.errors import InvalidCheckpoint, InvalidConfig, PhinError
from phin.evaluation.bits_table import MONITOR
from phin.generation.request import SamplerConfig
from phin.music.lai import LaiLabel
from phin.music.phrase import Inferred, Phrase, rows_from_columns
from phin.tokenizer import DURATION, STEP, TECHNIQUE, VELOCITY
from phin.training import outcome
from phin.training.checkpointing import BestCheckpoint
from tests.settings import composed
from tests.tiny import identity_for, tiny_config, tiny_model
from tests.training.small import parts, trainer_for
from tests.tunes import wander


def store_with(folder: Path, velocity: int, technique: int) -> Store:
    rows = rows_from_columns(np.arange(8) * 12, np.full(8, 12), np.arange(60, 68), velocity, technique)
    return write_store(folder, [Tune("a", Phrase(rows, source="essen"), LaiLabel())], ["essen"], "mine", {})


@pytest.mark.parametrize(("velocity", "technique"), [(-1, -1), (80, -1), (-1, 2), (80, 2)])
def test_only_fields_that_somebody_wrote_down_are_played(tmp_path: Path, velocity: int, technique: int) -> None:
    """Fails: a model of folk tunes invents how hard each note is struck."""
    learned = run.learned_fields(store_with(tmp_path / "s", velocity, technique))
    assert learned[VELOCITY] == (velocity >= 0)
    assert learned[TECHNIQUE] == (technique >= 0)
    assert all(learned[field] for field in range(6) if field not in (VELOCITY, TECHNIQUE))


@pytest.mark.parametrize(("kind", "field"), [(Inferred.DURATION, DURATION), (Inferred.ONSET, STEP)])
def test_what_no_training_tune_says_of_rhythm_is_not_played(tmp_path: Path, kind: Inferred, field: int) -> None:
    """Fails: a model of letters draws lengths that it was never taught."""
    letters = Phrase(wander(0).rows, source="essen", inferred=frozenset({kind}))
    tunes = [
        Tune("a", letters, LaiLabel()),
        Tune("b", replace(letters, inferred=frozenset()), LaiLabel(), split="test"),
    ]
    learned = run.learned_fields(write_store(tmp_path / "s", tunes, ["essen"], "mine", {}))
    assert [learned[place] for place in (STEP, DURATION)] == [place != field for place in (STEP, DURATION)]


@pytest.mark.parametrize(
    ("before", "after"),
    [("Research use only.", "Research use only. mine"), ("mine", "mine")],
)
def test_an_adapted_model_keeps_the_licence_of_what_it_began_with(
    tmp_path: Path, corpus: DataConfig, before: str, after: str
) -> None:
    """Fails: a model that learned from research-only tunes is passed on as somebody's own, after a minute of theirs."""
    model = tiny_model()
    tunes = [Tune(split, wander(0, source="essen"), LaiLabel(), n, split) for n, split in enumerate(SPLITS)]
    store = write_store(tmp_path / "s", tunes, ["essen"], "mine", {})
    datamodule = PhinDataModule(corpus, 0, store)
    start = (model, replace(identity_for(model), licence=before))
    adapted = run.identity_of(tiny_config(), datamodule, start)
    assert adapted.licence == after
    assert run.identity_of(tiny_config(), datamodule).licence == "mine"


def test_a_report_is_finished_or_it_is_none(tmp_path: Path) -> None:
    """Fails: half a run is taken for a whole one."""
    assert outcome.finished_report(tmp_path) is None
    outcome.write_report(tmp_path / "new", {"finished": False})
    assert outcome.finished_report(tmp_path / "new") is None
    outcome.write_report(tmp_path / "new", {"finished": True, "title": "ลาย"})
    assert outcome.finished_report(tmp_path / "new") == {"finished": True, "title": "ลาย"}
    (tmp_path / "new" / outcome.REPORT).write_text('{"finished": tr', encoding="utf-8")
    assert outcome.finished_report(tmp_path / "new") is None
    (tmp_path / "new" / outcome.REPORT).write_text("[]", encoding="utf-8")
    assert outcome.finished_report(tmp_path / "new") is None
    assert [file.name for file in (tmp_path / "new").iterdir()] == [outcome.REPORT]


def test_tunes_go_where_no_tune_of_another_lies(tmp_path: Path) -> None:
    """Fails: going on with a run destroys the tune that a player put in its folder."""
    ours, theirs = tmp_path / "tunes" / "tune-1.txt", tmp_path / "tunes" / "tune-2.txt"
    assert outcome.folder_for_tunes(tmp_path) == tmp_path / "tunes"
    ours.parent.mkdir()
    (ours.parent / "notes.txt").touch()
    ours.write_text("ours")
    assert outcome.folder_for_tunes(tmp_path) == tmp_path / "tunes-2", "nothing says that the run wrote it"
    outcome.write_report(tmp_path, {"written": {"tunes/tune-1.txt": hashlib.sha256(b"ours").hexdigest()[:16]}})
    assert outcome.folder_for_tunes(tmp_path) == tmp_path / "tunes"
    outcome.write_report(tmp_path, {"written": 3})
    assert outcome.folder_for_tunes(tmp_path) == tmp_path / "tunes-2"
    outcome.write_report(tmp_path, {"written": {"tunes/tune-1.txt": hashlib.sha256(b"ours").hexdigest()[:16]}})
    theirs.write_text("theirs")
    assert outcome.folder_for_tunes(tmp_path) == tmp_path / "tunes-2"
    theirs.unlink()
    ours.write_text("changed by a player")
    assert outcome.folder_for_tunes(tmp_path) == tmp_path / "tunes-2"


@pytest.mark.parametrize(
    ("max_steps", "accumulated", "interval", "expected"),
    [(6, 1, 400, 6), (6, 4, 400, 24), (6, 4, 20, 20), (2400, 1, 400, 400)],
)
def test_a_run_of_few_steps_is_validated_at_its_end(
    max_steps: int, accumulated: int, interval: int, expected: int
) -> None:
    """Fails: a short run has no best checkpoint and no score; intervals are counted in batches, not in steps."""
    asked = {"max_steps": max_steps, "accumulate_grad_batches": accumulated, "val_check_interval": interval}
    assert run.validated_once(asked) == {**asked, "val_check_interval": expected}
    assert asked["val_check_interval"] == interval, "what was asked for is not written over"


@pytest.mark.slow
def test_a_model_that_plays_without_an_end_still_gets_its_report(
    corpus: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: after a night of training there is no score, because a tune did not end."""

    def never_ends(*_: object) -> None:
        raise PhinError("seed 0", "a tune did not come to its end", "take another seed")

    monkeypatch.setattr(outcome, "generate", never_ends)
    module, datamodule = parts(corpus)
    callbacks = composed("train", f"run={tmp_path}").callbacks
    kept = [instantiate(callbacks[name]) for name in ("best", "last")]
    trainer = trainer_for(tmp_path, *kept, max_steps=2, val_check_interval=2)
    result = run.train(tmp_path, trainer, module, datamodule, SamplerConfig())
    report = outcome.finished_report(tmp_path)
    assert report is not None
    assert report["tunes"] == result.tunes == []
    assert report["validation_bits_per_note"] == pytest.approx(result.validation)


def test_a_torn_last_checkpoint_is_refused_before_training_begins(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: a disk that was full ends in a page of traceback at the next start."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / run.LAST).write_bytes(b"PK\x03\x04 half a checkpoint")
    module, datamodule = parts(corpus)
    with pytest.raises(InvalidCheckpoint, match=r"last\.ckpt: cannot be read"):
        run.train(tmp_path, trainer_for(tmp_path, max_steps=1), module, datamodule, SamplerConfig())


@pytest.mark.filterwarnings("ignore:.*exists and is not empty")  # as a command does: silence_lightning
def test_a_torn_best_checkpoint_is_refused_before_training_goes_on(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: it trains to its end, and then says that it cannot report."""
    module, datamodule = parts(corpus)
    best = BestCheckpoint(dirpath=tmp_path / "checkpoints", filename="best", monitor=MONITOR)
    trainer = trainer_for(tmp_path, best, max_steps=2, val_check_interval=2)
    run.train(tmp_path, trainer, module, datamodule, SamplerConfig())
    path = tmp_path / "checkpoints" / "best.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InvalidCheckpoint, match=r"best\.ckpt: cannot be read.* Remove it"):
        run.train(tmp_path, trainer_for(tmp_path, max_steps=4), *parts(corpus), SamplerConfig())
    path.unlink()
    again = BestCheckpoint(dirpath=tmp_path / "checkpoints", filename="best", monitor=MONITOR)
    trainer = trainer_for(tmp_path, again, max_steps=4, val_check_interval=2)
    assert run.train(tmp_path, trainer, *parts(corpus), SamplerConfig()) is not None


def test_a_finished_run_without_its_last_checkpoint_is_not_begun_again(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: a file is missing, and a night's run is trained over from its first step, without a word."""
    best = BestCheckpoint(dirpath=tmp_path / "checkpoints", filename="best", monitor=MONITOR)
    trainer = trainer_for(tmp_path, best, max_steps=2, val_check_interval=2)
    run.train(tmp_path, trainer, *parts(corpus), SamplerConfig())
    (tmp_path / run.LAST).unlink()
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(InvalidCheckpoint, match=r"last\.ckpt: is not there, and the run was finished\. Copy .*best"):
        run.train(tmp_path, trainer_for(tmp_path, max_steps=4), *parts(corpus), SamplerConfig())
    assert {file: file.stat().st_mtime_ns for file in before} == before


@pytest.mark.filterwarnings("ignore:.*exists and is not empty")  # as a command does: silence_lightning
def test_a_run_that_was_stopped_and_lost_its_last_checkpoint_says_that_it_begins_again(
    corpus: DataConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fails: hours of training begin from nothing, and nobody knows that a checkpoint of them was there."""
    best = BestCheckpoint(dirpath=tmp_path / "checkpoints", filename="best", monitor=MONITOR)
    trainer = trainer_for(tmp_path, best, max_steps=2, val_check_interval=2)
    run.train(tmp_path, trainer, *parts(corpus), SamplerConfig())
    assert "begins again" not in caplog.text
    (tmp_path / run.LAST).unlink()
    (tmp_path / "report.json").unlink()
    run.train(tmp_path, trainer_for(tmp_path, max_steps=2, val_check_interval=2), *parts(corpus), SamplerConfig())
    assert "last.ckpt is not there, and the run begins again: stop, and copy" in caplog.text


def test_an_interrupt_of_the_report_says_how_to_go_on(
    corpus: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: who is tired of waiting for the table does not know that nothing needs to be trained again."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "leave", interrupted)
    with pytest.raises(KeyboardInterrupt) as met:
        run.train(tmp_path, trainer_for(tmp_path, max_steps=1), *parts(corpus), SamplerConfig())
    assert str(met.value) == f"Go on with resume={tmp_path}"


def test_a_folder_that_a_run_is_training_in_is_left_to_it(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: two processes overwrite each other's checkpoints, and both runs are lost."""
    module, datamodule = parts(corpus)
    with FileLock(tmp_path / ".in_use"), pytest.raises(InvalidConfig, match="another process is training in it"):
        run.train(tmp_path, trainer_for(tmp_path, max_steps=1), module, datamodule, SamplerConfig())
    assert [file.name for file in tmp_path.iterdir()] == [".in_use"]


class BreaksWhileSaving(L.Callback):
    """As torch's writer does when Ctrl-C comes while it writes: it cannot close its file, and says that alone."""

    def __init__(self, interrupted: bool) -> None:
        self.interrupted = interrupted

    def on_train_batch_end(self, *_: object) -> None:
        try:
            if self.interrupted:
                raise KeyboardInterrupt
        finally:
            raise RuntimeError("unexpected pos 630592 vs 630548")


@pytest.mark.parametrize(("interrupted", "raised"), [(True, KeyboardInterrupt), (False, RuntimeError)])
def test_an_interrupt_while_a_checkpoint_is_written_is_an_interrupt(
    corpus: DataConfig, tmp_path: Path, interrupted: bool, raised: type[BaseException]
) -> None:
    """Fails: Ctrl-C prints a page of traceback, or a real fault is taken for Ctrl-C."""
    module, datamodule = parts(corpus)
    trainer = trainer_for(tmp_path, BreaksWhileSaving(interrupted), max_steps=2, limit_val_batches=0)
    with pytest.raises(raised) as met:
        run.train(tmp_path, trainer, module, datamodule, SamplerConfig())
    if interrupted:
        assert str(met.value) == f"Go on with resume={tmp_path}"
