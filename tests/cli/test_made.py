"""What is made of settings is what they say, and what they cannot mean is refused before it is made."""

from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import Logger

from phin.cli.made import made, optimizer_maker
from phin.errors import InvalidConfig
from phin.training.muon import MuonWithAdamW
from phin.training.samples import SampleTunes
from tests.settings import composed

STOPPING = {"_target_": "phin.training.early_stopping.EarlyStopping", "monitor": "val/bits_per_note"}
SAMPLER = {"_target_": "phin.generation.request.SamplerConfig"}
SAMPLES = {"_target_": "phin.training.samples.SampleTunes", "folder": "samples", "sampler": SAMPLER}
BEST = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint"}
ADAMW = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.1}


def test_an_object_has_the_settings_that_were_given() -> None:
    """Fails: a setting is taken and does nothing."""
    stopping = made("callbacks.x", {**STOPPING, "patience": 7, "min_delta": 1}, L.Callback)
    assert isinstance(stopping, EarlyStopping)
    assert stopping.patience == 7
    samples = made("callbacks.x", {**SAMPLES, "sampler": {**SAMPLER, "top_k": 3}}, L.Callback)
    assert isinstance(samples, SampleTunes)
    assert samples.sampler is not None
    assert samples.sampler.top_k == 3
    (weight,) = optimizer_maker(ADAMW)([torch.zeros(1, requires_grad=True)]).param_groups
    assert weight["lr"] == 0.1


def test_a_checkpoint_is_kept_every_step_at_most() -> None:
    """Fails: a run ends in a division by zero."""
    last = {"_target_": "phin.training.checkpointing.LastCheckpoint", "path": "last.ckpt", "every_n_train_steps": 0}
    with pytest.raises(InvalidConfig, match=r"callbacks\.last: every_n_train_steps=0: .* Take 1 or more"):
        made("callbacks.last", last, L.Callback)


def test_all_that_conf_says_is_of_its_kind() -> None:
    """Fails: a run with nothing changed is refused."""
    config = composed("train", "run=r", "logger=csv", "trainer.max_time=00:00:01:00")
    for settings in config.callbacks.values():
        made("callbacks.x", settings, L.Callback)
    made("trainer", config.trainer, L.Trainer, logger=False)
    made("logger.csv", config.logger["csv"], Logger)
    assert optimizer_maker(config.optimizer).func is MuonWithAdamW


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**STOPPING, "monitor": None}, "x.monitor=null: must be a word. Mend it, or leave it out."),
        ({**STOPPING, "min_delta": "abc"}, "x.min_delta=abc: must be a number."),
        ({**STOPPING, "min_delta": float("nan")}, "x.min_delta=nan: must be a number."),
        ({**STOPPING, "min_delta": 10**30}, "x.min_delta=1000000000000000000000000000000: must be a number."),
        ({**STOPPING, "patience": 1.5}, "x.patience=1.5: must be a whole number."),
        ({**STOPPING, "patience": True}, "x.patience=True: must be a whole number."),
        ({**STOPPING, "verbose": 1}, "x.verbose=1: must be true or false."),
        ({**BEST, "filename": -1}, "x.filename=-1: must be a word or null."),
        ({**BEST, "save_last": "yes"}, "x.save_last=yes: must be true or false or link or null."),
        ({**SAMPLES, "sampler": 1}, "x.sampler=1: must be settings of a SamplerConfig or null."),
        ({**SAMPLES, "count": 0}, "x: count=0: nothing is asked for. Take 1 or more."),
        ({**SAMPLES, "seed": -1}, "x: seed=-1: is out of range."),
        ({**SAMPLES, "show": -1}, "x: show=-1: is no count."),
        ({**SAMPLES, "sampler": {**SAMPLER, "top_p": 2.0}}, "x: sampler.top_p=2.0: must be above 0 and at most 1."),
        ({**STOPPING, "no_such": 1}, "x: "),
        ({**STOPPING, "_target_": "no.such"}, "x._target_=no.such: there is no such object."),
        ({**STOPPING, "_target_": "os.getcwd"}, "x._target_=os.getcwd: makes no Callback."),
        (None, "x._target_: is not set"),
    ],
)
def test_what_a_setting_cannot_mean_is_said_by_its_name(settings: Any, said: str) -> None:
    """Fails: an hour into a training it ends in a traceback, because of a word where a number belongs."""
    with pytest.raises(InvalidConfig) as refusal:
        made("x", settings, L.Callback)
    assert str(refusal.value).startswith(said)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lr": "fast"}, "optimizer.lr=fast: must be a number. Mend"),
        ({"lr": float("inf")}, "optimizer.lr=inf: must be a number"),
        ({"lr": None}, "optimizer.lr=null: must be a number"),
        ({"fused": "abc"}, "optimizer.fused=abc: must be true or false or null"),
        ({"lr": -1}, "optimizer: Invalid learning rate: -1. Mend"),
        ({"betas": [0.9]}, "optimizer.betas=[0.9]: are not two numbers"),
        ({"betas": 0.9}, "optimizer.betas=0.9: "),
        ({"_target_": "os.system"}, "optimizer._target_=os.system: makes no Optimizer. Take the dotted name of an Opt"),
    ],
)
def test_an_optimizer_that_could_not_train_is_refused(settings: dict[str, Any], said: str) -> None:
    """Fails: the corpus is read for minutes before a rate that is no number is found."""
    with pytest.raises(InvalidConfig) as refusal:
        optimizer_maker({**ADAMW, **settings})
    assert str(refusal.value).startswith(said)
