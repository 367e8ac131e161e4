"""A run that was killed at a random moment and goes on ends as the run that was not, bit for bit."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from phin.training.checkpointing import STANDING
from tests.training.killed import LIVES, WHOLE, moments_of
from tests.training.test_resume import assert_same

pytestmark = pytest.mark.long

NUM_MOMENTS = 20


class Killed:
    """What the lives of some runs left, and where they died."""

    def __init__(self, folder: Path, midi_folder: Path) -> None:
        self.folder = folder
        (folder / "midi").symlink_to(midi_folder)
        command = [
            sys.executable,
            "-c",
            "from tests.training.killed import main; main()",
            str(folder),
            str(NUM_MOMENTS),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stderr
        deaths = [line.split("\t") for line in done.stdout.splitlines()]
        self.died_at = [name for name, _ in deaths]
        self.workers = [int(count) for _, count in deaths]
        self.passed = moments_of(folder / WHOLE)
        self.moments = [int(run.name) for run in folder.iterdir() if run.name.isdecimal()]

    def checkpoint(self, run: str, name: str) -> dict[str, Any]:
        return torch.load(self.folder / run / "checkpoints" / f"{name}.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def killed(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    return Killed(tmp_path_factory.mktemp("killed"), midi_folder)


@pytest.mark.slow
def test_runs_died_where_they_can_die(killed: Killed) -> None:
    """Fails: the tests below interrupt nothing, or only between steps."""
    assert len(killed.died_at) == len(killed.moments) == NUM_MOMENTS, "each was killed once"
    assert Counter(killed.died_at) == Counter(killed.passed[moment - 1] for moment in killed.moments)
    assert {"training", "stepping", "validating", "logging", "saving", "naming a file"} <= set(killed.died_at)
    amid_workers = {name for name, workers in zip(killed.died_at, killed.workers, strict=True) if workers}
    assert len(amid_workers) > 1, "some died while others made their batches"
    assert {first for first, _ in LIVES} == {second for _, second in LIVES} == {0, 2}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["last", "best"])
def test_a_run_that_was_killed_ends_with_the_checkpoints_of_the_one_that_was_not(killed: Killed, name: str) -> None:
    """Fails: after a power cut a run goes on as another run: other weights, other random numbers, another rate."""
    whole = killed.checkpoint(WHOLE, name)
    for moment in killed.moments:
        again = killed.checkpoint(str(moment), name)
        for key in whole.keys() | again.keys():
            # where files lie, and how often Lightning's loops began: no part of what was learned
            if key == STANDING:
                assert again[key].pop("seconds") > 0 < whole[key].pop("seconds", 1)
            if key not in ("loops", "callbacks", "epoch"):
                assert_same(again[key], whole[key], f"{moment}: {key}")


@pytest.mark.slow
def test_a_run_that_was_killed_logs_what_the_one_that_was_not_logs(killed: Killed) -> None:
    """Fails: a curve has a gap where the power was cut, or two values at one step."""
    whole = (killed.folder / WHOLE / "metrics.csv").read_bytes()
    assert len(whole.splitlines()) > 12
    for moment in killed.moments:
        assert (killed.folder / str(moment) / "metrics.csv").read_bytes() == whole, moment


@pytest.mark.slow
def test_no_half_written_checkpoint_is_left(killed: Killed) -> None:
    """Fails: a torn file is taken for the run's checkpoint."""
    for moment in killed.moments:
        names = {path.name for path in (killed.folder / str(moment) / "checkpoints").iterdir()}
        assert names == {"best.ckpt", "last.ckpt"}
