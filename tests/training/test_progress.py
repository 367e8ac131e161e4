"""What a person sees of a run: how far it is of the whole, and how long it will take."""

import re
from pathlib import Path

import pytest

from phin.data.dataset import DataConfig
from phin.training.checkpointing import LastCheckpoint
from phin.training.progress import RunProgress
from tests.training.small import parts, trainer_for


def shown(capsys: pytest.CaptureFixture[str], name: str) -> list[str]:
    return [text for text in re.split(r"[\r\n]+", capsys.readouterr().err) if text.startswith(name)]


def fit(corpus: DataConfig, folder: Path, steps: int, ckpt: str | None = None, refresh_rate: int = 2) -> None:
    module, datamodule = parts(corpus)
    callbacks = RunProgress(refresh_rate), LastCheckpoint(str(folder / "last.ckpt"), every_n_train_steps=1)
    settings = {"max_steps": steps, "val_check_interval": 4, "enable_progress_bar": True}
    trainer = trainer_for(folder, *callbacks, **settings)
    trainer.fit(module, datamodule=datamodule, ckpt_path=ckpt, weights_only=True)


def test_one_bar_counts_the_whole_run_with_the_time_left_and_the_last_score(
    corpus: DataConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails: the bar is full at the end of each epoch, and nobody knows whether to wait or to go home."""
    fit(corpus, tmp_path, steps=9)
    bars = shown(capsys, "training")
    counts = [int(found[1]) for text in bars if (found := re.search(r" (\d+)/9 ", text))]
    assert counts == sorted(counts)
    assert {0, 2, 4, 6, 8, 9} <= set(counts)
    halfway = next(text for text in bars if " 6/9 " in text)
    assert re.search(r"\[\d\d:\d\d<\d\d:\d\d, .*loss=\d+\.\d{3}, bits/note=\d+\.\d{3}\]", halfway)


def test_a_run_that_goes_on_begins_its_bar_where_it_stood(
    corpus: DataConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails: a resumed run seems to begin at nothing, or to end before its end."""
    fit(corpus, tmp_path, steps=5)
    capsys.readouterr()
    fit(corpus, tmp_path, steps=8, ckpt=str(tmp_path / "last.ckpt"))
    bars = shown(capsys, "training")
    assert " 5/8 " in bars[0]
    assert " 8/8 " in bars[-1]


def test_without_a_rate_there_is_no_bar(corpus: DataConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: the bars of four jobs write over each other."""
    fit(corpus, tmp_path, steps=2, refresh_rate=0)
    assert not shown(capsys, "training")
