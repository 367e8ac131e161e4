"""A run that was broken off and goes on is, bit for bit, the run that was not."""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from phin.data.dataset import DataConfig
from phin.errors import InvalidCheckpoint
from phin.model.checkpoint import PHIN_KEY, load
from phin.training.lit_module import RANDOM_STATES, PhinModule
from tests.training.small import Losses, Scores, parts, trainer_for

STEPS = 9
ACCUMULATE = 2
DROPOUT = 0.2


@pytest.fixture(scope="module")
def small_batches(corpus: DataConfig) -> DataConfig:
    """So many batches that a checkpoint can fall into the middle of an epoch."""
    return replace(corpus, batch_notes=30)


class Stream(L.Callback):
    """Writes down which tunes each batch held, and torch's random state after it."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[int], list[int]]] = []

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, _: Any, batch: Any, *__: Any
    ) -> None:
        self.seen.append((batch.tune.tolist(), torch.get_rng_state().tolist()))


@dataclass(frozen=True)
class Run:
    """What is compared of a run."""

    folder: Path
    module: PhinModule
    losses: list[float]
    stream: list[tuple[list[int], list[int]]]
    scores: list[tuple[int, float]]


def fit(corpus: DataConfig, folder: Path, ckpt: Path | None = None) -> Run:
    """A run of all steps, with a checkpoint after every one and a validation every five batches."""
    module, datamodule = parts(corpus, seed=1, dropout=DROPOUT)
    losses, stream, scores = Losses(), Stream(), Scores()
    every = ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1, enable_version_counter=False)
    settings = {"max_steps": STEPS, "accumulate_grad_batches": ACCUMULATE, "val_check_interval": 5}
    trainer = trainer_for(folder, losses, stream, scores, every, **settings)
    trainer.fit(module, datamodule=datamodule, ckpt_path=ckpt and str(ckpt), weights_only=True)
    return Run(folder, module, losses.seen, stream.seen, scores.seen)


@pytest.fixture(scope="module")
def whole(small_batches: DataConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that nobody breaks off."""
    return fit(small_batches, tmp_path_factory.mktemp("whole"))


def assert_same(mine: Any, theirs: Any, where: str = "") -> None:
    """Bit for bit, however deep."""
    if isinstance(mine, torch.Tensor):
        assert torch.equal(mine, theirs), where
    elif isinstance(mine, dict):
        assert mine.keys() == theirs.keys(), where
        for key in mine:
            assert_same(mine[key], theirs[key], f"{where}.{key}")
    elif isinstance(mine, list | tuple):
        assert len(mine) == len(theirs), where
        for place, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            assert_same(one, other, f"{where}.{place}")
    else:
        assert mine == theirs, where


@pytest.mark.slow
# the checkpoint lies in the folder of the whole run, whose records of what it kept are rightly left behind
@pytest.mark.filterwarnings("ignore:The dirpath has changed")
@pytest.mark.parametrize(("step", "workers"), [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 2)])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    whole: Run, small_batches: DataConfig, tmp_path: Path, step: int, workers: int
) -> None:
    """Fails: after a power cut a run goes on as another run: other batches, another rate, other weights.

    Steps 3 and 6 end an epoch; a validation comes right after step 5, and between two batches of steps 3 and 8.
    """
    config = replace(small_batches, loader_workers=workers)
    again = fit(config, tmp_path, whole.folder / f"step={step}.ckpt")
    left = ACCUMULATE * (STEPS - step)
    assert again.losses == whole.losses[-left:]
    assert again.stream == whole.stream[-left:]
    validated = dict(zip((5, 10, 15), whole.scores, strict=True))
    # Lightning does not make up for a validation that was due with the very batch of the checkpoint
    assert again.scores == [score for batch, score in validated.items() if batch > ACCUMULATE * step]
    assert_same(again.module.state_dict(), whole.module.state_dict())
    last, last_again = (torch.load(run.folder / f"step={STEPS}.ckpt", weights_only=True) for run in (whole, again))
    for key in ("state_dict", "optimizer_states", "lr_schedulers", RANDOM_STATES, "global_step", "epoch", PHIN_KEY):
        assert_same(last_again[key], last[key], key)


def test_the_uninterrupted_run_shows_what_is_asked(whole: Run) -> None:
    """Fails: the test above compares nothing: no dropout, no mid-epoch, no learned weight that moved."""
    assert len(set(whole.losses)) == len(whole.losses) == ACCUMULATE * STEPS
    assert [step for step, _ in whole.scores] == [2, 5, 7]
    batches = {step: progress(whole, step)["epoch_loop.batch_progress"]["current"]["ready"] for step in range(1, 7)}
    assert batches == {1: 2, 2: 4, 3: 6, 4: 2, 5: 4, 6: 6}, "three steps an epoch"
    states = [state for _, state in whole.stream]
    assert all(one != other for one, other in pairwise(states)), "dropout draws"
    assert (whole.module.loss.log_variances != 0).any()


def progress(run: Run, step: int) -> dict[str, Any]:
    return torch.load(run.folder / f"step={step}.ckpt", weights_only=True)["loops"]["fit_loop"]


def test_checkpoints_load_without_unpickling_and_hold_the_weights_of_the_loss(whole: Run) -> None:
    """Fails: a checkpoint can run code; or a resumed run forgets how it weighed its terms."""
    path = whole.folder / f"step={STEPS}.ckpt"
    stored = torch.load(path, weights_only=True)
    assert torch.equal(stored["state_dict"]["loss.log_variances"], whole.module.loss.log_variances)
    model, identity = load(path)
    assert identity == whole.module.identity
    assert_same(model.state_dict(), whole.module.model.state_dict())


@pytest.mark.parametrize(
    ("settings", "difference"),
    [({"num_layers": 1}, r"model\.num_layers is 2 there and 1 here"), ({"dropout": 0.0}, r"model\.dropout is 0\.2")],
)
def test_resuming_another_model_is_refused_with_what_differs(
    whole: Run, small_batches: DataConfig, tmp_path: Path, settings: dict, difference: str
) -> None:
    """Fails: a page of mismatched shapes, or worse, none."""
    module, datamodule = parts(small_batches, seed=1, **{"dropout": DROPOUT, **settings})
    trainer = trainer_for(tmp_path, max_steps=STEPS)
    with pytest.raises(InvalidCheckpoint, match=difference):
        trainer.fit(module, datamodule=datamodule, ckpt_path=str(whole.folder / "step=4.ckpt"), weights_only=True)


def test_resuming_on_another_corpus_is_refused_with_what_differs(
    whole: Run, small_batches: DataConfig, tmp_path: Path
) -> None:
    """Fails: held-out tunes of one corpus are trained on under another."""
    module, datamodule = parts(replace(small_batches, min_notes=14), seed=1, dropout=DROPOUT)
    with pytest.raises(InvalidCheckpoint, match=r"corpus_fingerprint is \w+ there and \w+ here"):
        trainer_for(tmp_path, max_steps=STEPS).fit(
            module, datamodule=datamodule, ckpt_path=str(whole.folder / "step=4.ckpt"), weights_only=True
        )
