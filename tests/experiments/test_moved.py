"""The study of transposing: held-out tunes in other keys are the same tunes, all else as it was."""

from pathlib import Path

import numpy as np

from experiments.augmentation.moved import FURTHEST, MovedTunes, moves_of
from tests.evaluation.structured import returning, store_of


def test_tunes_that_are_moved_are_the_same_tunes_elsewhere(tmp_path: Path) -> None:
    """Fails: an arm is judged on tunes as they were written and called free of key; or their lai stays behind."""
    store = store_of(tmp_path / "s", [returning(1)], [returning(seed) for seed in range(2, 9)])
    tunes = store.split("test").tolist()
    moves = moves_of(store, tunes, np.random.default_rng(0))
    assert set(moves) == set(tunes)
    assert all(0 < abs(move) <= FURTHEST for move in moves.values())
    assert len(set(moves.values())) > 2
    moved = MovedTunes(store, moves)
    for tune, move in moves.items():
        here, there = store.phrase(tune), moved.phrase(tune)
        assert (there.pitch - here.pitch == move).all()
        assert (there.rows[:, :2] == here.rows[:, :2]).all()
        assert moved.label(tune) == store.label(tune).transposed(move)
    (learned,) = store.split("train").tolist()
    assert (moved.phrase(learned).pitch == store.phrase(learned).pitch).all()
