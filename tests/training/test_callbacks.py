"""What a run leaves while it trains: best and last checkpoints, an end when nothing improves, tunes to hear."""

import math
from dataclasses import replace
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from phin.data.dataset import DataConfig
from phin.errors import PhinError
from phin.evaluation.bits_table import MONITOR
from phin.evaluation.split_bits import model_bits
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.torch_engine import generate
from phin.model.checkpoint import find, load
from phin.music.measures import MEASURES, measures
from phin.music.midi import read_midi
from phin.music.phrase import Voice
from phin.training.checkpointing import BestCheckpoint
from phin.training.samples import SampleTunes
from tests.settings import composed
from tests.training.small import Scores, parts, trainer_for
from tests.tunes import wander, with_drone


def configured(run: Path, *overrides: str) -> dict[str, L.Callback]:
    """The callbacks of conf/, as phin-train makes them."""
    config = composed("train", f"run={run}", *overrides)
    return {name: instantiate(callback) for name, callback in config.callbacks.items()}


def test_best_and_last_checkpoints_are_kept_by_plain_bits_per_note(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: the model that plays is the last one, or the one with the smallest weighted loss."""
    made = configured(tmp_path, "callbacks.last.every_n_train_steps=4")
    scores = Scores()
    module, datamodule = parts(corpus)
    trainer = trainer_for(tmp_path, made["best"], made["last"], scores, max_steps=14, val_check_interval=3)
    trainer.fit(module, datamodule=datamodule)
    assert [step for step, _ in scores.seen] == [3, 6, 9, 12]
    assert find(tmp_path) == tmp_path / "checkpoints" / "best.ckpt"
    assert sorted(file.name for file in (tmp_path / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    model, _ = load(find(tmp_path))
    bits = model_bits(model, datamodule.val_dataloader(), progress=False)
    assert bits.headline.sum() / bits.notes.sum() == pytest.approx(min(score for _, score in scores.seen), rel=1e-5)
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 12


def test_training_stops_when_nothing_improves(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: a run learns its tunes by heart for hours after it has stopped getting better."""
    made = configured(tmp_path, "callbacks.early_stopping.patience=2", "callbacks.early_stopping.min_delta=100")
    stopping = made["early_stopping"]
    assert isinstance(stopping, EarlyStopping)
    module, datamodule = parts(corpus)
    trainer = trainer_for(tmp_path, stopping, max_steps=60, val_check_interval=2)
    trainer.fit(module, datamodule=datamodule)
    assert trainer.global_step == 2 * (1 + 2), "the first validation, and two that were no better"


def test_the_same_tunes_are_drawn_measured_and_kept_at_every_validation(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: nobody hears a run before it ends, or hears other tunes each time and cannot compare."""
    sampler = SamplerConfig(temperature=0.9)
    samples = SampleTunes(str(tmp_path / "samples"), count=3, lines=1, seed=5, show=1, sampler=sampler)
    module, datamodule = parts(corpus)
    trainer = trainer_for(tmp_path, samples, max_steps=4, val_check_interval=2)
    trainer.fit(module, datamodule=datamodule)
    folders = sorted(folder.name for folder in (tmp_path / "samples").iterdir())
    assert folders == ["step-000002", "step-000004"]
    for folder in folders:
        files = sorted(file.name for file in (tmp_path / "samples" / folder).iterdir())
        assert files == ["tune-1.mid", "tune-1.png", "tune-1.wav"]
    expected = generate(module.model.eval(), module.identity, TuneRequest(lines=1), 3, 5, sampler)
    kept = read_midi(tmp_path / "samples" / "step-000004" / "tune-1.mid", min_notes=1).phrase
    assert kept == expected[0]
    means = {name: np.nanmean([measures(tune)[name] for tune in expected]) for name in ("diversity", "on_the_beat")}
    for name, mean in means.items():
        assert float(trainer.callback_metrics[f"sample/{name}"]) == pytest.approx(mean)
    logged = {name: value for name, value in trainer.callback_metrics.items() if name.startswith("sample/")}
    assert all(math.isfinite(value) for value in logged.values()), "what cannot be said is not logged"


def test_drawing_tunes_changes_nothing_in_training(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: listening to a run changes it."""
    weights = []
    for listening in (True, False):
        module, datamodule = parts(corpus, dropout=0.2)
        heard = [SampleTunes(str(tmp_path / "samples"), count=1, lines=1, show=0)] if listening else []
        trainer_for(tmp_path, *heard, max_steps=4, val_check_interval=2).fit(module, datamodule=datamodule)
        weights.append(module.state_dict())
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())


def test_tunes_that_cannot_be_drawn_do_not_end_the_training(
    corpus: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: a model that, halfway, plays on without an end takes its whole run with it."""

    def never_ends(*_: object) -> None:
        raise PhinError("seed 0", "a tune did not come to its end", "take another seed")

    monkeypatch.setattr("phin.training.samples.generate", never_ends)
    module, datamodule = parts(corpus)
    trainer = trainer_for(tmp_path, SampleTunes(str(tmp_path / "samples")), max_steps=4, val_check_interval=2)
    trainer.fit(module, datamodule=datamodule)
    assert trainer.global_step == 4


def test_the_best_checkpoint_is_chosen_downwards(tmp_path: Path) -> None:
    """Fails: the worst model is kept."""
    best = configured(tmp_path)["best"]
    assert isinstance(best, ModelCheckpoint)
    assert (best.monitor, best.mode, best.save_top_k) == (MONITOR, "min", 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_a_run_whose_folder_was_moved_knows_its_best_checkpoint_again(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: a run that was renamed, or copied to another machine, writes a worse checkpoint over its best one."""
    old, new = tmp_path / "old", tmp_path / "new"

    def fit(folder: Path, steps: int) -> tuple[BestCheckpoint, L.Trainer]:
        best, last = (configured(folder)[name] for name in ("best", "last"))
        assert isinstance(best, BestCheckpoint)
        module, datamodule = parts(corpus, seed=1)
        trainer = trainer_for(folder, best, last, max_steps=steps, val_check_interval=2)
        there = folder / "checkpoints" / "last.ckpt"
        trainer.fit(module, datamodule=datamodule, ckpt_path=str(there) if there.is_file() else None, weights_only=True)
        return best, trainer

    before, _ = fit(old, 2)
    stored = torch.load(old / "checkpoints" / "last.ckpt", weights_only=True)
    (state,) = (each for key, each in stored["callbacks"].items() if "BestCheckpoint" in key)
    state["best_model_score"] = torch.tensor(0.5)  # so good that nothing later is better
    state["best_k_models"] = dict.fromkeys(state["best_k_models"], torch.tensor(0.5))
    torch.save(stored, old / "checkpoints" / "last.ckpt")
    old.rename(new)
    kept = (new / "checkpoints" / "best.ckpt").read_bytes()
    after, trainer = fit(new, 4)
    assert trainer.global_step == 4
    assert Path(after.best_model_path) == new / "checkpoints" / Path(before.best_model_path).name
    assert after.best_model_score == 0.5
    assert (new / "checkpoints" / "best.ckpt").read_bytes() == kept


def test_of_tunes_without_a_melody_there_is_none_of_anything(
    corpus: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: a run that begins by playing drones has other columns in its log than the next one."""
    drone = with_drone(wander(1, 8))
    silent = replace(drone, rows=drone.rows[drone.voice == Voice.ACCOMPANIMENT])
    monkeypatch.setattr("phin.training.samples.generate", lambda *_: [silent, silent])
    trainer = trainer_for(tmp_path, SampleTunes(str(tmp_path / "samples"), show=0), max_steps=2, val_check_interval=2)
    module, datamodule = parts(corpus)
    trainer.fit(module, datamodule=datamodule)
    logged = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("sample/")}
    assert logged == {f"sample/{measure.name}": 0.0 for measure in MEASURES}
