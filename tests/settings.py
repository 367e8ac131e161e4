"""Settings as the commands compose them, without running a command."""

from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from phin.cli.analyze import AnalyzeConfig
from phin.cli.evaluate import EvaluateConfig
from phin.cli.export import ExportConfig
from phin.cli.generate import GenerateConfig
from phin.cli.play import PlayConfig
from phin.cli.prepare import PrepareConfig
from phin.cli.train import TrainConfig
from phin.cli.web import WebConfig
from phin.config import conf_dir, register

SCHEMAS = {
    "prepare": PrepareConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "analyze": AnalyzeConfig,
    "generate": GenerateConfig,
    "play": PlayConfig,
    "export": ExportConfig,
    "web": WebConfig,
}


def composed(command: str, *overrides: str) -> Any:
    """The settings of a command as an object of its schema."""
    GlobalHydra.instance().clear()
    register(command, SCHEMAS[command])
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return OmegaConf.to_object(compose(command, overrides=list(overrides)))
