"""phin-generate: new tunes from a checkpoint."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from phin.cli.app import run
from phin.counted import counted
from phin.errors import InvalidConfig
from phin.generation.request import SamplerConfig, TuneRequest, refuse_draw
from phin.generation.wishes import Wishes
from phin.generation.write import FORMATS, endings_of, refuse_there, write_tunes
from phin.music.lai import NO_LAI
from phin.music.phrase import Phrase
from phin.writable import refuse_folder


@dataclass
class GenerateConfig(TuneRequest):
    """Settings of phin-generate."""

    checkpoint: str = MISSING
    """A .ckpt file, or the folder of a run."""
    count: int = 4
    seed: int = 0
    out: str = "tunes"
    """The folder the tunes are written to."""
    formats: list[str] = field(default_factory=lambda: list(FORMATS))
    """Endings of the files that each tune is written as."""
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    keep: Wishes = field(default_factory=Wishes)
    """What each tune must keep to, whatever the model would rather play."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_draw(self.count, self.seed)
        endings_of(self.formats)
        self.keep.constraints(self)


def main() -> None:
    """Console script."""
    run("generate", GenerateConfig, generate)


def generate(config: GenerateConfig) -> None:
    """Draws the tunes and writes them."""
    if not config.out:
        raise InvalidConfig("out=", "is empty", "name a folder for the tunes")
    refuse_folder("out", config.out)
    name = f"tune-{config.seed}"
    refuse_there(config.out, name, config.count, config.formats)  # drawing them would be for nothing
    import torch

    from phin.generation.generate import ALL, play
    from phin.model.checkpoint import find, load

    torch.set_num_threads(1)  # a step is too small for two
    model, identity = load(find(config.checkpoint))
    kept_to = config.keep.constraints(config)
    played = play(model, identity, config, config.count, config.seed, config.sampler, True, kept_to)
    finished = [config.keep.finished(each.phrase, config) for each in played]
    tunes = [tune for tune, _ in finished]
    written = write_tunes(tunes, config.out, name, formats=config.formats)
    for each, (tune, changes), files in zip(played, finished, written, strict=True):
        told = [counted(len(tune), "note"), _lai(tune, config.lai)]
        if kept_to:
            told.append(f"{each.left_out[ALL]:.2f} bits a note from what the model would play")
        print(f"{files.first}  {', '.join(told)}")
        scarce = [f"almost nothing was left to draw: {where}" for where in each.scarce if kept_to]
        for line in (*changes, *scarce, *files.said):
            print(f"  {line}")
    forms = ", ".join(endings_of(config.formats))
    print(f"{counted(len(tunes), 'tune')} ({forms}) in {config.out}. Model licence: {identity.licence}")


def _lai(tune: Phrase, asked: str | None) -> str:
    """Which lai the notes of a tune are in, and whether that is what was asked for."""
    found = "in no lai" if tune.lai == NO_LAI else f"in lai {tune.lai}"
    return found if asked in (None, tune.lai) else f"{found} ({asked} was asked for)"
