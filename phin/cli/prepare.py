"""phin-prepare: takes a corpus in and says what came of it; training then finds it in the cache."""

import json
from dataclasses import dataclass

from omegaconf import MISSING

from phin.cli.app import run
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import SPLITS
from phin.whole_file import write_text
from phin.writable import refuse_file


@dataclass
class PrepareConfig:
    """Settings of phin-prepare."""

    data: CorpusConfig = MISSING
    write_splits: str | None = None
    """A new file for the ids of the held-out tunes: how the committed lists in phin/corpus/splits were made."""


def main() -> None:
    """Console script."""
    run("prepare", PrepareConfig, prepare)


def prepare(config: PrepareConfig) -> None:
    """Makes the cache, or finds it."""
    if config.write_splits is not None:
        refuse_file("write_splits", config.write_splits)
    from phin.corpus.intake import prepare as take_in
    from phin.corpus.summary import summary

    store = take_in(config.data)
    print(summary(store))
    if config.write_splits is not None:
        held_out = {split: sorted(store.id(int(tune)) for tune in store.split(split)) for split in SPLITS[1:]}
        write_text(config.write_splits, json.dumps(held_out, ensure_ascii=False, indent=0) + "\n")
        print(f"ids of the held-out tunes: {config.write_splits}")
