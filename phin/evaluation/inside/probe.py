"""What a linear map reads off embeddings of points that it has not seen, beside what chance and noise would give it.

A table of 37 vectors in 48 dimensions can be drawn so that a circle is seen in it, and fitted so that anything is. So
the probe is cross-validated, and stands beside the same probe of random vectors and of permuted targets.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

RIDGE = 0.1
"""The penalty, as a part of the mean squared length of the centred vectors."""
TIMES = 200
"""Random tables, and permutations of the targets."""


class Probed(NamedTuple):
    """Cross-validated R² of a target: 1 is all of it, 0 no better than the mean of the other points.

    `random` and `permuted` are the mean R² of the controls, the highs their 95th percentiles.
    """

    r2: float
    random: float
    random_high: float
    permuted: float
    permuted_high: float


def probe(
    x: Float[np.ndarray, "point dim"],
    target: Float[np.ndarray, "point column"],
    left_out: Int[np.ndarray, " point"],
    gap: int,
    seed: int,
) -> Probed:
    """Ridge regression of `target`, one point left out at a time, with all others whose place in `left_out` is `gap` or
    less from its own.

    A gap keeps a probe from reading a smooth target off the point's neighbours. Random tables are normal, of the same
    shape; permutations move whole rows of the target.
    """
    rng = np.random.default_rng(seed)
    away = np.abs(left_out[:, None] - left_out[None, :]) > gap
    orders = [rng.permutation(len(x)) for _ in range(TIMES)]
    (permuted,) = _r2(x[None], np.stack([target, *(target[order] for order in orders)], axis=1), away)
    random = _r2(rng.standard_normal((TIMES, *x.shape)), target[:, None], away)[:, 0]
    means = (random.mean(), np.percentile(random, 95), permuted[1:].mean(), np.percentile(permuted[1:], 95))
    return Probed(float(permuted[0]), *(float(value) for value in means))


def _r2(
    x: Float[np.ndarray, "table point dim"], targets: Float[np.ndarray, "point way column"], away: np.ndarray
) -> Float[np.ndarray, "table way"]:
    """R² of each of several targets of the same points, by each of several tables; `away` (point, point) says which
    ones teach about which.
    """
    wrong, spread = np.zeros((len(x), targets.shape[1])), np.zeros(targets.shape[1])
    for place, teaches in enumerate(away):
        known, mean = targets[teaches], targets[teaches].mean(axis=0)
        centre = x[:, teaches].mean(axis=1, keepdims=True)
        told, asked = x[:, teaches] - centre, x[:, [place]] - centre
        gram = told @ told.transpose(0, 2, 1)  # (table, taught, taught)
        penalty = RIDGE * np.trace(gram, axis1=1, axis2=2) / gram.shape[1]
        ridged = gram + penalty[:, None, None] * np.eye(gram.shape[1])
        weights = np.linalg.solve(ridged, told @ asked.transpose(0, 2, 1))[..., 0]  # (table, taught)
        said = mean + np.tensordot(weights, known - mean, axes=1)  # (table, way, column)
        wrong += ((targets[place] - said) ** 2).sum(axis=-1)
        spread += ((targets[place] - mean) ** 2).sum(axis=-1)
    return 1 - wrong / spread
