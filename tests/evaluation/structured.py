"""Tunes that return: for tests of measures that should hear it. Synthetic, and not the composer's."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from phin.corpus.store import Store, Tune, write_store
from phin.music.lai import label_lai
from phin.music.phrase import Phrase, rows_from_columns
from tests.tunes import MINOR_PENTATONIC_ON_A, TWO_FOUR

RHYTHMS = ((12, 12), (24,), (6, 6, 12), (12, 6, 6))


def returning(seed: int) -> Phrase:
    """Four lines, A A' B A, of a walk up and down the scale in four rhythms of a hong, from slot 2 of hong 1 on."""
    rng = np.random.default_rng(seed)
    first, second = _line(rng), _line(rng)
    varied = first[:5] + _line(rng)[5:]
    steps, degrees = zip(
        *(note for line in (first, varied, second, first) for hong in line for note in hong), strict=True
    )
    onset = np.cumsum((0, *steps[:-1])) - 36
    pitch = np.array(MINOR_PENTATONIC_ON_A)[np.array(degrees)]
    return Phrase(rows_from_columns(onset, np.array(steps), pitch), metre=TWO_FOUR, title=f"returning {seed}")


def _line(rng: np.random.Generator) -> list[list[tuple[int, int]]]:
    degree, line = int(rng.integers(2, 9)), []
    for _ in range(8):
        hong = []
        for step in RHYTHMS[rng.integers(len(RHYTHMS))]:
            degree = int(np.clip(degree + rng.choice((-2, -1, -1, 1, 1, 2)), 0, 10))
            hong.append((step, degree))
        line.append(hong)
    return line


def store_of(folder: Path, train: Iterable[Phrase], test: Iterable[Phrase]) -> Store:
    """Each tune a family of its own."""
    named = [(phrase, split) for split, phrases in (("train", train), ("test", test)) for phrase in phrases]
    tunes = [
        Tune(f"essen/{number}", replace(phrase, source="essen"), label_lai(phrase), number, split)
        for number, (phrase, split) in enumerate(named)
    ]
    return write_store(folder, tunes, ["essen"], "nobody's", {})
