"""A run that was broken off and goes on is, bit for bit, the run that was not."""

from dataclasses import replace
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
from phin.training.lit_module import PhinModule
from tests.training.small import Losses, parts, trainer_for

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


def fit(
    corpus: DataConfig, folder: Path, ckpt: Path | None = None, steps: int = STEPS
) -> tuple[PhinModule, L.Trainer, Losses, Stream]:
    """A run of `steps`, with a checkpoint after every optimiser step."""
    module, datamodule = parts(corpus, seed=1, dropout=DROPOUT)
    losses, stream = Losses(), Stream()
    every = ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1, enable_version_counter=False)
    trainer = trainer_for(
        folder, losses, stream, every, max_steps=steps, accumulate_grad_batches=ACCUMULATE, val_check_interval=5
    )
    trainer.fit(module, datamodule=datamodule, ckpt_path=ckpt and str(ckpt), weights_only=True)
    return module, trainer, losses, stream


@pytest.fixture(scope="module")
def whole(small_batches: DataConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """The run that nobody breaks off."""
    folder = tmp_path_factory.mktemp("whole")
    return (folder, *fit(small_batches, folder))


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
@pytest.mark.parametrize(("step", "workers"), [(1, 0), (4, 0), (6, 0), (8, 0), (7, 2)])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    whole: tuple, small_batches: DataConfig, tmp_path: Path, step: int, workers: int
) -> None:
    """Fails: after a power cut a run goes on as another run: other batches, another rate, other weights."""
    folder, module, trainer, losses, stream = whole
    config = replace(small_batches, loader_workers=workers)
    again, trainer_again, losses_again, stream_again = fit(config, tmp_path, folder / f"step={step}.ckpt")
    assert losses_again.seen == losses.seen[len(losses.seen) - len(losses_again.seen) :]
    assert len(losses_again.seen) < len(losses.seen)
    assert stream_again.seen == stream.seen[-len(stream_again.seen) :]
    last, last_again = (torch.load(place / f"step={STEPS}.ckpt", weights_only=True) for place in (folder, tmp_path))
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "random_state", "global_step", "epoch", PHIN_KEY):
        assert_same(last_again[key], last[key], key)
    assert_same(again.state_dict(), module.state_dict())
    assert trainer_again.callback_metrics.keys() == trainer.callback_metrics.keys()
    assert_same(trainer_again.callback_metrics["val/bits_per_note"], trainer.callback_metrics["val/bits_per_note"])


def test_the_uninterrupted_run_shows_what_is_asked(whole: tuple) -> None:
    """Fails: the test above compares nothing: no dropout, no mid-epoch, no learned weight that moved."""
    folder, module, _, losses, stream = whole
    batches = len(losses.seen)
    assert len(set(losses.seen)) == batches
    epochs = torch.load(folder / "step=4.ckpt", weights_only=True)["loops"]["fit_loop"]["epoch_progress"]["current"]
    assert epochs["completed"] < epochs["started"], "step 4 lies within an epoch"
    states = [state for _, state in stream.seen]
    assert all(one != other for one, other in pairwise(states)), "dropout draws"
    assert (module.loss.log_variances != 0).any()


def test_checkpoints_load_without_unpickling_and_hold_the_weights_of_the_loss(whole: tuple) -> None:
    """Fails: a checkpoint can run code; or a resumed run forgets how it weighed its terms."""
    folder, module, _, _, _ = whole
    stored = torch.load(folder / f"step={STEPS}.ckpt", weights_only=True)
    assert torch.equal(stored["state_dict"]["loss.log_variances"], module.loss.log_variances)
    model, identity = load(folder / f"step={STEPS}.ckpt")
    assert identity == module.identity
    assert_same(model.state_dict(), module.model.state_dict())


@pytest.mark.parametrize(
    ("settings", "difference"),
    [({"num_layers": 1}, r"model\.num_layers is 2 there and 1 here"), ({"dropout": 0.0}, r"model\.dropout is 0\.2")],
)
def test_resuming_another_model_is_refused_with_what_differs(
    whole: tuple, small_batches: DataConfig, tmp_path: Path, settings: dict, difference: str
) -> None:
    """Fails: a page of mismatched shapes, or worse, none."""
    module, datamodule = parts(small_batches, seed=1, **{"dropout": DROPOUT, **settings})
    trainer = trainer_for(tmp_path, max_steps=STEPS)
    with pytest.raises(InvalidCheckpoint, match=difference):
        trainer.fit(module, datamodule=datamodule, ckpt_path=str(whole[0] / "step=4.ckpt"), weights_only=True)


def test_resuming_on_another_corpus_is_refused_with_what_differs(
    whole: tuple, small_batches: DataConfig, tmp_path: Path
) -> None:
    """Fails: held-out tunes of one corpus are trained on under another."""
    module, datamodule = parts(replace(small_batches, min_notes=14), seed=1, dropout=DROPOUT)
    with pytest.raises(InvalidCheckpoint, match=r"corpus_fingerprint is \w+ there and \w+ here"):
        trainer_for(tmp_path, max_steps=STEPS).fit(
            module, datamodule=datamodule, ckpt_path=str(whole[0] / "step=4.ckpt"), weights_only=True
        )
