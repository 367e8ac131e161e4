"""phin-evaluate: held-out bits per note of a checkpoint."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import MISSING

from phin.cli.app import run
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import SPLITS
from phin.errors import InvalidCheckpoint, InvalidConfig, PhinError
from phin.whole_file import write_text
from phin.writable import refuse_file

if TYPE_CHECKING:
    from phin.model.checkpoint import Identity
    from phin.model.transformer import PhinTransformer


@dataclass
class EvaluateConfig:
    """Settings of phin-evaluate."""

    checkpoint: str = MISSING
    """A .ckpt file, or the folder of a run."""
    data: CorpusConfig = MISSING
    split: str = "test"
    out: str | None = None
    """A new file for the report as JSON."""
    equalities: bool = False
    """Instead: whether every way to compute a tune computes the same one, cached, side by side, compiled, exported."""
    exported: str | None = None
    """For equalities: a folder that phin-export wrote of this checkpoint; else one is written for the purpose."""
    compiled: bool = True
    """For equalities: the compiled step as well, which takes a minute."""


def main() -> None:
    """Console script."""
    run("evaluate", EvaluateConfig, evaluate)


def evaluate(config: EvaluateConfig) -> None:
    """Prints the table, and writes it if asked."""
    if config.split not in SPLITS[1:]:
        raise InvalidConfig(f"split={config.split}", "is not held out", f"take {' or '.join(SPLITS[1:])}")
    if config.out is not None:
        refuse_file("out", config.out)
    if not config.equalities and (config.exported is not None or not config.compiled):
        key = f"exported={config.exported}" if config.compiled else "compiled=false"
        raise InvalidConfig(key, "means nothing but with equalities=true", "leave it out")
    if config.equalities and config.out is not None:
        raise InvalidConfig(f"out={config.out}", "means nothing with equalities=true, which prints", "leave it out")
    from phin.data.datamodule import PhinDataModule
    from phin.data.dataset import DataConfig
    from phin.evaluation.report import bits_report
    from phin.evaluation.table import as_dicts, table
    from phin.model.checkpoint import find, load

    path = find(config.checkpoint)
    model, identity = load(path)
    if config.equalities:
        print_equalities(config, model, identity)
        return
    datamodule = PhinDataModule(DataConfig(**vars(config.data)), seed=0, tokenizer=identity.tokenizer)
    is_another = identity.corpus_fingerprint != datamodule.store.fingerprint
    if is_another and identity.corpus == config.data.name:
        raise InvalidCheckpoint(
            path,
            f"was trained on another version of {identity.corpus}, so what is held out here may have been trained on",
            "evaluate it with the corpus it was trained on; if this is another one, give it another data.name",
        )
    rows = bits_report(model, datamodule.evaluation_loader(config.split), datamodule.store, config.split)
    adapted = f", adapted from {identity.adapted_from.split()[0]}" if identity.adapted_from else ""
    print(f"Model trained on {identity.corpus}{adapted}; tunes, and what Markov learned from: {config.data.name}")
    if is_another:
        print("Another corpus than it was trained on: a tune that is in both may have been trained on.")
    print(table(rows, config.split))
    if config.out is not None:
        write_text(config.out, json.dumps(as_dicts(rows), indent=1) + "\n")
        print(f"the same as JSON: {config.out}")


def print_equalities(config: EvaluateConfig, model: "PhinTransformer", identity: "Identity") -> None:
    """Prints the table; raises PhinError where paths that must be equal are not."""
    import torch

    from phin.data.datamodule import PhinDataModule
    from phin.data.dataset import DataConfig, EvaluationTunes
    from phin.evaluation.equalities import NUM_TUNES, equalities, said, unequal
    from phin.generation.export import export_step
    from phin.generation.torch_engine import TorchEngine

    torch.set_num_threads(1)
    datamodule = PhinDataModule(DataConfig(**vars(config.data)), seed=0, tokenizer=identity.tokenizer)
    chosen = datamodule.store.split(config.split)[:NUM_TUNES]
    tunes = EvaluationTunes(datamodule.store, identity.tokenizer, chosen.tolist())
    items = [tunes[place] for place in range(len(tunes))]
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
