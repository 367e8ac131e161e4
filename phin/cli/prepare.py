"""phin-prepare: takes a corpus in and says what came of it; training then finds it in the cache."""

from dataclasses import dataclass

from omegaconf import MISSING

from phin.cli.app import run
from phin.corpus.sources import CorpusConfig


@dataclass
class PrepareConfig:
    """Settings of phin-prepare."""

    data: CorpusConfig = MISSING


def main() -> None:
    """Console script."""
    run("prepare", PrepareConfig, prepare)


def prepare(config: PrepareConfig) -> None:
    """Makes the cache, or finds it."""
    from phin.corpus.intake import prepare as take_in
    from phin.corpus.summary import summary

    store = take_in(config.data)
    print(summary(store))
