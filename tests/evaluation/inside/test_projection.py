"""Points on a page: components are those of the covariance, and t-SNE goes down the slope that it says."""

import numpy as np
import pytest

from phin.evaluation.inside.projection import affinities, divergence, pca, tsne

RNG = np.random.default_rng(0)
CLOUD = RNG.standard_normal((12, 5)) * [5, 3, 1, 1, 1]


def test_components_are_those_of_the_covariance() -> None:
    """Fails: a picture shows other directions than it says, or another share of the variance."""
    found = pca(CLOUD, count=3)
    values, vectors = np.linalg.eigh(np.cov(CLOUD.T))
    np.testing.assert_allclose(found.share, values[::-1][:3] / values.sum())
    projected = (CLOUD - CLOUD.mean(axis=0)) @ vectors[:, ::-1][:, :3]
    np.testing.assert_allclose(np.abs(found.points), np.abs(projected))
    assert (found.points[np.abs(found.points).argmax(axis=0), np.arange(3)] > 0).all()


def test_fewer_dimensions_than_components_are_no_trouble() -> None:
    """Fails: a table of one column cannot be looked at."""
    found = pca(np.arange(4.0)[:, None])
    np.testing.assert_allclose(found.share, [1, 0])
    np.testing.assert_allclose(found.points[:, 1], 0)


def test_the_gradient_is_that_of_the_divergence() -> None:
    """Fails: t-SNE goes somewhere, and calls it down."""
    p, y = affinities(CLOUD, 4.0), RNG.standard_normal((12, 2))
    _, gradient = divergence(y, p)
    tiny = 1e-6
    for point, axis in np.ndindex(y.shape):
        ahead, behind = y.copy(), y.copy()
        ahead[point, axis] += tiny
        behind[point, axis] -= tiny
        slope = (divergence(ahead, p)[0] - divergence(behind, p)[0]) / (2 * tiny)
        assert gradient[point, axis] == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_every_point_has_as_many_neighbours_as_were_asked_for(scale: float) -> None:
    """Fails: vectors of another length have another picture."""
    distance = ((CLOUD[:, None] - CLOUD[None, :]) ** 2).sum(axis=-1)
    p = affinities(CLOUD * scale, 4.0)
    assert p.sum() == pytest.approx(1)
    np.testing.assert_allclose(p, p.T)
    assert p.diagonal().max() == 0
    np.testing.assert_allclose(p, affinities(CLOUD, 4.0), rtol=1e-6)
    nearest = distance[0].argsort()[1]
    assert p[0, nearest] == p[0].max() or p[nearest].max() > p[0].max()


def test_two_clusters_come_apart_and_stay_together() -> None:
    """Fails: what is near in the table is far in the picture."""
    group = np.repeat([0, 1], 10)
    x = RNG.standard_normal((20, 8)) + 20 * group[:, None]
    y = tsne(x, 5.0, seed=0)
    between = np.linalg.norm(y[group == 0].mean(axis=0) - y[group == 1].mean(axis=0))
    within = max(np.linalg.norm(y[group == g] - y[group == g].mean(axis=0), axis=1).max() for g in (0, 1))
    assert between > 2 * within
    p = affinities(x, 5.0)
    assert divergence(y, p)[0] < divergence(1e-2 * pca(x).points, p)[0] / 2


def test_the_same_seed_gives_the_same_picture() -> None:
    """Fails: a figure cannot be drawn again."""
    np.testing.assert_array_equal(tsne(CLOUD, 3.0, seed=1), tsne(CLOUD, 3.0, seed=1))
    assert (tsne(CLOUD, 3.0, seed=1) != tsne(CLOUD, 3.0, seed=2)).any()
