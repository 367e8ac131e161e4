"""The probe: it reads what is there, not what is not, and never off the point itself."""

import numpy as np
import pytest
import torch

from phin.evaluation.inside.embeddings import NEIGHBOURS, pitch_probes, pitch_targets, shown, tables
from phin.evaluation.inside.probe import RIDGE, probe
from phin.music.phrase import HIGHEST_PITCH, LOWEST_PITCH
from phin.tokenizer import NUM_SYMBOLS, PITCH, TECHNIQUE
from tests.tiny import identity_for, tiny_model

PITCHES = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1)
RNG = np.random.default_rng(0)


def naive_r2(x: np.ndarray, target: np.ndarray, gap: int) -> float:
    """Ridge regression by its normal equations, one point left out at a time."""
    wrong = spread = 0.0
    for left in range(len(x)):
        kept = [other for other in range(len(x)) if abs(other - left) > gap]
        told, known = x[kept] - x[kept].mean(axis=0), target[kept] - target[kept].mean(axis=0)
        penalty = RIDGE * (told**2).sum() / len(kept)
        slope = np.linalg.inv(told.T @ told + penalty * np.eye(x.shape[1])) @ told.T @ known
        said = target[kept].mean(axis=0) + (x[left] - x[kept].mean(axis=0)) @ slope
        wrong += ((target[left] - said) ** 2).sum()
        spread += ((target[left] - target[kept].mean(axis=0)) ** 2).sum()
    return 1 - wrong / spread


@pytest.mark.parametrize("gap", [0, 2])
def test_a_probe_is_ridge_regression_of_points_left_out(gap: int) -> None:
    """Fails: the point that is asked about is among those that teach."""
    x, target = RNG.standard_normal((20, 6)), RNG.standard_normal((20, 2))
    target[:, 0] += 2 * x[:, 0]
    assert probe(x, target, np.arange(20), gap, 0).r2 == pytest.approx(naive_r2(x, target, gap))


def test_a_circle_is_read_off_vectors_that_hold_it_and_no_others() -> None:
    """Fails: any table is said to know the circle of fifths."""
    circles = pitch_targets(PITCHES)
    mixed = circles["circle of fifths"] @ RNG.standard_normal((2, 48)) + 0.02 * RNG.standard_normal((37, 48))
    fifths = probe(mixed, circles["circle of fifths"], PITCHES, 0, 0)
    chromatic = probe(mixed, circles["chromatic circle"], PITCHES, 0, 0)
    assert fifths.r2 > 0.95
    assert fifths.r2 > max(fifths.random_high, fifths.permuted_high) + 0.5
    assert chromatic.r2 < 0.1
    assert fifths.random <= fifths.random_high < 0.5


def test_neighbours_tell_a_smooth_target_unless_they_are_left_out() -> None:
    """Fails: vectors of which each is like the next are said to know the pitch class."""
    apart = np.abs(PITCHES[:, None] - PITCHES[None, :])
    smooth = np.linalg.cholesky(np.exp(-((apart / 1.5) ** 2)) + 1e-6 * np.eye(37))
    target = pitch_targets(PITCHES)["chromatic circle"]
    assert probe(smooth, target, PITCHES, 0, 0).r2 > probe(smooth, target, PITCHES, 4, 0).r2 + 0.3


def test_targets_of_pitches_are_circles_and_heights() -> None:
    """Fails: a fifth is not next to its root on the circle of fifths."""
    circles = pitch_targets(np.array([60, 67, 61, 72]))
    apart = {
        name: np.linalg.norm(circles[name] - circles[name][0], axis=1)
        for name in ("chromatic circle", "circle of fifths")
    }
    assert apart["circle of fifths"][1] == pytest.approx(apart["chromatic circle"][2])
    assert apart["circle of fifths"][3] == pytest.approx(0)
    assert circles["octave"][:, 0].tolist() == [5, 5, 5, 6]


def test_a_models_tables_are_named_vector_by_vector() -> None:
    """Fails: A4 stands where G#4 is; a technique that nobody labelled looks learned."""
    model = tiny_model()
    found = {table.name: table for table in tables(model, identity_for(model, unlearned=[TECHNIQUE]))}
    assert list(found) == ["pitch", "pitch head", "technique", "lai", "position"]
    pitch = found["pitch"]
    a4 = pitch.labels.index("A4")
    vector = model.embed.fields[PITCH].weight[NUM_SYMBOLS + 69 - LOWEST_PITCH]
    np.testing.assert_array_equal(pitch.vectors[a4], vector.detach().numpy())
    assert pitch.groups[pitch.group[a4]] == "C4-B4"
    assert (found["technique"].learned, pitch.learned) == (False, True)
    assert found["position"].labels[:5] == ("1", "1+¼", "1+½", "1+¾", "2")
    for table in found.values():
        assert len(table.vectors) == len(table.labels) == len(table.group)
        assert shown(table, 0).neighbours.shape == (len(table.labels), 2)
    without = tiny_model(metre=False)
    assert [table.name for table in tables(without, identity_for(without))][-1] == "lai"


@pytest.mark.long
def test_a_model_whose_pitches_lie_on_a_circle_is_found_out() -> None:
    """Fails: the probe reads another table than it names."""
    model = tiny_model()
    circle = pitch_targets(PITCHES)["chromatic circle"]
    with torch.no_grad():
        table = model.embed.fields[PITCH].weight
        table[NUM_SYMBOLS:] = table.new_tensor(circle @ RNG.standard_normal((2, table.shape[1])))
    found = {(row.table, row.target, row.gap): row.found for row in pitch_probes(model, 0)}
    assert found["pitch as read", "chromatic circle", NEIGHBOURS].r2 > 0.95
    assert found["pitch as drawn", "chromatic circle", NEIGHBOURS].r2 < 0.3
    assert ("pitch class as read", "chromatic circle", 0) in found
    assert not any(row.table == "pitch class as read" for row in pitch_probes(tiny_model(intervals=False), 0))
