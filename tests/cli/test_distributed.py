"""Two processes that train together are one that takes their batches one after the other."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from phin.model.checkpoint import MODEL_PREFIX
from phin.training.checkpointing import STANDING
from phin.training.lit_module import RANDOM_STATES
from tests.cli.commands import TINY, WATCHED, as_said_last, phin
from tests.training.test_resume import assert_same

COMMAND = """\
import torch
from phin.cli.train import main
if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
"""


def settings(midi_folder: Path, run: str, *more: str) -> list[str]:
    common = [*TINY, f"data.path={midi_folder}", *WATCHED, "trainer.log_every_n_steps=1"]
    return as_said_last(*common, f"run={run}", *more)


def in_two_processes(*arguments: str) -> subprocess.CompletedProcess[str]:
    """phin-train as a person runs it: Lightning starts the second process by the first one's own command."""
    script = Path("phin_train.py")
    script.write_text(COMMAND)
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.long
@pytest.mark.parametrize("batches", [1, 2])
def test_two_processes_equal_one_with_the_same_global_batch(
    tmp_path: Path, midi_folder: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    """Fails: a run on a larger machine is another run: tunes seen twice or never, losses of a part of the step.

    An epoch has three batches, so that its last one is one process's alone; each process takes one batch a step, or
    two. Plain gradient descent hides no factor: AdamW and Muon take steps as long whatever a loss is multiplied by.
    """
    monkeypatch.chdir(tmp_path)
    descent = ["optimizer._target_=torch.optim.SGD", "~optimizer.betas", "optimizer.lr=0.1"]
    step = f"trainer.accumulate_grad_batches={batches}"
    alone = phin(
        "train",
        *settings(midi_folder, "alone", *descent, f"{step.partition('=')[0]}={2 * batches}"),
    )
    assert alone.status == 0, alone.err
    shared = [*descent, step, "trainer=ddp", "trainer.val_check_interval=2"]
    both = in_two_processes(*settings(midi_folder, "both", *shared))
    assert both.returncode == 0, both.stderr
    assert "6/6" in both.stderr
    assert both.stderr.count("training:   0%") == 1, "one of them has a bar"
    assert both.stdout.count("tunes taken in") == both.stdout.count("Held-out bits") == 1, "one of them speaks"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "both", "cache", "phin_train.py"]
    metrics = {}
    for run in ("alone", "both"):
        rows = csv.DictReader((tmp_path / run / "metrics.csv").read_text(encoding="utf-8").splitlines())
        metrics[run] = [{name: float(value) for name, value in row.items() if value} for row in rows]
    assert len(metrics["alone"]) == 6 + (3 if batches == 1 else 6)
    last = [row["train/loss"] for row in metrics["alone"] if "train/loss" in row][-1]
    shown = re.findall(r"loss=(\d+\.\d{3})", both.stderr)
    assert float(shown[-1]) == pytest.approx(last, abs=6e-4), "the bar shows the loss of the step, not of a process"
    for one, two in zip(metrics["alone"], metrics["both"], strict=True):
        assert one == pytest.approx(two, rel=1e-4, abs=1e-5)
    weights = [
        torch.load(tmp_path / run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in ("alone", "both")
    ]
    assert any(name.startswith(MODEL_PREFIX) for name in weights[0])
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], rtol=0, atol=2e-6, msg=name)
    reports = [json.loads((tmp_path / run / "report.json").read_text()) for run in ("alone", "both")]
    assert reports[1]["finished"]
    bits = [report["validation_bits_per_note"] for report in reports]
    assert bits[0] == pytest.approx(bits[1], rel=1e-5)


@pytest.mark.long
def test_processes_go_on_as_if_they_had_not_stopped(
    tmp_path: Path, midi_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: of two processes that go on, both drop what the first had dropped, or hear the first's tunes."""
    monkeypatch.chdir(tmp_path)
    shared = ["trainer=ddp", "trainer.val_check_interval=2", "scheduler=constant", "scheduler.warmup=0"]
    shared += ["model.dropout=0.3", "trainer.max_steps=6"]
    for arguments in (
        settings(midi_folder, "whole", *shared),
        settings(midi_folder, "halved", *shared, "trainer.max_steps=3"),  # between two batches of an epoch
        ["resume=halved", "trainer.max_steps=6"],
    ):
        ended = in_two_processes(*arguments)
        assert ended.returncode == 0, ended.stderr
    whole, halved = (
        torch.load(Path(run) / "checkpoints" / "last.ckpt", weights_only=True) for run in ("whole", "halved")
    )
    first, second = (state for state, _ in whole[RANDOM_STATES])
    assert not torch.equal(first, second), "each has dropped its own"
    for state, other in zip(whole[RANDOM_STATES], halved[RANDOM_STATES], strict=True):
        assert torch.equal(state[0], other[0])
    for name, weight in whole["state_dict"].items():
        assert torch.equal(weight, halved["state_dict"][name]), name


STOPPED = ["trainer=ddp", "trainer.val_check_interval=3", "trainer.max_steps=7", "model.dropout=0.3"]
STOPPED += ["callbacks.last.every_n_train_steps=100"]
"""Of runs of which one is stopped: between two validations it saves nothing else."""


def signalled(signals: str, *arguments: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The same as a person runs it, with SIGTERM for some processes."""
    command = [sys.executable, *launcher, str(Path(__file__).with_name("signalled.py")), *arguments]
    environment = {**os.environ, "SIGNALS": signals}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


def checkpoint(run: Path, name: str) -> dict[str, Any]:
    """A checkpoint of the run without where files lie, how long it took, and how often Lightning's loops began."""
    stored = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
    del stored[STANDING]["seconds"]
    return {key: value for key, value in stored.items() if key not in ("loops", "callbacks", "epoch")}


@pytest.fixture(scope="module")
def whole(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nobody stops."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("whole"))
        ended = signalled("none 0", *settings(midi_folder, "whole", *STOPPED))
        assert ended.returncode == 0, ended.stderr
        return Path("whole").absolute()


@pytest.mark.long
@pytest.mark.parametrize(
    ("signals", "stopped_at", "launcher"),
    [
        ("0 training 3", 4, ()),  # what a person or a queue sends to the process that was begun
        ("1 validation 3", 3, ()),
        ("0 1 training 4", 5, ()),
        ("parent training 3", r"\d", ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")),
    ],
    ids=["the first", "another, validating", "all", "torchrun"],
)
def test_processes_that_are_stopped_save_once_and_go_on(
    whole: Path,
    tmp_path: Path,
    midi_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    signals: str,
    stopped_at: int | str,
    launcher: tuple[str, ...],
) -> None:
    """Fails: a cluster takes its machines back, and the steps since the last checkpoint are lost; or one process leaves
    and the others wait for it, until they are killed; or what goes on is another run.
    """
    monkeypatch.chdir(tmp_path)
    ended = signalled(signals, *settings(midi_folder, "stopped", *STOPPED), launcher=launcher)
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("phin-train: ")]
    assert re.fullmatch(rf"phin-train: stopped: stopped at step {stopped_at}\. Go on with resume=stopped\.", line)
    if not launcher:
        assert ended.returncode == 143
        assert "Traceback" not in ended.stderr
    stopped = Path("stopped")
    assert str(checkpoint(stopped, "last")["global_step"]) in line
    assert {path.name for path in (stopped / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    again = signalled("none 0", "resume=stopped")
    assert again.returncode == 0, again.stderr
    for name in ("last", "best"):
        assert_same(checkpoint(stopped, name), checkpoint(whole, name), name)
    assert (stopped / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


@pytest.mark.long
def test_more_processes_than_validation_tunes_are_refused(
    tmp_path: Path, midi_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: one of them has nothing to validate and dies, and so do all, with a page of tracebacks each."""
    monkeypatch.chdir(tmp_path)
    told = phin("train", *settings(midi_folder, "run", "trainer=ddp", "trainer.devices=24"))
    reason = r"of the 24 processes some would have none of 5 validation tunes\. Take 5 at most\."
    assert told.status == 1
    assert re.fullmatch(rf"phin-train: trainer\.devices, trainer\.num_nodes: {reason}", told.err.splitlines()[-1])
    assert not Path("run").exists()
