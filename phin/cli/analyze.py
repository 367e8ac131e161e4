"""phin-analyze: a look inside a checkpoint, as pictures, tables and a short reading."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omegaconf import MISSING

from phin.cli.app import run
from phin.cli.typed import refuse_unheard
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import SPLITS
from phin.counted import counted
from phin.errors import InvalidCheckpoint, InvalidConfig
from phin.evaluation.tunes.tune_set import TuneSet, read_folder
from phin.generation.request import SamplerConfig, refuse_draw
from phin.music.phrase import Phrase
from phin.whole_file import whole_folder, write_text
from phin.writable import refuse_filled, refuse_folder

if TYPE_CHECKING:
    from phin.model.checkpoint import Identity
    from phin.model.transformer import PhinTransformer

WHAT = ("attention", "embeddings", "patterns", "ablation", "calibration")
NEEDS = {
    "tune": ("attention", "calibration"),
    "tunes": ("attention", "ablation", "calibration"),
    "split": ("attention", "ablation", "calibration"),
    "generated": ("patterns",),
    "count": ("patterns",),
    "sampler": ("patterns",),
}
"""Settings that mean nothing unless one of these is looked at."""


@dataclass
class AnalyzeConfig:
    """Settings of phin-analyze."""

    checkpoint: str = MISSING
    """A .ckpt or .safetensors file, or the folder of a run; or pretrained, the model that comes with phin."""
    out: str = MISSING
    """A new folder for pictures and tables; it is there when all of them are."""
    what: list[str] = field(default_factory=lambda: list(WHAT))
    """What is looked at."""
    data: CorpusConfig = MISSING
    split: str = "validation"
    """Which held-out tunes are read: test or validation."""
    tunes: int = 200
    """So many held-out tunes are read, drawn by the seed."""
    tune: str | None = None
    """The id of the held-out tune whose attention and surprises are drawn; else one that the seed draws."""
    seed: int = 0
    """Of what is drawn, and of every interval."""
    generated: str | None = None
    """A folder of tunes in any form that is read, whose motifs are looked at. Else the model draws them."""
    count: int = 256
    """Tunes that are drawn for it."""
    sampler: SamplerConfig = field(default_factory=SamplerConfig)

    def __post_init__(self) -> None:
        if self.split not in SPLITS[1:]:
            raise InvalidConfig(f"split={self.split}", "is not held out", f"take {' or '.join(SPLITS[1:])}")
        if strange := [name for name in self.what if name not in WHAT]:
            raise InvalidConfig(f"what={strange[0]}", "is nothing to look at", f"take some of {', '.join(WHAT)}")
        if not self.what:
            raise InvalidConfig("what=[]", "nothing is asked for", f"take some of {', '.join(WHAT)}")
        if self.tunes < 2:
            raise InvalidConfig(f"tunes={self.tunes}", "is too few to say anything of", "take at least 2, better 100")
        refuse_draw(self.count, self.seed)


def main() -> None:
    """Console script."""
    run("analyze", AnalyzeConfig, analyze)


def analyze(config: AnalyzeConfig) -> None:
    """Writes pictures and tables, and prints their reading."""
    refuse_what_means_nothing(config)
    if not config.out:
        raise InvalidConfig("out=", "is empty", "name a folder for pictures and tables")
    read = None if config.generated is None else read_folder(config.generated, "generated")
    from phin.data.datamodule import PhinDataModule
    from phin.data.dataset import DataConfig
    from phin.evaluation.inside.held_out import HeldOut
    from phin.evaluation.inside.look import ROOMS, Desk, patterns
    from phin.model.checkpoint import find, load

    path = find(config.checkpoint)
    refuse_filled("out", config.out)  # what is mistyped is said before what is there already
    refuse_folder("out", config.out)
    model, identity = load(path)
    store = PhinDataModule(DataConfig(**vars(config.data)), seed=0, tokenizer=identity.tokenizer).store
    if identity.corpus_fingerprint != store.fingerprint:
        reason = (
            f"learned from {identity.corpus}, which this corpus is not: what is held out here may have been learned"
        )
        raise InvalidCheckpoint(path, reason, "name the corpus that it was trained on, as data=NAME")
    held_out = HeldOut.sample(store, identity.tokenizer, config.split, config.tunes, config.seed)
    chosen = held_out.chosen(config.tune, config.seed)
    with whole_folder(config.out) as out:
        desk = Desk(model, identity, held_out, chosen, out, config.seed)
        lines = []
        for name in (name for name in WHAT if name in config.what):
            if name == "patterns":
                tunes, ours = of_folder(read) if read else drawn(config, model, identity)
                found = patterns(desk, tunes, ours)
                found += [f"  left out: {line}" for line in read.refused] if read else []
            else:
                found = ROOMS[name](desk)
            print("\n".join(found), flush=True)
            lines += found
        write_text(out / "reading.txt", "\n".join(lines) + "\n")
    print(f"Pictures (.png, .svg), tables (.csv) and this reading: {config.out}")


def refuse_what_means_nothing(config: AnalyzeConfig) -> None:
    """Raises InvalidConfig for a setting that was typed and that nothing of what is looked at hears."""
    for name, rooms in NEEDS.items():
        if not set(rooms) & set(config.what):
            remedy = f"leave it out, or add one of {', '.join(rooms)} to what"
            refuse_unheard([name], f"means nothing with what=[{','.join(config.what)}]", remedy)
    if config.generated is not None:
        refuse_unheard(
            ["count", "sampler"], f"means nothing with generated={config.generated}", "leave one of them out"
        )


def of_folder(read: TuneSet) -> tuple[list[Phrase], str]:
    """The tunes of a folder, and what they are called."""
    return read.tunes, f"{counted(len(read), 'tune')} in {read.name}"


def drawn(config: AnalyzeConfig, model: "PhinTransformer", identity: "Identity") -> tuple[list[Phrase], str]:
    """Tunes of the model as phin-generate draws them, and what they are called."""
    from phin.generation.play import play
    from phin.generation.request import TuneRequest
    from phin.generation.torch_engine import TorchEngine

    played = play(TorchEngine(model, identity), TuneRequest(), config.count, config.seed, config.sampler, progress=True)
    return [each.phrase for each in played], f"{counted(config.count, 'tune')} that the model drew (seed {config.seed})"
