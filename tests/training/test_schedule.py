"""The learning rate over a run: it rises, falls, ends where it should, and counts steps as Lightning takes them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.data.dataset import DataConfig
from phin.errors import InvalidConfig
from phin.training.schedule import ScheduleConfig
from tests.training.small import parts, trainer_for

PEAK = 0.01
shares = st.floats(0, 0.99)
totals = st.integers(1, 5000)


def factors(schedule: ScheduleConfig, total: int) -> list[float]:
    return [schedule.factor(step, total) for step in range(total)]


def test_the_default_schedule_by_hand() -> None:
    """Fails: the rate is not the one that the study chose."""
    schedule = ScheduleConfig(warmup=0.2, final=0.1)
    expected = [0.5, 1.0, 1.0, 0.9657, 0.8682, 0.7222, 0.55, 0.3778, 0.2318, 0.1343]
    assert factors(schedule, 10) == pytest.approx(expected, abs=1e-4)
    assert schedule.factor(10, 10) == pytest.approx(0.1)


@given(shares, st.floats(0, 1), totals)
def test_the_rate_is_never_above_its_peak_and_reaches_it(warmup: float, final: float, total: int) -> None:
    """Fails: the ancestor's fault: a warm-up longer than the run, which never learns at full rate."""
    rates = factors(ScheduleConfig(warmup, final), total)
    assert max(rates) == pytest.approx(1)
    assert 0 < min(rates) or final == 0


@given(shares, totals)
def test_the_rate_rises_and_then_falls(warmup: float, total: int) -> None:
    """Fails: a rate that jumps undoes what was learned."""
    rates = factors(ScheduleConfig(warmup, 0.02), total)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


@given(st.floats(0, 0.5), st.floats(0, 1), totals)
def test_a_run_ends_at_its_final_rate_and_stays_there(warmup: float, final: float, total: int) -> None:
    """Fails: the last steps are too large to settle, or a longer run starts to rise again."""
    schedule = ScheduleConfig(warmup, final)
    assert schedule.factor(total, total) == pytest.approx(final)
    assert schedule.factor(total + 100, total) == pytest.approx(final)


def test_a_final_of_one_stays_at_the_peak() -> None:
    """Fails: `scheduler=constant` is not constant."""
    assert factors(ScheduleConfig(0.1, 1.0), 100)[10:] == [1.0] * 90


@pytest.mark.parametrize("settings", [{"warmup": 1.0}, {"warmup": -0.1}, {"final": 1.5}, {"final": -1.0}])
def test_shares_that_are_none_are_refused(settings: dict[str, float]) -> None:
    """Fails: a warm-up in steps, given as a share, is a run that only warms up."""
    with pytest.raises(InvalidConfig, match="scheduler"):
        ScheduleConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"max_steps": 5}, lambda batches: 5),
        ({"max_steps": 5, "accumulate_grad_batches": 4}, lambda batches: 5),
        ({"max_epochs": 2, "accumulate_grad_batches": 4}, lambda batches: 2 * -(-batches // 4)),
    ],
    ids=["steps", "steps of four batches", "epochs whose last step is not full"],
)
def test_the_schedule_counts_the_steps_that_are_taken(
    corpus: DataConfig, tmp_path: Path, settings: dict[str, int], steps: object
) -> None:
    """Fails: the ancestor's fault: steps are counted in batches, and the rate never comes down."""
    module, datamodule = parts(corpus)
    trainer = trainer_for(tmp_path, limit_val_batches=0, **settings)
    trainer.fit(module, datamodule=datamodule)
    batches = len(datamodule.loader)
    assert batches % 4, "the last step of an epoch is not full"
    assert trainer.global_step == steps(batches) == trainer.estimated_stepping_batches
    (optimizer,) = trainer.optimizers
    assert optimizer.param_groups[0]["lr"] == pytest.approx(PEAK * ScheduleConfig().final)
