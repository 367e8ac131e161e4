"""Every file of settings composes, becomes what the code takes, and is understood."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from hydra.errors import ConfigCompositionException
from hydra.utils import instantiate
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from omegaconf import OmegaConf

from phin.cli.train import _refuse_another_model
from phin.config import conf_dir, run_folder
from phin.data.dataset import DataConfig
from phin.difference import flat
from phin.errors import InvalidConfig, PhinError
from phin.evaluation.bits_table import MONITOR
from phin.generation.request import SamplerConfig
from phin.model.loss import LossConfig, PhinLoss, Weighing
from phin.model.transformer import PhinTransformer, TransformerConfig
from phin.tokenizer import Tokenizer
from phin.training.metrics_file import MetricsFile
from phin.training.run import LAST
from phin.training.schedule import ScheduleConfig
from tests.settings import SCHEMAS, composed

GROUPS = {
    "data": DataConfig,
    "model": TransformerConfig,
    "loss": LossConfig,
    "scheduler": ScheduleConfig,
    "sampler": SamplerConfig,
    "optimizer": dict,
    "trainer": dict,
    "callbacks": dict,
    "logger": dict,
}
CHOICES = [(group, file.stem) for group in GROUPS for file in sorted((conf_dir() / group).glob("*.yaml"))]
CHECKPOINT = ["checkpoint=runs/a"]
NEEDED = {
    "evaluate": CHECKPOINT,
    "analyze": [*CHECKPOINT, "out=inside"],
    "generate": CHECKPOINT,
    "play": CHECKPOINT,
    "web": CHECKPOINT,
    "export": [*CHECKPOINT, "out=a.safetensors"],
}


OWN = ("midi_folder", "abc_folder", "thai_letters")
"""Corpora that lie where the user says."""


def overrides(group: str, choice: str) -> list[str]:
    return [f"{group}={choice}", *(["data.path=/tunes"] if choice in OWN else [])]


def test_every_file_of_settings_is_tried_here() -> None:
    """Fails: a new file of settings is advertised that nobody has composed once."""
    folder = conf_dir()
    known = {f"{group}/{choice}.yaml" for group, choice in CHOICES} | {f"{command}.yaml" for command in SCHEMAS}
    known |= {"terminal.yaml"}  # which every command begins with
    known |= {str(file.relative_to(folder)) for file in (folder / "sweep").glob("*.yaml")}  # tests/cli/test_sweep.py
    assert {str(file.relative_to(folder)) for file in folder.rglob("*.yaml")} == known
    assert {group for group, _ in CHOICES} == set(GROUPS)


@pytest.mark.parametrize("command", SCHEMAS)
def test_every_command_composes_into_its_schema(command: str) -> None:
    """Fails: the command dies before it begins."""
    config = composed(command, *NEEDED.get(command, []))
    assert type(config) is SCHEMAS[command]
    for field in fields(config):
        value = getattr(config, field.name)
        assert is_dataclass(value) == is_dataclass(field.type), field.name


@pytest.mark.parametrize(("group", "choice"), CHOICES, ids=["=".join(choice) for choice in CHOICES])
def test_every_choice_becomes_what_the_code_takes(group: str, choice: str) -> None:
    """Fails: `phin-train model=absolute` and the like end in an error of composition."""
    config = composed("train", *overrides(group, choice))
    assert type(getattr(config, group)) is GROUPS[group]


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "model"])
def test_every_model_can_be_built(choice: str) -> None:
    """Fails: sizes of a model in conf/ contradict each other."""
    model = PhinTransformer(composed("train", f"model={choice}").model, Tokenizer().condition_sizes)
    assert sum(weight.numel() for weight in model.parameters()) > 10_000


@pytest.mark.parametrize("group", ["trainer", "logger", "callbacks", "optimizer", "scheduler", "loss"])
def test_what_a_file_of_settings_says_stands(group: str) -> None:
    """Fails: a choice of a trainer, say, sets the size of batches, and the default is laid over it."""
    for file in sorted((conf_dir() / group).glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        said = OmegaConf.to_container(OmegaConf.load(file))
        assert isinstance(said, dict)
        said.pop("defaults", None)
        settings = composed("train", "run=r", f"{group}={file.stem}")
        now = dict(flat(OmegaConf.to_container(OmegaConf.structured(settings), enum_to_str=True)))
        under = "" if "@package _global_" in text else f"{group}."
        for key, value in flat(said, under):
            if "${" not in str(value):
                assert str(now[key]).lower() == str(value).lower(), f"{file}: {key}"


def test_the_default_run_clips_stops_early_and_keeps_the_best_and_the_last() -> None:
    """Fails: a setting is lost in editing, and one bad batch throws a night's training away."""
    config = composed("train")
    assert config.trainer["gradient_clip_val"] == 1.0
    assert {"early_stopping", "best", "last", "samples", "progress"} <= set(config.callbacks)
    validations = config.trainer["max_steps"] // config.trainer["val_check_interval"]
    assert config.callbacks["early_stopping"]["patience"] < validations - 1, "early enough to save anything"


def test_what_looks_for_faults_does() -> None:
    """Fails: trainer=debug lets a NaN pass, or trainer=overfit learns more than one tune."""
    debug, overfit = (composed("train", f"trainer={choice}") for choice in ("debug", "overfit"))
    assert debug.trainer["detect_anomaly"] is True
    assert debug.trainer["max_steps"] <= 10
    assert not composed("train").trainer.get("detect_anomaly", False)
    assert overfit.data.overfit == 1
    assert overfit.data.transpose is False


def test_the_control_arms_are_what_they_are_called() -> None:
    """Fails: a study compares a model with itself."""
    index, absolute = (composed("train", f"model={name}").model for name in ("index_rotary", "absolute"))
    assert index.index_rotary
    assert not any([index.time_heads, index.pitch_heads, index.metre, index.motifs, index.beat_lag_bias])
    assert not index.learned_positions
    assert absolute.learned_positions
    assert not any([absolute.index_rotary, absolute.time_heads, absolute.metre, absolute.beat_lag_bias])


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "loss"])
def test_every_weighing_of_the_loss_is_the_one_it_is_called(choice: str) -> None:
    """Fails: the control runs of the loss study weigh alike."""
    config = composed("train", f"loss={choice}").loss
    assert config.technique_weights == LossConfig().technique_weights == {"written": 1.0, "rule": 0.5, "detected": 0.25}
    assert config.weighing is Weighing(choice)
    assert len(PhinLoss(config).weights) == 5


def test_objects_of_other_libraries_are_made_from_their_targets(tmp_path: Path) -> None:
    """Fails: an argument of Lightning's or torch's has been renamed, and training stops at its start."""
    config = composed("train", f"run={tmp_path}", "logger=csv")
    trainer = instantiate(config.trainer, callbacks=[], logger=False)
    assert isinstance(trainer, L.Trainer)
    optimizer = instantiate(config.optimizer)([{"params": [torch.zeros(2, requires_grad=True)]}])
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert [type(instantiate(logger)) for logger in config.logger.values()] == [MetricsFile]
    callbacks = [instantiate(callback) for callback in config.callbacks.values()]
    assert all(isinstance(callback, L.Callback) for callback in callbacks)


def test_what_stops_and_chooses_watches_plain_bits_per_note(tmp_path: Path) -> None:
    """Fails: the weighted total, which can fall while every term gets worse, decides what is kept."""
    config = composed("train", f"run={tmp_path}")
    assert config.monitor == MONITOR
    callbacks = {name: instantiate(callback) for name, callback in config.callbacks.items()}
    stopping, best, last = callbacks["early_stopping"], callbacks["best"], callbacks["last"]
    assert isinstance(stopping, EarlyStopping)
    assert isinstance(best, ModelCheckpoint)
    assert stopping.monitor == best.monitor == MONITOR
    assert stopping.mode == best.mode == "min"
    assert last.path == tmp_path / LAST


def test_samples_are_drawn_as_the_sampler_says(tmp_path: Path) -> None:
    """Fails: tunes heard in training are drawn otherwise than the settings say."""
    asked = {"temperature": 0.7, "temperatures": "{pitch: 0.5}", "top_k": 9, "top_p": 0.5, "min_p": 0.1}
    assert set(asked) == {field.name for field in fields(SamplerConfig)}
    config = composed("train", f"run={tmp_path}", *(f"++sampler.{name}={value}" for name, value in asked.items()))
    assert instantiate(config.callbacks["samples"]).sampler == config.sampler


def test_a_mistyped_key_is_refused_by_name() -> None:
    """Fails: `model.dims=256` trains the small model for an hour."""
    with pytest.raises(ConfigCompositionException, match=r"model\.dims"):
        composed("train", "model.dims=256")


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("model.dim=7", "model.dim=7"),
        ("data.batch_notes=0", "batch_notes"),
        ("data.drop_lai=2", "data.drop_lai=2"),
        ("sampler.temperature=0", "sampler.temperature"),
        ("scheduler.warmup=1.5", "scheduler"),
        ("loss.weights.note=-1", "loss.weights"),
        ("data=midi_folder", "data.path"),
    ],
)
def test_a_contradiction_is_refused_by_the_key_to_mend(override: str, named: str) -> None:
    """Fails: settings that cannot be are found out in the middle of a run."""
    with pytest.raises(Exception) as error:  # noqa: PT011 -- OmegaConf wraps what a dataclass raises
        composed("train", override)
    assert isinstance(error.value, PhinError) or isinstance(error.value.__cause__, PhinError)
    assert named in str(error.value)


@pytest.mark.parametrize(
    ("key", "to_adapt", "from_nothing"),
    [
        ("trainer.max_steps", 80, 2400),
        ("trainer.val_check_interval", 10, 400),
        ("optimizer.lr", 3e-4, 6e-3),
        ("data.batch_notes", 512, 1024),
        ("callbacks.early_stopping.patience", 4, 2),
    ],
)
def test_a_run_that_adapts_has_defaults_of_its_own(key: str, to_adapt: float, from_nothing: float) -> None:
    """Fails: a player's few pages are learned by heart at five times the rate, and the folk tunes forgotten."""

    def default(*overrides: str) -> float:
        value: Any = composed("train", *overrides)
        for name in key.split("."):
            value = value[name] if isinstance(value, dict) else getattr(value, name)
        return value

    assert default("init=runs/default") == to_adapt
    assert default() == from_nothing
    assert default("init=runs/default", f"{key}=7") == default(f"{key}=7") == 7, "a default, and no more"


def test_who_adapts_bends_by_the_optimizer_that_folds_chose_unless_another_is_asked_for() -> None:
    """Fails: a trained model is adapted by what it was trained by, at its cost; or optimizer=muon is AdamW."""
    found = [
        composed("train", *asked).optimizer["_target_"].rpartition(".")[2]
        for asked in (["init=runs/default"], [], ["init=runs/default", "optimizer=muon"], ["optimizer=adamw"])
    ]
    assert found == ["AdamW", "MuonWithAdamW", "MuonWithAdamW", "AdamW"]


@pytest.mark.parametrize(
    "override",
    ["model=tiny", "model.metre=false", "model.num_layers=2", "++model.dim=96", "~model.metre", "+model=tiny"],
)
def test_beside_a_trained_model_no_other_can_be_asked_for(override: str) -> None:
    """Fails: `init=runs/default model.metre=false` adapts a model with metre, and its owner believes otherwise."""
    with pytest.raises(InvalidConfig, match="means nothing beside init=runs/default") as refused:
        _refuse_another_model(["seed=1", override], "runs/default")
    assert refused.value.where == override
    _refuse_another_model(["seed=1", "model.dropout=0.1", "+model.dropout=0.1"], "runs/default")


def test_a_run_writes_where_it_resumes_or_into_a_folder_named_by_time() -> None:
    """Fails: a second run overwrites the first; or a resumed one begins anew beside it."""
    assert run_folder("runs/mine") == "runs/mine"
    assert run_folder(None).startswith("runs/20")
    assert run_folder("auto").startswith("runs/20")
    assert composed("train", "resume=runs/mine").run == "runs/mine"
    assert composed("train", "run=here").run == "here"
    config = composed("train")
    assert config.callbacks["best"]["dirpath"] == f"{config.run}/checkpoints", "one folder, however often it is asked"
