"""Random numbers by counter: the published answers, no draw that depends on the batch, and samples of the softmax."""

from itertools import product

import numpy as np
import pytest

from phin.generation.draw import noise_for
from phin.generation.random import gumbel, philox
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


def test_a_tune_draws_the_same_noise_in_any_batch() -> None:
    """Fails: asking for eight tunes instead of four changes the first four."""
    alone = gumbel(3, [5], step=2, field=1, size=50)
    beside = gumbel(3, range(2, 9), step=2, field=1, size=50)
    assert (alone[0] == beside[3]).all()
    assert (gumbel(3, [9, 5, 5], step=2, field=1, size=50)[1:] == alone).all()


def test_the_noise_of_an_id_does_not_depend_on_how_many_ids_there_are() -> None:
    """Fails: a longer vocabulary changes every tune from its first note on."""
    assert (gumbel(1, [0], 0, 0, size=10) == gumbel(1, [0], 0, 0, size=133)[:, :10]).all()


def test_seed_tune_step_and_field_each_give_other_noise() -> None:
    """Fails: two tunes, two notes or two fields of a note share their luck, and tunes repeat."""
    places = list(product((0, 1, 2**32), (0, 1), (0, 1), (0, 1)))
    drawn = np.stack([gumbel(seed, [tune], step, field, 8)[0] for seed, tune, step, field in places])
    assert len(np.unique(drawn)) == drawn.size


def test_noise_is_finite_and_of_gumbels_distribution() -> None:
    """Fails: once in four thousand million draws a tune breaks; or temperature 1 is not temperature 1."""
    noise = gumbel(0, range(1000), 0, 0, 100)
    assert np.isfinite(noise).all()
    assert abs(noise.mean() - 0.5772) < 0.02
    assert abs(noise.var() - np.pi**2 / 6) < 0.05
    below = -np.log(-np.log(0.5 / 2**32)), -np.log(-np.log((2**32 - 0.5) / 2**32))
    assert np.isfinite(below).all()


def test_the_largest_of_logit_and_noise_is_a_sample_of_the_softmax() -> None:
    """Fails: what is played follows other probabilities than those that were trained and measured."""
    logits = np.log([0.4, 0.25, 0.2, 0.1, 0.05])
    draws = 20_000
    counts = np.bincount((logits + gumbel(11, range(draws), 3, 2, 5)).argmax(axis=1), minlength=5)
    expected = np.exp(logits) * draws
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 18.5, "one in a thousand for four degrees of freedom"


def test_noise_for_a_row_is_a_table_for_each_field() -> None:
    """Fails: two fields of one note are drawn with the same luck."""
    tables = noise_for(5, range(3, 6), row=4)
    assert [tuple(table.shape) for table in tables] == [(3, field.size) for field in FIELDS]
    for field, table in enumerate(tables):
        assert np.array_equal(table, gumbel(5, range(3, 6), 4, field, FIELDS[field].size).astype(np.float32))
