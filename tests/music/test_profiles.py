"""Histograms of a phrase: each counts what it says, and neither key nor drone changes it."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from phin.music.phrase import PITCH, Phrase
from phin.music.profiles import PROFILES
from tests.strategies import melodies, phrases
from tests.tunes import CHROMATIC, wander, with_drone

BY_NAME = {profile.name: profile for profile in PROFILES}


@given(melodies())
def test_intervals_steps_and_shapes_are_counted_one_by_one(phrase: Phrase) -> None:
    """Fails: sets of tunes are called alike by what they do not have."""
    pitch, onset = phrase.melody.pitch.tolist(), phrase.melody.onset.tolist()
    intervals = Counter(f"{max(-12, min(12, b - a)):+d}" for a, b in pairwise(pitch))
    assert dict(zip(BY_NAME["intervals"].bins, BY_NAME["intervals"].of(phrase), strict=True)) == {
        name: intervals[name] for name in BY_NAME["intervals"].bins
    }
    upper = (1, 2, 3, 4, 6, 8, 12, 16)
    steps = Counter(next((str(most) for most in upper if (b - a) / 6 <= most), "more") for a, b in pairwise(onset))
    assert BY_NAME["steps"].of(phrase).tolist() == [steps[name] for name in BY_NAME["steps"].bins]
    struck = {(step + 18) // 6 for step in onset}
    hong = range(min(struck) // 4, max(struck) // 4 + 1)
    shapes = Counter("".join("x" if 4 * number + slot in struck else "-" for slot in range(4)) for number in hong)
    assert BY_NAME["hong shapes"].of(phrase).tolist() == [shapes[name] for name in BY_NAME["hong shapes"].bins]


def test_degrees_are_told_from_the_final() -> None:
    """Fails: a tune in another key is another kind of tune."""
    tune = wander(2, 40)
    rows = tune.rows.copy()
    rows[:, PITCH] += 5
    for profile in PROFILES:
        assert profile.of(replace(tune, rows=rows)).tolist() == profile.of(tune).tolist(), profile.name
    degrees = BY_NAME["degrees"].of(tune)
    assert degrees[0] == 12 * np.count_nonzero(tune.pitch % 12 == tune.pitch[-1] % 12)
    assert degrees.sum() == tune.duration.sum()


def test_a_drone_is_in_no_histogram() -> None:
    """Fails: a drone makes any two sets alike."""
    tune = wander(3, 40, CHROMATIC)
    for profile in PROFILES:
        assert profile.of(with_drone(tune)).tolist() == profile.of(tune).tolist(), profile.name


@pytest.mark.long
@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@given(phrases(max_notes=12))
def test_every_phrase_has_every_histogram(profile: object, phrase: Phrase) -> None:
    """Fails: a strange tune stops the report of a thousand others."""
    counted = profile.of(phrase)
    assert len(counted) == len(profile.bins)
    assert np.isfinite(counted).all()
    assert (counted >= 0).all()
