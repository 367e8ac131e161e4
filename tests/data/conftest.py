"""A small store for the tests of this folder: forty tunes of all kinds, four of them longer than a window."""

from dataclasses import replace

import pytest

from phin.corpus.store import Store, Tune, write_store
from phin.music.lai import label_lai
from phin.music.phrase import Metre, Phrase
from tests.tunes import CHROMATIC, MINOR_PENTATONIC_ON_A, wander, with_drone

METRES = (Metre(2, 4), Metre(3, 4), None, Metre(6, 8))


def a_tune(number: int) -> Phrase:
    """Every second pentatonic, every third over a drone, every tenth long, some without metre or tempo."""
    phrase = wander(
        number,
        num_notes=90 if number % 10 == 0 else 12 + number % 7 * 4,
        scale=MINOR_PENTATONIC_ON_A if number % 2 else CHROMATIC,
        metre=METRES[number % 4],
        source=("essen", "han")[number % 5 == 0],
        title=f"{number}",
    )
    phrase = with_drone(phrase) if number % 3 == 0 else phrase
    return replace(phrase, tempo=500_000 + 1000 * number if number % 4 else None)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Thirty tunes to train on, six to validate, four to test."""
    splits = ["train"] * 30 + ["validation"] * 6 + ["test"] * 4
    tunes = [
        Tune(f"tunes/{number}", a_tune(number), label_lai(a_tune(number)), family=number, split=split)
        for number, split in enumerate(splits)
    ]
    return write_store(tmp_path_factory.mktemp("cache") / "forty", tunes, ["essen", "han"], "nobody's", {})
