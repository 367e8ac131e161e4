"""A brief training: a real one, the same for the same seed, that leaves nothing behind and says nothing."""

from pathlib import Path

import pytest
import torch

from phin.data.datamodule import PhinDataModule
from phin.data.dataset import DataConfig
from phin.errors import InvalidConfig
from phin.evaluation.split_bits import model_bits
from phin.training.brief import Trained, train_briefly
from tests.tiny import tiny_config


def trained(corpus: DataConfig, seed: int = 0, steps: int = 12) -> Trained:
    return train_briefly(PhinDataModule(corpus, seed, progress=False), tiny_config(), steps, validations=3)


def test_it_learns_and_its_curve_says_how(
    corpus: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Fails: a notebook shows a curve that is not the model's, is full of remarks, or leaves files where it lies."""
    monkeypatch.chdir(tmp_path)
    found = trained(corpus)
    assert found.curves.validation.steps.tolist() == [4, 8, 12]
    assert found.curves.loss.steps.tolist() == list(range(1, 13))
    assert found.curves.steps == 12
    assert found.curves.last is not None
    assert found.curves.last < found.curves.validation.values[0] - 0.5
    datamodule = PhinDataModule(corpus, 0, progress=False)
    bits = model_bits(found.model, datamodule.val_dataloader(), progress=False)
    assert float(bits.headline.sum() / bits.notes.sum()) == pytest.approx(found.curves.last, abs=1e-5)
    assert not found.model.training
    assert list(tmp_path.iterdir()) == []
    assert "".join(capfd.readouterr()) == ""


def test_it_is_the_same_for_the_same_seed_alone(corpus: DataConfig) -> None:
    """Fails: a page that is run again shows another tune, or no seed shows another."""
    one, again, other = (trained(corpus, seed, steps=3).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_the_identity_says_what_was_learned_from(corpus: DataConfig) -> None:
    """Fails: a model of synthetic pieces does not say so."""
    datamodule = PhinDataModule(corpus, 0, progress=False)
    found = train_briefly(datamodule, tiny_config(), steps=1)
    assert found.identity.corpus == "tiny"
    assert found.identity.corpus_fingerprint == datamodule.store.fingerprint
    assert found.curves.validation.steps.tolist() == [1]


@pytest.mark.parametrize(("steps", "validations"), [(2, 3), (7, 3), (4, 0), (0, 1)])
def test_steps_that_validations_cannot_share_are_refused(corpus: DataConfig, steps: int, validations: int) -> None:
    """Fails: Lightning trains without end, or says so in its own words."""
    with pytest.raises(InvalidConfig, match="validations"):
        train_briefly(PhinDataModule(corpus, 0, progress=False), tiny_config(), steps, validations)
