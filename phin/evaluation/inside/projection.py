"""Many dimensions on a page of two: principal components, and t-SNE of a few hundred points, exactly."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

EXAGGERATION, EXAGGERATED, STEPS = 4.0, 250, 1000
"""For the first steps of t-SNE its affinities are taken so many times, so that clusters find their places."""


class Components(NamedTuple):
    """Points on their first principal components, and which share of the variance each holds."""

    points: Float[np.ndarray, "point component"]
    share: Float[np.ndarray, " component"]


def pca(x: Float[np.ndarray, "point dim"], count: int = 2) -> Components:
    """By singular values of the centred points. The largest coordinate of each component is positive."""
    centred = x - x.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(x), count))
    points[:, : len(s)] = u[:, :count] * s[:count]
    signs = np.sign(points[np.abs(points).argmax(axis=0), np.arange(count)])
    share = np.zeros(count)
    share[: len(s)] = s[:count] ** 2 / max(float((s**2).sum()), 1e-300)
    return Components(points * np.where(signs == 0, 1, signs), share)


def tsne(x: Float[np.ndarray, "point dim"], perplexity: float, seed: int) -> Float[np.ndarray, "point 2"]:
    """Points whose near ones stay near (van der Maaten and Hinton 2008, JMLR 9): distances across are not told.

    Begins at the principal components, small, with a little noise by the seed; momentum and gains as in the paper.
    `perplexity` is about how many neighbours count, below the number of points.
    """
    p = affinities(x, perplexity)
    y = pca(x).points
    y = 1e-2 * y / max(float(y.std()), 1e-300) + 1e-4 * np.random.default_rng(seed).standard_normal(y.shape)
    velocity, gains = np.zeros_like(y), np.ones_like(y)
    rate = max(len(x) / EXAGGERATION, 10.0)
    for step in range(STEPS):
        _, gradient = divergence(y, p * (EXAGGERATION if step < EXAGGERATED else 1.0))
        gains = np.where(np.sign(gradient) == np.sign(velocity), gains * 0.8, gains + 0.2).clip(min=0.01)
        velocity = (0.5 if step < EXAGGERATED else 0.8) * velocity - rate * gains * gradient
        y = y + velocity
        y -= y.mean(axis=0)
    return y


def affinities(x: Float[np.ndarray, "point dim"], perplexity: float) -> Float[np.ndarray, "point point"]:
    """How much each two points are neighbours, in all 1: symmetric, from Gaussians whose entropy is log(perplexity)."""
    distance = ((x[:, None] - x[None, :]) ** 2).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    distance -= distance.min(axis=1, keepdims=True)  # of no effect on what follows but that nothing underflows
    typical = np.median(distance[np.isfinite(distance)])
    low, high = np.full(len(x), -60.0), np.full(len(x), 60.0)  # log of precision times the typical distance
    weight = np.zeros_like(distance)
    for _ in range(100):
        middle = (low + high) / 2
        weight = np.exp(-distance * np.exp(middle)[:, None] / max(float(typical), 1e-300))
        weight /= weight.sum(axis=1, keepdims=True)
        entropy = -(weight * np.log(np.where(weight > 0, weight, 1))).sum(axis=1)
        flat = entropy > np.log(perplexity)
        low, high = np.where(flat, middle, low), np.where(flat, high, middle)
    return (weight + weight.T) / (2 * len(x))


def divergence(
    y: Float[np.ndarray, "point 2"], p: Float[np.ndarray, "point point"]
) -> tuple[float, Float[np.ndarray, "point 2"]]:
    """KL(P || Q) of the points on the page under Student's t, in nats, and its gradient (for a P of sum 1)."""
    apart = y[:, None] - y[None, :]  # (point, point, 2)
    kernel = 1 / (1 + (apart**2).sum(axis=-1))
    np.fill_diagonal(kernel, 0)
    q = kernel / kernel.sum()
    there = p > 0
    value = float((p[there] * np.log(p[there] / np.maximum(q[there], 1e-300))).sum())
    return value, 4 * (((p - q) * kernel)[..., None] * apart).sum(axis=1)
