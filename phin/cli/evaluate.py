"""phin-evaluate: held-out bits per note of a checkpoint."""

import json
from dataclasses import dataclass

from omegaconf import MISSING

from phin.cli.app import run
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import SPLITS
from phin.errors import InvalidCheckpoint, InvalidConfig
from phin.whole_file import write_text
from phin.writable import refuse_file


@dataclass
class EvaluateConfig:
    """Settings of phin-evaluate."""

    checkpoint: str = MISSING
    """A .ckpt file, or the folder of a run."""
    data: CorpusConfig = MISSING
    split: str = "test"
    out: str | None = None
    """A new file for the report as JSON."""


def main() -> None:
    """Console script."""
    run("evaluate", EvaluateConfig, evaluate)


def evaluate(config: EvaluateConfig) -> None:
    """Prints the table, and writes it if asked."""
    if config.split not in SPLITS[1:]:
        raise InvalidConfig(f"split={config.split}", "is not held out", f"take {' or '.join(SPLITS[1:])}")
    if config.out is not None:
        refuse_file("out", config.out)
    from phin.data.datamodule import PhinDataModule
    from phin.data.dataset import DataConfig
    from phin.evaluation.report import bits_report
    from phin.evaluation.table import as_dicts, table
    from phin.model.checkpoint import find, load

    path = find(config.checkpoint)
    model, identity = load(path)
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
