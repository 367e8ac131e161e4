"""Every study's sweep composes as `phin-train --config-dir STUDY --config-name sweep` does, and says what it pins."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from phin.cli.train import TrainConfig
from phin.config import conf_dir, register

ROOT = Path(__file__).parents[2]
KEPT = "settings.yaml"
SWEEPS = [path for path in sorted((ROOT / "experiments").glob("*/sweep.yaml")) if "defaults" in OmegaConf.load(path)]
"""Without such as are no sweep of phin-train, but declare what a study runs itself."""


@pytest.fixture(params=SWEEPS, ids=[path.parent.name for path in SWEEPS])
def sweep(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture(autouse=True)
def no_hydra_left() -> Iterator[None]:
    yield
    GlobalHydra.instance().clear()


def composed(sweep: Path, *overrides: str) -> DictConfig:
    """A study's settings with Hydra's own, by the search path that the command line makes of --config-dir."""
    GlobalHydra.instance().clear()
    register("train", TrainConfig)
    places = create_automatic_config_search_path(None, None, str(conf_dir()))
    places.prepend("command-line", f"file://{sweep.parent}", anchor=SearchPathQuery(provider="schema"))
    hydra = Hydra.create_main_hydra2("train", places)
    # one arm is composed as a run of its own: what a run in a sweep knows of the sweep, its folder, it has from Hydra
    mode = RunMode.RUN if overrides else RunMode.MULTIRUN
    return hydra.compose_config(sweep.stem, list(overrides), mode, with_log_configuration=False)


def run_settings(config: DictConfig) -> Any:
    """What the command is handed: without Hydra's own."""
    with open_dict(config):
        del config["hydra"]
    return OmegaConf.to_object(config)


def arms(config: DictConfig) -> list[list[str]]:
    """The overrides of each run."""
    params: dict[str, Any] = config.hydra.sweeper.params
    given = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
    (batch,) = BasicSweeper.split_arguments(given, None)
    return batch


@pytest.mark.long
def test_a_study_runs_each_of_its_arms(sweep: Path) -> None:
    """Fails: a study that took a night cannot be run again, or its arms are one and the same."""
    config = composed(sweep)
    assert config.hydra.mode == RunMode.MULTIRUN, "so that nobody must remember -m"
    assert config.hydra.sweep.dir == f"experiments/{sweep.parent.name}/runs"
    assert config.hydra.output_subdir is None, "conf/terminal.yaml holds for studies too"
    settings = [run_settings(composed(sweep, *arm)) for arm in arms(config)]
    assert len(settings) > 1
    assert all(type(each) is TrainConfig for each in settings)
    told_apart = [
        {key: value for key, value in vars(each).items() if key not in ("run", "callbacks")} for each in settings
    ]
    assert all(a != b for k, a in enumerate(told_apart) for b in told_apart[:k])


def test_a_study_pins_what_makes_its_numbers(sweep: Path) -> None:
    """Fails: the default becomes longer, or another model, and the study is no longer the one that its README tells."""
    own = OmegaConf.load(sweep)
    swept = own.hydra.sweeper.params
    for key in ("seed", "trainer.max_steps"):
        assert OmegaConf.select(own, key) is not None or key in swept, key
    chosen = [key.removeprefix("override ") for each in own.defaults if not isinstance(each, str) for key in each]
    for group in ("model", "loss", "optimizer"):
        assert group in (*chosen, *swept), group


def learned_by(sweep: Path) -> Any:
    """All settings of a study that make its numbers, before its arms change some of them."""
    config = OmegaConf.to_container(composed(sweep), resolve=False, enum_to_str=True)
    assert isinstance(config, dict)
    return {name: config[name] for name in ("data", "model", "loss", "optimizer", "scheduler", "trainer", "threads")}


def test_a_study_would_be_learned_by_the_settings_that_are_kept_beside_it(sweep: Path) -> None:
    """Fails: conf/ has changed under a study, and whoever runs it again gets other numbers.

    Pin in its sweep.yaml what it had, or make it anew; then `python -m tests.experiments.test_sweeps` keeps that.
    """
    assert learned_by(sweep) == OmegaConf.to_container(OmegaConf.load(sweep.with_name(KEPT)), resolve=False)


def test_no_arm_of_a_study_stops_before_the_others(sweep: Path) -> None:
    """Fails: arms are compared after unequal numbers of steps."""
    config = composed(sweep)
    validations = config.trainer.max_steps // config.trainer.val_check_interval
    stopping = config.callbacks.get("early_stopping")
    assert stopping is None or stopping.patience >= validations


if __name__ == "__main__":
    for each in SWEEPS:
        OmegaConf.save(OmegaConf.create(learned_by(each)), each.with_name(KEPT))
