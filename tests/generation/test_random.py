"""Random numbers by counter: the published answers, no draw that depends on the batch, and samples of the softmax."""

import math

import numpy as np
import pytest

from phin.generation.random import Noise, gumbel, philox
from phin.tokenizer import FIELDS

ONES = 0xFFFFFFFF

# from the known-answer tests of Random123 (Salmon et al. 2011), philox4x32 with 10 rounds: counter, key, answer
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((ONES, ONES, ONES, ONES), (ONES, ONES), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter: tuple[int, ...], key: tuple[int, int], answer: str) -> None:
    """Fails: a browser or a phone with a right Philox plays another tune than we do for the same seed."""
    words = philox(np.array(counter, dtype=np.uint64), key[0] | key[1] << 32)
    assert " ".join(f"{word:08x}" for word in words.tolist()) == answer


def test_philox_takes_many_counters_at_once() -> None:
    """Fails: the noise of one tune changes with how many are drawn."""
    counters = np.array([counter for counter, _, _ in KNOWN_ANSWERS], dtype=np.uint64).T
    together = philox(counters, seed=7)
    for place in range(counters.shape[1]):
        assert (together[:, place] == philox(counters[:, place], seed=7)).all()


def naive_gumbel(seed: int, tune: int, row: int, field: int) -> np.ndarray:
    """Noise for the ids of one field of one row of one tune: the specification."""
    size = FIELDS[field].size
    blocks = np.array([[block, field, row, tune] for block in range(size // 4 + 1)], dtype=np.uint64)
    flat = philox(blocks.T, seed).T.flatten()[:size].tolist()
    return np.array([-math.log(-math.log((word + 0.5) / 2**32)) for word in flat])


@pytest.mark.parametrize("tunes", [[5], [0, 9, 5, 5], list(range(70))], ids=len)
def test_noise_is_by_seed_tune_row_and_field_alone(tunes: list[int]) -> None:
    """Fails: asking for eight tunes instead of four changes the first four; or two fields share their luck."""
    seed, noise = 3, Noise(3, tunes)
    ends = np.cumsum([field.size for field in FIELDS])[:-1]
    for row in (0, 1, 2, 40, 7):  # in order, beyond what was made, and back
        made = noise.of_row(row)
        assert made.dtype == np.float32
        for place in {0, len(tunes) - 1}:
            for field, table in enumerate(np.split(made[place], ends)):
                assert np.array_equal(table, naive_gumbel(seed, tunes[place], row, field).astype(np.float32))


def test_seed_tune_row_and_field_each_give_other_noise() -> None:
    """Fails: two tunes, two notes or two fields of a note share their luck, and tunes repeat."""
    drawn = np.stack([gumbel(seed, [0, 1], 0, rows=2) for seed in (0, 1, 2**32)])
    assert len(np.unique(drawn)) > drawn.size - 10, "of 2**32 words two are now and then the same"


def test_noise_is_finite_and_of_gumbels_distribution() -> None:
    """Fails: once in four thousand million draws a tune breaks; or temperature 1 is not temperature 1."""
    noise = gumbel(0, range(100), 0)
    assert np.isfinite(noise).all()
    assert abs(noise.mean() - 0.5772) < 0.02
    assert abs(noise.var() - np.pi**2 / 6) < 0.05
    below = -np.log(-np.log(0.5 / 2**32)), -np.log(-np.log((2**32 - 0.5) / 2**32))
    assert np.isfinite(below).all()


def test_the_largest_of_logit_and_noise_is_a_sample_of_the_softmax() -> None:
    """Fails: what is played follows other probabilities than those that were trained and measured."""
    logits = np.log([0.4, 0.25, 0.2, 0.1, 0.05])
    draws = 20_000
    noise = np.concatenate([gumbel(11, range(first, first + 1000), 3)[0, :, :5] for first in range(0, draws, 1000)])
    counts = np.bincount((logits + noise).argmax(axis=1), minlength=5)
    expected = np.exp(logits) * draws
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 18.5, "one in a thousand for four degrees of freedom"
