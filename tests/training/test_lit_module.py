"""The training module: it learns, counts a step as a whole, is the same for a seed, and says what it does."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from phin.batch import PhinBatch, collate, label_counts
from phin.data.dataset import DataConfig
from phin.data.loader import TrainingLoader
from phin.errors import InvalidCheckpoint, InvalidConfig, PhinError
from phin.evaluation.bits_table import MONITOR
from phin.evaluation.split_bits import model_bits
from phin.model.checkpoint import PHIN_KEY
from phin.model.loss import TERMS, LossConfig, PhinLoss, Weighing
from phin.model.transformer import PhinTransformer
from phin.music.lai import Family, LaiLabel
from phin.training.lit_module import BROKEN_STEP, PhinModule
from phin.training.metrics_file import MetricsFile
from phin.training.schedule import ScheduleConfig
from tests.tiny import PHRASE, TOKENIZER, batch_of, identity_for, item, melodies, tiny_config, tiny_model
from tests.training.small import Losses, parts, trainer_for

CONSTANT = ScheduleConfig(warmup=0.0, final=1.0)


class Listed:
    """A loader of batches that were made before; a plain list would be taken for a list of loaders."""

    def __init__(self, batches: list[PhinBatch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[PhinBatch]:
        return iter(self.batches)


def module_of(model: PhinTransformer, make_optimizer: partial, weighing: Weighing = Weighing.LEARNED) -> PhinModule:
    loss = PhinLoss(LossConfig(weighing)).to(next(model.parameters()).dtype)
    return PhinModule(model, loss, make_optimizer, CONSTANT, identity_for(model))


def test_it_learns_one_phrase_by_heart(tmp_path: Path) -> None:
    """Fails: something between the notes and the weights is cut, and no tune is ever learned."""
    torch.manual_seed(0)
    module = module_of(PhinTransformer(tiny_config(), TOKENIZER.condition_sizes), partial(torch.optim.AdamW, lr=0.01))
    batch = batch_of(PHRASE.melody)
    before = model_bits(module.model, [batch], progress=False)
    module.train()
    trainer = trainer_for(tmp_path, max_steps=120, limit_val_batches=0)
    trainer.fit(module, train_dataloaders=Listed([batch]), val_dataloaders=[])
    after = model_bits(module.model, [batch], progress=False)
    assert before.headline[0] / before.notes[0] > 20
    assert after.headline[0] / after.notes[0] < 0.1


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: a result cannot be had again, and no change can be told from luck."""
    losses = []
    for seed in (3, 3, 4):
        module, datamodule = parts(corpus, seed, dropout=0.1)
        seen = Losses()
        trainer_for(tmp_path, seen, max_steps=5, limit_val_batches=0).fit(module, datamodule=datamodule)
        losses.append(seen.seen)
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    assert len(losses[0]) == 5


def test_in_bfloat16_it_learns_nearly_as_in_float32(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: what `trainer=gpu` trains in breaks on the way, or is not what is trained in."""
    losses = []
    for precision in ("32-true", "bf16-mixed"):
        module, datamodule = parts(corpus, 3)
        seen = Losses()
        settings = {"max_steps": 5, "limit_val_batches": 0, "precision": precision}
        trainer_for(tmp_path, seen, **settings).fit(module, datamodule=datamodule)
        losses.append(seen.seen)
        assert {weight.dtype for weight in module.parameters()} == {torch.float32}
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


# --- a step is a whole


def groups() -> list[list[PhinBatch]]:
    """Three steps of two, two and one batches; each batch knows the counts of its step."""
    found = LaiLabel(5, Family.YAO)
    items = [item(PHRASE, found), *(item(tune) for tune in melodies(9, num_notes=6))]
    batches = [collate(items[start : start + 2]) for start in range(0, 10, 2)]
    steps = [batches[:2], batches[2:4], batches[4:]]
    return [
        [replace(batch, step_counts=sum(label_counts(other) for other in step).double()) for batch in step]
        for step in steps
    ]


def by_hand(module: PhinModule, steps: list[list[PhinBatch]]) -> None:
    """Plain gradient descent by the loss of each step as a whole."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.001)
    for step in steps:
        optimizer.zero_grad()
        outputs = [module.loss(module.model(batch)[0], batch) for batch in step]
        sum(output.total for output in outputs).backward()
        optimizer.step()
        module.loss.after_step(sum(output.terms for output in outputs).detach())


@pytest.mark.parametrize("weighing", [Weighing.UNIFORM, Weighing.LEARNED, Weighing.INVERSE])
def test_accumulated_steps_are_steps_of_the_whole_loss_and_the_last_is_not_lost(
    tmp_path: Path, weighing: Weighing
) -> None:
    """Fails: on a small machine another model is trained; the ancestor dropped what was left of an epoch."""
    modules = [module_of(tiny_model(), partial(torch.optim.SGD, lr=0.001), weighing) for _ in range(2)]
    steps = groups()
    loader = [batch for step in steps for batch in step]
    settings = {"accumulate_grad_batches": 2, "gradient_clip_val": None, "limit_val_batches": 0}
    trainer = trainer_for(tmp_path, max_epochs=1, **settings)
    trainer.fit(modules[0].train(), train_dataloaders=Listed(loader), val_dataloaders=[])
    assert trainer.global_step == len(steps)
    by_hand(modules[1].train(), steps)
    start = tiny_model().state_dict()
    moved = 0
    for (name, mine), theirs in zip(modules[0].state_dict().items(), modules[1].state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-10, msg=name)
        moved += not torch.equal(mine, start.get(name.removeprefix("model."), mine))
    assert moved > 20


# --- the optimiser


def test_weights_of_the_loss_are_learned_in_a_group_of_their_own_without_decay(
    corpus: DataConfig, tmp_path: Path
) -> None:
    """Fails: the ancestor's fault: learned weights that no optimiser knows; or decay that pulls them to 1."""
    module, datamodule = parts(corpus)
    trainer = trainer_for(tmp_path, max_steps=6, limit_val_batches=0)
    trainer.fit(module, datamodule=datamodule)
    (optimizer,) = trainer.optimizers
    hidden, decaying, others, weights = optimizer.param_groups
    assert weights["params"] == [module.loss.log_variances]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0.05, 0.0, 0.0]
    assert all(weight.ndim >= 2 for weight in (*hidden["params"], *decaying["params"]))
    assert all(weight.ndim < 2 for weight in others["params"])
    known = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    assert known == {id(weight) for weight in module.parameters()}, "every weight is learned"
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(known), "and once"
    moved = module.loss.log_variances[[TERMS.index("note"), TERMS.index("rhythm")]]
    assert (moved != 0).all()


def test_weights_of_the_loss_stay_within_their_bounds_while_training(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: an easy term drowns the notes."""
    loss = LossConfig(largest_log_variance=0.005)
    module, datamodule = parts(corpus, loss=loss)
    trainer_for(tmp_path, max_steps=8, limit_val_batches=0).fit(module, datamodule=datamodule)
    assert module.loss.log_variances.max() == torch.tensor(0.005)
    assert module.loss.log_variances.min() >= 0


def test_without_learned_weights_there_is_no_group_for_them(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: the control runs learn weights after all."""
    module, datamodule = parts(corpus, loss=LossConfig(Weighing.UNIFORM))
    trainer = trainer_for(tmp_path, max_steps=2, limit_val_batches=0)
    trainer.fit(module, datamodule=datamodule)
    assert len(trainer.optimizers[0].param_groups) == 3


# --- what it says


def test_it_validates_by_bits_per_note_as_the_report_counts_them(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: the run is stopped and chosen by another number than the one reported."""
    module, datamodule = parts(corpus)
    trainer = trainer_for(tmp_path, max_steps=3, val_check_interval=3)
    trainer.fit(module, datamodule=datamodule)
    bits = model_bits(module.model, datamodule.val_dataloader(), progress=False)
    logged = trainer.callback_metrics
    assert float(logged[MONITOR]) == pytest.approx(bits.headline.sum() / bits.notes.sum(), rel=1e-5)
    parts_of_it = [float(logged[f"{MONITOR}/{field}"]) for field in ("step", "pitch", "duration")]
    assert sum(parts_of_it) == pytest.approx(float(logged[MONITOR]), rel=1e-5)


def logged(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_every_term_every_part_and_every_weight_of_the_whole_step_is_logged(
    corpus: DataConfig, tmp_path: Path, accumulate: int
) -> None:
    """Fails: weights are guessed, not read; or what is logged is a part of the step only."""
    module, datamodule = parts(corpus)
    logger, losses = MetricsFile(str(tmp_path / "metrics.csv")), Losses()
    settings = {"max_steps": 2, "limit_val_batches": 0, "logger": logger, "accumulate_grad_batches": accumulate}
    trainer_for(tmp_path, losses, **settings).fit(module, datamodule=datamodule)
    rows = logged(tmp_path / "metrics.csv")
    assert [row["step"] for row in rows] == ["0", "1"]
    names = rows[0].keys()
    assert {"train/loss", "train/pitch", "train/quarter", "train/mode", "learning_rate", "gradient_norm"} <= names
    assert {f"train/term/{term}" for term in TERMS} | {f"loss_weight/{term}" for term in TERMS} <= names
    for number, row in enumerate(rows):
        shares = losses.seen[number * accumulate : (number + 1) * accumulate]
        assert float(row["train/loss"]) == pytest.approx(sum(shares), rel=1e-6)
        parts_of_it = sum(float(row[f"train/{part}"]) for part in ("pitch", "voice"))
        assert float(row["train/term/note"]) == pytest.approx(parts_of_it, rel=1e-5)


def test_the_norm_that_is_logged_is_that_of_the_gradients_before_they_are_clipped(
    corpus: DataConfig, tmp_path: Path
) -> None:
    """Fails: a run that is about to blow up looks as calm as its clipping."""
    norms = []
    for clip in (None, 1e-3):
        module, datamodule = parts(corpus)
        logger = MetricsFile(str(tmp_path / f"{clip}.csv"))
        settings = {"max_steps": 1, "limit_val_batches": 0, "logger": logger, "gradient_clip_val": clip}
        trainer_for(tmp_path, **settings).fit(module, datamodule=datamodule)
        (row,) = logged(tmp_path / f"{clip}.csv")
        norms.append(float(row["gradient_norm"]))
    assert norms[0] == norms[1] > 1


def test_a_checkpoint_of_another_run_is_refused_before_anything_is_loaded(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: a run goes on with weights that another model learned from another corpus."""
    module, _ = parts(corpus)
    other, _ = parts(corpus, num_layers=1)
    checkpoint = {PHIN_KEY: other.identity.to_dict()}
    with pytest.raises(InvalidCheckpoint, match=r"model\.num_layers is 1 there and 2 here"):
        module.on_load_checkpoint(checkpoint)
    with pytest.raises(InvalidCheckpoint, match="missing there"):
        module.on_load_checkpoint({})
    with pytest.raises(InvalidCheckpoint, match="was written by an earlier version of phin"):
        module.on_load_checkpoint({PHIN_KEY: module.identity.to_dict()})


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_run_whose_numbers_are_no_numbers_stops_in_words_and_keeps_what_it_was_learning_from(
    corpus: DataConfig, tmp_path: Path, what: str
) -> None:
    """Fails: a run that diverged is reported as finished, with a table of nothing, and played."""
    module, datamodule = parts(corpus)
    module.run_folder = tmp_path
    bias = module.model.heads.out[0].bias
    if what == "loss":
        with torch.no_grad():
            bias.fill_(torch.nan)
    else:
        bias.register_hook(lambda gradient: gradient * torch.inf)
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    said = rf"step 0: the {what} is no longer finite\. Train with a lower optimizer\.lr; what .* is in .*{BROKEN_STEP}"
    with pytest.raises(PhinError, match=said):
        trainer_for(tmp_path, max_steps=2).fit(module, datamodule=datamodule)
    torch.testing.assert_close(module.state_dict(), before, rtol=0, atol=0, equal_nan=True)
    (batch,) = torch.load(tmp_path / BROKEN_STEP, weights_only=True)
    first = next(iter(TrainingLoader(datamodule.loader.tunes, datamodule.store.split("train"), corpus)))
    assert torch.equal(PhinBatch(**batch).ids, first.ids)


def test_a_setting_that_the_optimizer_refuses_is_told_as_a_setting(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: a mistyped learning rate ends in a traceback from deep inside torch."""
    module, datamodule = parts(corpus)
    for wrong in (-1.0, "fast"):
        module.make_optimizer = partial(torch.optim.AdamW, lr=wrong)
        with pytest.raises(InvalidConfig, match=r"^optimizer: "):
            trainer_for(tmp_path, max_steps=1).fit(module, datamodule=datamodule)


def test_a_log_of_every_0_steps_is_none(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: a run ends in a division by zero."""
    module, datamodule = parts(corpus)
    trainer = trainer_for(tmp_path, log_every_n_steps=0, max_steps=1)
    trainer.fit(module, datamodule=datamodule)
    assert trainer.global_step == 1
