"""What a run goes on with: the settings kept in its folder, and nothing else, whatever conf/ says today."""

import copy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from phin.cli.resume import Kept, is_changed, refuse_another_run, remember, settings_to_go_on_with
from phin.cli.train import TrainConfig
from phin.config import conf_dir, register
from phin.errors import InvalidConfig

BEGAN = ("data=han", "model=tiny", "trainer.max_steps=600", "optimizer.lr=0.01", "~callbacks.samples", "seed=3")


@contextmanager
def typed(*overrides: str) -> Iterator[Any]:
    """As in a phin-train that was typed so: gives its settings."""
    GlobalHydra.instance().clear()
    register("train", TrainConfig)
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        whole = compose("train", overrides=list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(whole)
        try:
            settings = copy.deepcopy(whole)
            OmegaConf.set_struct(settings, False)
            del settings.hydra
            yield OmegaConf.to_object(settings)
        finally:
            HydraConfig.instance().cfg = None


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 600 steps that was begun with settings of its own and has a checkpoint."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    with typed(f"run={folder}", *BEGAN) as settings:
        remember(settings, folder, list(BEGAN))
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.ckpt").touch()
    return folder


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    """A copy of it, which is a run where it lies."""
    return shutil.copytree(begun, tmp_path / "runs" / "mine")


def gone_on(folder: Path, *overrides: str, resume: str | None = None) -> Kept:
    """What it goes on with."""
    with typed(f"run={folder}", *overrides):
        kept = settings_to_go_on_with(folder, resume or str(folder), TrainConfig)
    assert kept is not None
    return kept


def changed(folder: Path, key: str, value: object) -> None:
    """As if it had begun with another value: from a file of settings that is not in conf/, or of another day."""
    settings = OmegaConf.load(folder / "config.yaml")
    OmegaConf.update(settings, key, value)
    OmegaConf.save(settings, folder / "config.yaml")


def test_it_goes_on_as_it_began(run: Path) -> None:
    """Fails: who goes on must remember every setting."""
    kept = gone_on(run)
    assert (kept.settings.model.dim, kept.settings.data.sources, kept.settings.seed) == (32, ["han"], 3)
    assert (kept.settings.trainer["max_steps"], kept.settings.optimizer["lr"]) == (600, 0.01)
    assert "samples" not in kept.settings.callbacks
    assert kept.overrides == list(BEGAN)
    assert not kept.drift
    assert not kept.begins_again


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("optimizer.lr", 0.5),
        ("trainer.gradient_clip_val", 0.1),
        ("trainer.val_check_interval", 150),
        ("compile", True),
        ("monitor", "val/bits_per_note/pitch"),
        ("loss.weights.rhythm", 0.25),
    ],
)
def test_what_conf_says_today_changes_nothing_and_is_told(run: Path, key: str, value: object) -> None:
    """Fails: a run that was begun by a study's file of settings goes on as the default does, without a word."""
    changed(run, key, value)
    kept = gone_on(run)
    assert OmegaConf.select(OmegaConf.structured(kept.settings), key) == value
    assert key in kept.drift
    assert f"was {value}" in kept.drift


@pytest.mark.parametrize("key", ["optimizer.lr", "trainer.gradient_clip_val", "trainer.val_check_interval"])
def test_what_may_begin_anew_refuses_other_settings(run: Path, key: str) -> None:
    """Fails: `make train` after an update goes on with what is the default no longer, and calls it the default."""
    assert gone_on(run, resume="auto").settings.seed == 3
    changed(run, key, 7)
    with pytest.raises(InvalidConfig, match=rf"its settings changed: {key} was 7 and is"):
        gone_on(run, resume="auto")


@pytest.mark.parametrize(
    "override",
    [
        "model.dim=96",
        "model=small",
        "data=folk",
        "loss=learned",
        "loss.weights.rhythm=0.5",
        "+trainer.precision=bf16-mixed",
        "trainer=ddp",
        "trainer.accumulate_grad_batches=2",
        "trainer.gradient_clip_val=0",
        "callbacks.best.monitor=sample/diversity",
        "callbacks.early_stopping.monitor=sample/diversity",
        "~callbacks.best",
        "compile=true",
        "seed=4",
    ],
)
def test_what_would_make_it_another_run_cannot_change(run: Path, override: str) -> None:
    """Fails: half of a run is trained one way and half another, and its report says one of them."""
    with pytest.raises(InvalidConfig, match="cannot change in a run that goes on") as refusal:
        gone_on(run, override)
    assert refusal.value.where == override
    assert " was " in refusal.value.reason
    assert " and is " in refusal.value.reason


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("trainer.max_steps=900", "trainer.max_steps", 900),
        ("++trainer.max_steps=900", "trainer.max_steps", 900),
        ("sampler=greedy", "sampler.top_k", 1),
        ("sampler.temperature=0.5", "sampler.temperature", 0.5),
        ("~callbacks.progress", "callbacks.progress", None),
        ("callbacks.early_stopping.patience=9", "callbacks.early_stopping.patience", 9),
        ("logger=csv", "logger.wandb", None),
        ("threads=1", "threads", 1),
        ("data.loader_workers=2", "data.loader_workers", 2),
        ("loss=fixed", "loss.weighing", "FIXED"),
        ("model=tiny", "model.dim", 32),
        ("optimizer.lr=0.01", "optimizer.lr", 0.01),
    ],
)
def test_what_leaves_it_the_same_run_may_change(run: Path, override: str, key: str, value: object) -> None:
    """Fails: who goes on cannot hear, see or train longer what began; or is refused what it has already."""
    kept = gone_on(run, override)
    settings = OmegaConf.structured(kept.settings)
    found = OmegaConf.select(settings, key)
    assert getattr(found, "name", found) == value
    assert kept.settings.model.dim == 32
    assert kept.settings.optimizer["lr"] == 0.01
    assert override in kept.overrides


def test_a_run_that_was_moved_writes_where_it_lies(run: Path, tmp_path: Path) -> None:
    """Fails: a run that was copied to another disk goes on in the folder that it came from."""
    moved = run.rename(tmp_path / "elsewhere")
    kept = gone_on(moved)
    assert kept.settings.run == str(moved)
    assert kept.settings.callbacks["best"]["dirpath"] == str(moved / "checkpoints")


def test_settings_of_another_version_are_named(run: Path) -> None:
    """Fails: a setting that there is no more is ignored, or ends in a traceback."""
    changed(run, "model.gone", 3)
    with pytest.raises(InvalidConfig, match=r"config.yaml: is torn, or of another version of phin \(.*gone"):
        gone_on(run)


@pytest.mark.parametrize(
    ("override", "is_refused"),
    [
        ("trainer.max_steps=2400", False),
        ("threads=1", False),
        ("optimizer.lr=0.02", True),
        ("trainer.val_check_interval=9", True),
        ("loss=learned", True),
    ],
)
def test_a_sweep_takes_no_other_run_for_its_own(run: Path, override: str, is_refused: bool) -> None:
    """Fails: a run of 600 steps is returned where 2,400 were asked for, or one of other settings goes on as this."""
    same = (f"run={run}", *(text for text in BEGAN if text.partition("=")[0] != override.partition("=")[0]))
    with typed(f"run={run}", *BEGAN) as settings:
        refuse_another_run(run, settings)
        assert not is_changed(run, settings)
    with typed(*same, override) as settings:
        if is_refused:
            with pytest.raises(InvalidConfig, match="holds a run with other settings"):
                refuse_another_run(run, settings)
        else:
            refuse_another_run(run, settings)
            assert is_changed(run, settings) == override.startswith("trainer")
    without = [text for text in BEGAN if not text.startswith("trainer")]
    with typed(f"run={run}", *without) as settings:
        assert is_changed(run, settings), "it asks for the default number of steps"


def test_a_run_of_an_older_version_is_the_same_where_what_is_new_is_not_set(run: Path) -> None:
    """Fails: after an update no interrupted sweep goes on, though nothing about its runs has changed."""
    settings = OmegaConf.load(run / "config.yaml")
    del settings.data["future"]
    OmegaConf.save(settings, run / "config.yaml")
    with typed(f"run={run}", *BEGAN) as now:
        refuse_another_run(run, now)
        assert not is_changed(run, now)
    with typed(f"run={run}", *BEGAN, "data.future=0.1") as now:
        with pytest.raises(InvalidConfig, match=r"data.future was 0.0 and is 0.1"):
            refuse_another_run(run, now)


@pytest.mark.parametrize("name", ["checkpoints/last.ckpt", "metrics.csv", "config.yaml", "notes.txt"])
@pytest.mark.parametrize("resume", [None, "auto"])
def test_a_run_begins_neither_from_nor_over_what_another_left(tmp_path: Path, name: str, resume: str | None) -> None:
    """Fails: a new run goes on from somebody's checkpoint and calls it its own, writes over their report, or strews its
    files among theirs, as `run=.` would.
    """
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with (
        typed(f"run={tmp_path}", *BEGAN),
        pytest.raises(InvalidConfig, match=f"holds {Path(name).parts[0]}, and not the settings"),
    ):
        settings_to_go_on_with(tmp_path, resume, TrainConfig)
    assert (tmp_path / name).read_text() == "mine"
    moved = (tmp_path / name).rename(tmp_path / ".notes")
    if moved.with_name("checkpoints").is_dir():
        moved.with_name("checkpoints").rmdir()
    with typed(f"run={tmp_path}", *BEGAN):
        assert settings_to_go_on_with(tmp_path, resume, TrainConfig) is None, "what is hidden is in nobody's way"
