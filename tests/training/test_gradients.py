"""The gradients of the five terms: what is logged of them is right, and measuring it leaves the training as it was."""

import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import torch

from phin.batch import PhinBatch, collate
from phin.data.dataset import DataConfig
from phin.model.loss import TERMS, LossConfig, PhinLoss
from phin.model.transformer import PhinTransformer
from phin.music.lai import Family, LaiLabel
from phin.training.gradients import TermGradients, most_labelled, norms_and_cosines, term_gradients
from tests.tiny import PHRASE, batch_of, item, tiny_model
from tests.training.small import Losses, parts, trainer_for

LABELLED = LaiLabel(5, Family.YAO)
EVERY_TERM = collate([item(PHRASE, LABELLED), item(replace(PHRASE, tempo=None), LABELLED, tune=1)])
NO_LAI = batch_of(PHRASE)


def naive(model: PhinTransformer, batch: PhinBatch) -> dict[str, list[float]]:
    """Each term's gradient by a backward pass of its own, number by number."""
    found = {}
    for place, term in enumerate(TERMS):
        model.zero_grad()
        PhinLoss(LossConfig()).double()(model(batch)[0], batch).terms[place].backward()
        trunk = [*model.embed.parameters(), *model.blocks.parameters(), *model.norm.parameters()]
        found[term] = [float(number) for weight in trunk for number in weight.grad.flatten()]
    model.zero_grad()
    return found


def test_norms_and_cosines_are_those_of_five_backward_passes() -> None:
    """Fails: the picture of which tasks fight each other is of something else."""
    model = tiny_model()
    expected = {}
    gradients = naive(model, EVERY_TERM)
    for term, gradient in gradients.items():
        expected[f"gradient_norm/{term}"] = math.hypot(*gradient)
    for one, other in combinations(TERMS, 2):
        product = sum(a * b for a, b in zip(gradients[one], gradients[other], strict=True))
        expected[f"gradient_cosine/{one}-{other}"] = (
            product / math.hypot(*gradients[one]) / math.hypot(*gradients[other])
        )
    numbers = norms_and_cosines(term_gradients(model, PhinLoss(LossConfig()).double(), EVERY_TERM))
    assert numbers == pytest.approx(expected, rel=1e-9)
    assert len(numbers) == 5 + 10
    assert min(expected.values()) < 0 < max(expected.values()), "no cosine is of one sign by a mistake"


def test_a_term_without_labels_is_left_out() -> None:
    """Fails: half the charts are NaN, or a 0 that nobody measured, on a corpus whose tunes have no lai."""
    numbers = norms_and_cosines(term_gradients(tiny_model(), PhinLoss(LossConfig()).double(), NO_LAI))
    assert sorted(name for name in numbers if "norm" in name) == [
        "gradient_norm/note",
        "gradient_norm/rhythm",
        "gradient_norm/technique",
    ]
    assert len(numbers) == 3 + 3
    assert all(math.isfinite(number) for number in numbers.values())


def test_the_batch_that_is_measured_is_the_first_with_labels_of_the_most_terms() -> None:
    """Fails: lai and pentatonic set are never measured, since the first batch of a corpus happens to have neither."""
    again = replace(EVERY_TERM)
    assert most_labelled([NO_LAI, EVERY_TERM, again, NO_LAI], PhinLoss(LossConfig())) is EVERY_TERM


def test_a_term_that_pulls_nowhere_has_no_angle() -> None:
    """Fails: NaN in a run's numbers, which no chart and no report takes."""
    still = {"note": torch.ones(3), "rhythm": torch.zeros(3)}
    assert norms_and_cosines(still) == {"gradient_norm/note": pytest.approx(3**0.5), "gradient_norm/rhythm": 0.0}


def test_gradients_gathered_for_a_step_stay_as_they_were() -> None:
    """Fails: a validation between two batches of a step adds to the step, or takes half of it away."""
    model = tiny_model()
    for weight in model.parameters():
        weight.grad = torch.full_like(weight, 0.5)
    term_gradients(model, PhinLoss(LossConfig()).double(), EVERY_TERM)
    assert all(torch.equal(weight.grad, torch.full_like(weight, 0.5)) for weight in model.parameters())


def test_measuring_gradients_changes_nothing_in_training(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: looking at a run changes it."""
    weights, losses, places = [], [], []
    for measuring in (True, False):
        module, datamodule = parts(replace(corpus, batch_notes=30), dropout=0.2)
        callbacks = [seen := Losses(), *([TermGradients()] if measuring else [])]
        settings = {"max_steps": 2, "val_check_interval": 1, "accumulate_grad_batches": 2}
        trainer_for(tmp_path, *callbacks, **settings).fit(module, datamodule=datamodule)
        weights.append(module.state_dict())
        losses.append(seen.seen)
        assert datamodule.loader is not None
        places.append(datamodule.loader.state_dict())
    assert len(losses[0]) == 4, "validated between two batches of a step too"
    assert losses[0] == losses[1]
    assert places[0] == places[1], "where the stream of batches goes on from a checkpoint"
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())


def test_they_are_measured_at_every_validation_on_the_same_batch(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: a change in the chart is another batch's, not the model's; or a run that goes on has another chart."""
    tunes = []
    for max_steps in (2, 4):
        module, datamodule = parts(replace(corpus, batch_notes=30))
        measuring = TermGradients()
        trainer = trainer_for(tmp_path, measuring, max_steps=max_steps, val_check_interval=2)
        trainer.fit(module, datamodule=datamodule)
        assert measuring.batch is not None
        tunes.append(measuring.batch.tune.tolist())
        expected = norms_and_cosines(term_gradients(module.model.eval(), module.loss, measuring.batch))
        logged = {name: float(value) for name, value in trainer.callback_metrics.items() if "gradient" in name}
        assert logged == pytest.approx(expected, rel=1e-5)
        assert {"gradient_norm/note", "gradient_norm/pentatonic", "gradient_cosine/note-rhythm"} <= set(logged)
    assert tunes[0] == tunes[1]


def test_they_are_measured_on_tunes_that_are_learned_from(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: where a share of the tunes is learned from, the chart is of tunes that training never meets."""
    few = replace(corpus, overfit=2)
    module, datamodule = parts(few)
    measuring = TermGradients()
    trainer = trainer_for(tmp_path, measuring, max_steps=1, val_check_interval=1)
    trainer.fit(module, datamodule=datamodule)
    assert measuring.batch is not None
    learned = set(datamodule.learned.tolist())
    assert len(learned) == 2
    assert set(measuring.batch.tune.tolist()) <= learned
