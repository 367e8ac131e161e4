"""phin-export: a trained model to hand on: a file of weights, a folder that plays without torch, or one for phones."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from phin.cli.app import run
from phin.cli.engine import refuse_precision
from phin.cli.typed import refuse_unheard
from phin.errors import InvalidConfig
from phin.generation.exported import GRAPHS, Precision
from phin.generation.mobile_file import SUFFIX as MOBILE
from phin.writable import refuse_file


@dataclass
class ExportConfig:
    """Settings of phin-export."""

    checkpoint: str = MISSING
    """A .ckpt or .safetensors file, or the folder of a run; or pretrained, the model that comes with phin."""
    out: str = MISSING
    """A new file, NAME.safetensors; or a new folder, for the decode step in ONNX, as trained and in eight bits;
    or NAME.pte, for the decode step as phones play it, with ExecuTorch."""
    precision: str | None = None
    """Of NAME.pte: fp32, as it was trained, or int8; a folder holds both, and weights are as they were trained."""
    cache: str = "cache"
    """Where prepared corpora lie: held-out tunes of the one that the model learned from are what a folder is tried on.
    """

    def __post_init__(self) -> None:
        refuse_precision(self.precision)
        if self.precision and Path(self.out).suffix != MOBILE:
            remedy = f"leave it out, or let out end in {MOBILE}"
            raise InvalidConfig(f"precision={self.precision}", f"is only asked of NAME{MOBILE}", remedy)


def main() -> None:
    """Console script."""
    run("export", ExportConfig, export)


def export(config: ExportConfig) -> None:
    """Writes the file or the folder; a model is played from either, and evaluated from the file."""
    if Path(config.out).suffix:
        refuse_unheard(["cache"], "means nothing for one file, for only a folder is tried")
    from phin.model.checkpoint import SAFETENSORS, find, load
    from phin.model.checkpoint import export as write

    out = Path(config.out)
    if out.suffix not in ("", SAFETENSORS, MOBILE):
        remedy = f"let it end in {SAFETENSORS} or {MOBILE}, or name a folder"
        raise InvalidConfig(f"out={config.out}", "is no form that is known", remedy)
    find(config.checkpoint)
    refuse_file("out", config.out)  # what is mistyped is said before what is there already
    if out.suffix == MOBILE:
        from phin.generation.mobile import export_mobile

        model, identity = load(find(config.checkpoint))
        made = export_mobile(model, identity, out, Precision(config.precision or Precision.FP32.value))
        told = f"{out.stat().st_size / 1e6:.1f} MB, the decode step in {made.precision}, for ExecuTorch"
    elif out.suffix:
        model, identity = load(find(config.checkpoint))
        write(model, identity, out)
        told = f"{out.stat().st_size / 1e6:.1f} MB, the weights, settings and vocabulary"
    else:
        from phin.evaluation.exports import export_proven

        identity = export_proven(config.checkpoint, config.cache, out, print)
        sizes = [f"{(out / GRAPHS[each]).stat().st_size / 1e6:.1f} MB in {each.value}" for each in Precision]
        told = f"the decode step, {' and '.join(sizes)}"
    print(f"{config.out}: {told}. Licence: {identity.licence}")
