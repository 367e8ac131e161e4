"""phin-export: a trained model as a file to hand on."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from phin.cli.app import run
from phin.errors import InvalidConfig
from phin.writable import refuse_file


@dataclass
class ExportConfig:
    """Settings of phin-export."""

    checkpoint: str = MISSING
    """A .ckpt file, or the folder of a run."""
    out: str = MISSING
    """A new file, NAME.safetensors."""


def main() -> None:
    """Console script."""
    run("export", ExportConfig, export)


def export(config: ExportConfig) -> None:
    """Writes the file; the models that play and are evaluated can be such files."""
    refuse_file("out", config.out)
    from phin.model.checkpoint import SAFETENSORS, find, load
    from phin.model.checkpoint import export as write

    if Path(config.out).suffix != SAFETENSORS:
        raise InvalidConfig(f"out={config.out}", "is no form that is known", f"let it end in {SAFETENSORS}")
    model, identity = load(find(config.checkpoint))
    write(model, identity, config.out)
    megabytes = Path(config.out).stat().st_size / 1e6
    print(f"{config.out}: {megabytes:.1f} MB, the weights, settings and vocabulary. Licence: {identity.licence}")
