"""Bootstrap intervals by family, which every number of held-out tunes has. No torch is needed."""

import numpy as np
from jaxtyping import Float, Int, Real

NUM_RESAMPLES = 2000


def interval_by_family(
    bits: Float[np.ndarray, " tune"], notes: Real[np.ndarray, " tune"], family: Int[np.ndarray, " tune"]
) -> tuple[float, float]:
    """A 95 % bootstrap interval of bits over notes; whole families are drawn, for their tunes are not independent."""
    low, high = np.percentile(resampled(bits, notes, family), [2.5, 97.5])
    return float(low), float(high)


def resampled(
    values: Float[np.ndarray, " tune"],
    weights: Real[np.ndarray, " tune"],
    family: Int[np.ndarray, " tune"],
    seed: int = 0,
) -> Float[np.ndarray, " resample"]:
    """The sum of values over that of weights, in each of NUM_RESAMPLES draws of as many families as there are."""
    _, place = np.unique(family, return_inverse=True)
    by_family = np.stack([np.bincount(place, weights=values), np.bincount(place, weights=weights)])
    count = by_family.shape[1]
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=NUM_RESAMPLES)
    total, weight = by_family @ times.T
    return total / weight


def said_interval(interval: tuple[float, float], families: int) -> str:
    """An interval as the table has it; of one family there is none, whatever is drawn."""
    return "one family" if families == 1 else f"{interval[0]:.3f}-{interval[1]:.3f}"
