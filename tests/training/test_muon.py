"""Muon and AdamW as one optimiser: each weight meets the one that is meant for it, and a checkpoint holds both."""

import copy
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from phin.data.dataset import DataConfig
from phin.training.muon import HIDDEN, MuonWithAdamW, orthogonalized
from tests.settings import composed
from tests.tiny import tiny_model
from tests.training.small import parts, trainer_for

SETTINGS = {"lr": 0.03, "weight_decay": 0.1}


def two_layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 6), nn.Linear(6, 3))


def groups(model: nn.Sequential) -> list[dict]:
    return [
        {"params": [model[1].weight], HIDDEN: True},
        {"params": [model[0].weight, model[2].weight]},
        {"params": [model[1].bias, model[2].bias], "weight_decay": 0.0},
    ]


def teach(model: nn.Sequential, number: int) -> None:
    """Gradients of the `number`-th batch."""
    model.zero_grad()
    rng = torch.Generator().manual_seed(number)
    ids = torch.randint(7, (5,), generator=rng)
    model(ids).square().sum().backward()


def weights(model: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in model.parameters()]


def three_steps(precision: torch.dtype) -> tuple[list[Tensor], list[Tensor]]:
    """The weights after three steps of both as one, and after three of torch's two."""
    model = two_layers().to(precision)
    by_hand = copy.deepcopy(model)
    both = MuonWithAdamW(groups(model), betas=(0.8, 0.9), momentum=0.7, **SETTINGS)
    hidden, *others = groups(by_hand)
    muon = torch.optim.Muon(hidden["params"], momentum=0.7, adjust_lr_fn="match_rms_adamw", **SETTINGS)
    adamw = torch.optim.AdamW(others, betas=(0.8, 0.9), **SETTINGS)
    for number in range(3):
        teach(model, number)
        both.step()
        teach(by_hand, number)
        muon.step()
        adamw.step()
    return weights(model), weights(by_hand)


def test_hidden_matrices_take_a_step_of_muon_and_the_others_one_of_adamw() -> None:
    """Fails: embeddings are orthogonalised, or the arm called Muon is AdamW."""
    for mine, theirs, start in zip(*three_steps(torch.bfloat16), weights(two_layers().bfloat16()), strict=True):
        assert torch.equal(mine, theirs)
        assert not torch.equal(mine, start)


def test_in_fp32_a_step_is_torchs_but_for_its_rounding_to_bfloat16() -> None:
    """Fails: the rate, the momentum or the decay is another where weights are fp32."""
    (_, mine, *_), (_, theirs, *_) = three_steps(torch.float32)
    moved = (theirs - weights(two_layers())[1]).abs().mean()
    assert 0 < (mine - theirs).abs().mean() < 0.05 * moved


@pytest.mark.parametrize("shape", [(8, 8), (12, 5), (5, 12)])
def test_a_step_is_orthogonal_and_computed_in_the_precision_of_the_weights(shape: tuple[int, int]) -> None:
    """Fails: a processor without instructions for bfloat16 trains six times as slowly; a tall matrix is another."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    s = s / s.norm()
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    found = orthogonalized(matrix, torch.float32)
    assert (found - u @ torch.diag(s) @ vh).abs().max() < 1e-5
    assert s.min() > 0.65
    assert s.max() < 1.25


def test_a_schedule_reaches_both() -> None:
    """Fails: one half of the model learns at a constant rate."""
    model = two_layers()
    before = weights(model)
    both = MuonWithAdamW(groups(model), **SETTINGS)
    torch.optim.lr_scheduler.LambdaLR(both, lambda step: 0.0)
    teach(model, 0)
    both.step()
    for mine, start in zip(weights(model), before, strict=True):
        assert torch.equal(mine, start)


def test_what_was_saved_goes_on_as_if_it_had_not_stopped() -> None:
    """Fails: a run that is resumed has lost the momentum of either half."""
    model = two_layers()
    both = MuonWithAdamW(groups(model), **SETTINGS)
    for number in range(2):
        teach(model, number)
        both.step()
    again = two_layers()
    again.load_state_dict(model.state_dict())
    resumed = MuonWithAdamW(groups(again), lr=1.0)
    resumed.load_state_dict(copy.deepcopy(both.state_dict()))
    for number in range(2, 4):
        for optimizer, learner in ((both, model), (resumed, again)):
            teach(learner, number)
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(weights(model), weights(again), strict=True))


def test_a_closure_is_called_once_with_gradients_on() -> None:
    """Fails: each batch counts twice, once for each half."""
    model = two_layers()
    calls = []

    def closure() -> float:
        teach(model, 0)
        calls.append(torch.is_grad_enabled())
        return 1.5

    assert MuonWithAdamW(groups(model), **SETTINGS).step(closure) == 1.5
    assert calls == [True]


def test_hidden_matrices_are_those_between_hidden_layers() -> None:
    """Fails: a table of embeddings or of logits is among them, or a block's matrix is not."""
    model = tiny_model()
    names = {id(weight): name for name, weight in model.named_parameters()}
    hidden = {names[id(weight)] for weight in model.hidden_matrices()}
    in_blocks = {name for name in names.values() if name.startswith("blocks.") and "norm" not in name}
    thinking = {name for name in names.values() if name.startswith("heads.thinks.")}
    assert hidden == in_blocks | thinking | {"embed.project.weight"}


@pytest.mark.slow
def test_a_model_learns_under_the_settings_of_conf(corpus: DataConfig, tmp_path: Path) -> None:
    """Fails: optimizer=muon stops at its first step under Lightning."""
    module, datamodule = parts(corpus)
    module.make_optimizer = instantiate(composed("train", "run=r", "optimizer=muon").optimizer)
    before = {name: weight.clone() for name, weight in module.named_parameters()}
    trainer = trainer_for(tmp_path, max_steps=3, limit_val_batches=0)
    trainer.fit(module, datamodule=datamodule)
    (optimizer,) = trainer.optimizers
    assert isinstance(optimizer, MuonWithAdamW)
    moved = [name for name, weight in module.named_parameters() if not torch.equal(weight, before[name])]
    assert {"model.blocks.0.attention.qkv.weight", "model.embed.project.weight", "model.norm.weight"} <= set(moved)
