"""phin-evaluate: what a checkpoint reads of held-out tunes, and how its tunes, or anybody's, stand beside real ones."""

import json
import tempfile
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from phin.cli.app import run
from phin.cli.engine import is_exported
from phin.cli.typed import refuse_unheard
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import SPLITS, Store
from phin.errors import InvalidCheckpoint, InvalidConfig, PhinError
from phin.generation.request import SamplerConfig, TuneRequest, refuse_draw
from phin.music.lai import LAI, NO_LAI, lai_named
from phin.music.measures import pattern_slots
from phin.whole_file import whole_folder, write_text
from phin.writable import refuse_filled, refuse_folder

if TYPE_CHECKING:
    from phin.data.datamodule import PhinDataModule
    from phin.evaluation.bits_table import BitsRow
    from phin.evaluation.paired import Paired
    from phin.evaluation.tunes.tune_set import TuneSet
    from phin.model.checkpoint import Identity
    from phin.model.transformer import PhinTransformer

FEWEST_REAL = 16
"""Real tunes beside which a spread means something."""
MOST_SHOWN = 32
"""Tunes on a page: each is about a megabyte of sound."""


@dataclass
class EvaluateConfig:
    """Settings of phin-evaluate."""

    checkpoint: str | None = None
    """A .ckpt or .safetensors file, or the folder of a run; or pretrained, the model that comes with phin."""
    tunes: str | None = None
    """A folder of tunes to measure, of whoever's: MIDI, letters, tablature, ABC; else the checkpoint draws some."""
    against: str | None = None
    """Another checkpoint: both read the same held-out tunes, and the difference is told tune by tune."""
    data: CorpusConfig = MISSING
    split: str = "test"
    """Which held-out tunes are read: test or validation."""
    out: str | None = None
    """A folder for the report; a new one below reports/ if none is named."""
    count: int = 128
    """Tunes that the checkpoint draws; 0: none, and only its bits are told."""
    lines: int = 4
    """How long the drawn tunes are, in lines of eight hong."""
    lai: str | None = None
    """What is drawn is asked for in this lai, and how far tunes keep to it is told."""
    pattern: str | None = None
    """A rhythm of a hong, as -x-x: how far tunes keep to it is told."""
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    seed: int = 0
    """Of what is drawn, and of every interval."""
    most_real: int = 256
    """So many real tunes at most stand beside them, and each spoiled set is made of."""
    shown: int = 4
    """Tunes that the page shows, and plays."""
    wandb: bool = False
    """Sends the measures to Weights & Biases as a table; offline for who is not logged in."""
    equalities: bool = False
    """Instead: whether every way to compute a tune computes the same one, cached, side by side, compiled, exported."""
    exported: str | None = None
    """For equalities: a folder that phin-export wrote of this checkpoint; else one is written for the purpose."""
    compiled: bool = True
    """For equalities: the compiled step as well, which takes a minute."""

    def __post_init__(self) -> None:
        if self.split not in SPLITS[1:]:
            raise InvalidConfig(f"split={self.split}", "is not held out", f"take {' or '.join(SPLITS[1:])}")
        if self.count:
            refuse_draw(self.count, self.seed)
            TuneRequest(lines=self.lines, lai=self.lai)
        if self.pattern is not None:
            try:
                pattern_slots(self.pattern)
            except ValueError as error:
                raise InvalidConfig(f"pattern={self.pattern}", str(error), "write it as -x-x") from None
        if self.shown > MOST_SHOWN:
            reason = f"would make a page of {self.shown} megabytes"
            raise InvalidConfig(f"shown={self.shown}", reason, f"take {MOST_SHOWN} or fewer")
        for name, least in (("shown", 0), ("most_real", FEWEST_REAL)):
            if (value := getattr(self, name)) < least:
                raise InvalidConfig(f"{name}={value}", "is too few", f"take {least} or more")
        if not self.equalities and (self.exported is not None or not self.compiled):
            key = f"exported={self.exported}" if self.compiled else "compiled=false"
            raise InvalidConfig(key, "means nothing but with equalities=true", "leave it out")
        if self.checkpoint is None and (self.tunes is None or self.equalities):
            remedy = (
                "name a run's folder or a .ckpt file, as checkpoint=runs/default, or a folder of tunes, as tunes=DIR"
            )
            raise InvalidConfig("checkpoint", "is not set", remedy)
        if self.tunes is not None and self.lai == NO_LAI:
            remedy = f"leave it out, or name a lai: {', '.join(lai.name for lai in LAI)}"
            raise InvalidConfig(f"lai={self.lai}", "means nothing for tunes that are there already", remedy)
        usual = {each.name: each.default for each in fields(self)}
        for names, reason in self.unheard():
            for name in names:
                if (value := getattr(self, name)) != usual[name]:
                    raise InvalidConfig(f"{name}={value}", reason, "leave it out")

    def unheard(self) -> list[tuple[tuple[str, ...], str]]:
        """Which settings change nothing beside the others, and why."""
        drawing = ("count", "lines")
        measuring = ("pattern", "most_real", "shown", "lai", "wandb", "seed")
        found: list[tuple[tuple[str, ...], str]] = []
        if self.equalities:
            asked = (*drawing, *measuring, "tunes", "against", "out")
            found.append((asked, "means nothing with equalities=true, which prints"))
        elif self.tunes is not None:
            found.append((drawing, "means nothing for tunes that are there already"))
        elif self.count == 0:
            found.append(((*drawing[1:], *measuring), "means nothing where no tunes are drawn (count=0)"))
        if self.checkpoint is None:
            found.append((("against",), "means nothing without a checkpoint"))
        return found


def main() -> None:
    """Console script."""
    run("evaluate", EvaluateConfig, evaluate)


def evaluate(config: EvaluateConfig) -> None:
    """Prints the tables, and writes the report."""
    for names, reason in config.unheard():
        refuse_unheard(names, reason)
    draws = config.tunes is None and config.count > 0 and not config.equalities
    if not draws:
        refuse_unheard(["sampler"], "means nothing where no tunes are drawn")
    out = config.out
    if out is None:
        out = f"reports/{datetime.now():%Y-%m-%d_%H-%M-%S}"
    elif not out:
        raise InvalidConfig("out=", "is empty", "name a folder, or leave it out")
    from phin.evaluation.tunes.tune_set import read_folder
    from phin.model.checkpoint import find

    # what is mistyped is said before what is there already, and before a corpus is prepared
    for checkpoint in filter(None, (config.checkpoint, config.against)):
        find(checkpoint)
    if config.exported is not None and not is_exported(config.exported):
        remedy = "name a folder that phin-export wrote"
        raise InvalidConfig(f"exported={config.exported}", "holds no exported model", remedy)
    if config.equalities:
        _print_equalities(config)
        return
    judged = read_folder(config.tunes) if config.tunes is not None else None
    if config.out is not None or config.tunes is not None or config.count:
        refuse_filled("out", out)
        refuse_folder("out", out)
    store, bits, paired, said = _bits(config)
    for line in said:
        print(line)
    if judged is None and config.count:
        judged = _drawn(config)
    if judged is not None:
        _judge(config, judged, store, bits, paired, Path(out))
        return
    from phin.evaluation.bits_table import as_dicts
    from phin.evaluation.tabular import text
    from phin.evaluation.tunes.tune_report import DATA, paired_table

    if paired:
        print(f"\n{text([paired_table(paired)])}")
    if config.out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
        told = {"bits": as_dicts(bits), "paired": [asdict(row) for row in paired]}
        write_text(Path(out) / DATA, json.dumps(told, indent=1) + "\n")
        print(f"the same as JSON: {Path(out) / DATA}")


def _bits(config: EvaluateConfig) -> tuple[Store, list["BitsRow"], list["Paired"], list[str]]:
    """The corpus, what the checkpoint reads of its held-out tunes, the difference from another, and what to print."""
    if config.checkpoint is None:
        from phin.corpus.intake import prepare

        return prepare(config.data), [], [], []
    from phin.evaluation.bits_table import table
    from phin.evaluation.paired import paired
    from phin.evaluation.split_bits import by_tune, rows_of, split_bits

    model, _, datamodule, said = _opened(config, config.checkpoint)
    against = _opened(config, config.against) if config.against is not None else None
    store = datamodule.store
    read = split_bits(model, datamodule.evaluation_loader(config.split), store)
    rows = rows_of(read, store)
    said.append(table(rows, config.split))
    if against is None:
        return store, rows, [], said
    other, _, others, said_of_other = against
    said += [f"Against {config.against}: {line}" for line in said_of_other]
    differences = paired(
        [by_tune(read, store)], [by_tune(split_bits(other, others.evaluation_loader(config.split), store), store)]
    )
    return store, rows, differences, said


def _opened(
    config: EvaluateConfig, checkpoint: str
) -> tuple["PhinTransformer", "Identity", "PhinDataModule", list[str]]:
    """A checkpoint, the tunes for it, and what must be said of the two. Raises InvalidCheckpoint for unlike corpora."""
    from phin.data.datamodule import PhinDataModule
    from phin.data.dataset import DataConfig
    from phin.model.checkpoint import find, load

    path = find(checkpoint)
    model, identity = load(path)
    datamodule = PhinDataModule(DataConfig(**vars(config.data)), seed=0, tokenizer=identity.tokenizer)
    is_another = identity.corpus_fingerprint != datamodule.store.fingerprint
    if is_another and identity.corpus == config.data.name:
        raise InvalidCheckpoint(
            path,
            f"was trained on another version of {identity.corpus}, so what is held out here may have been trained on",
            "evaluate it with the corpus it was trained on; if this is another one, give it another data.name",
        )
    adapted = f", adapted from {identity.adapted_from.split()[0]}" if identity.adapted_from else ""
    said = [f"Model trained on {identity.corpus}{adapted}; tunes, and what Markov learned from: {config.data.name}"]
    if is_another:
        said.append("Another corpus than it was trained on: a tune that is in both may have been trained on.")
    return model, identity, datamodule, said


def _drawn(config: EvaluateConfig) -> "TuneSet":
    """Tunes of the checkpoint."""
    from phin.cli.engine import open_engine
    from phin.evaluation.tunes.tune_set import drawn
    from phin.generation.play import play

    assert config.checkpoint is not None
    engine, request = open_engine(config.checkpoint, None), TuneRequest(lines=config.lines, lai=config.lai)
    tunes = [each.phrase for each in play(engine, request, config.count, config.seed, config.sampler, progress=True)]
    return drawn(f"drawn by {config.checkpoint} (seed {config.seed})", tunes)


def _judge(
    config: EvaluateConfig,
    judged: "TuneSet",
    store: Store,
    bits: list["BitsRow"],
    paired: list["Paired"],
    out: Path,
) -> None:
    """Measures the tunes, prints what is told of them and writes the report."""
    from phin.evaluation.tabular import text
    from phin.evaluation.tunes.judgement import judge
    from phin.evaluation.tunes.tune_report import DATA, PAGE, TuneReport, printed, write_report

    found = judge(judged, store, config.split, config.most_real, config.seed, lai_named(config.lai), config.pattern)
    about = [f"What is measured: {judged.name}. Real tunes: {config.data.name}. {store.licence}"]
    report = TuneReport.of("Tunes beside real ones", about, found, bits, paired, config.shown)
    print()
    print(text(printed(report, store)))
    for line in judged.refused:
        print(f"refused: {line}")
    with whole_folder(out) as partial:
        write_report(report, store, partial)
    print(f"{out}: {PAGE}, {DATA}, pictures as .svg and .png")
    if config.wandb:
        from phin.evaluation.tunes.wandb_table import send

        print(send(report, config.checkpoint or str(config.tunes), out))


def _print_equalities(config: EvaluateConfig) -> None:
    """Prints the table; raises PhinError where paths that must be equal are not."""
    import torch

    from phin.data.dataset import EvaluationTunes
    from phin.evaluation.equalities import NUM_TUNES, equalities, said, unequal
    from phin.generation.export import export_step
    from phin.generation.torch_engine import TorchEngine

    assert config.checkpoint is not None
    torch.set_num_threads(1)
    model, identity, datamodule, _ = _opened(config, config.checkpoint)
    chosen = datamodule.store.split(config.split)[:NUM_TUNES]
    tunes = EvaluationTunes(datamodule.store, identity.tokenizer, chosen.tolist())
    items: list[Any] = [tunes[place] for place in range(len(tunes))]
    with tempfile.TemporaryDirectory() as desk:
        exported = config.exported
        if exported is None:
            exported = str(Path(desk) / "exported")
            export_step(model, identity, exported)
        found = equalities(TorchEngine(model, identity), items, exported, config.compiled)
    print(f"{len(items)} tunes of the {config.split} split of {config.data.name}")
    print(said(found))
    if strange := unequal(found):
        raise PhinError(strange[0], "is not what the whole forward says", "do not use it, and tell us of it")
