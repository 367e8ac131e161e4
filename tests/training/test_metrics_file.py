"""What a run logs: on disk at once, in one file, and cut back where a run goes on from an earlier checkpoint."""

import csv
from pathlib import Path

import pytest

from phin.training.metrics_file import MetricsFile


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_is_logged_is_on_disk_at_once(tmp_path: Path) -> None:
    """Fails: the last hundred steps of a run that was killed are nowhere to be seen."""
    path = tmp_path / "run" / "metrics.csv"
    logger = MetricsFile(str(path))
    logger.log_metrics({"loss": 0.1}, step=0)
    assert rows(path) == [{"step": "0", "loss": "0.1"}]
    logger.log_metrics({"loss": 1 / 3}, step=19)
    assert float(rows(path)[1]["loss"]) == 1 / 3, "every digit"


def test_a_metric_that_comes_later_gets_a_column_and_loses_no_row(tmp_path: Path) -> None:
    """Fails: the first validation wipes out what was logged before, or is not logged."""
    logger = MetricsFile(str(tmp_path / "metrics.csv"))
    logger.log_metrics({"loss": 2.0, "b": 1}, step=0)
    logger.log_metrics({"a": 7.5}, step=1)
    logger.log_metrics({"loss": 1.0, "b": 2}, step=2)
    text = (tmp_path / "metrics.csv").read_text(encoding="utf-8")
    assert text == "step,a,b,loss\n0,,1,2.0\n1,7.5,,\n2,,2,1.0\n"


def test_cut_back_it_is_the_file_it_was(tmp_path: Path) -> None:
    """Fails: a curve has two values at one step, or a column of a metric that is not there yet."""
    path = tmp_path / "metrics.csv"
    logger = MetricsFile(str(path))
    states = []
    for step, metrics in enumerate([{"loss": 3.0}, {"loss": 2.0}, {"score": 9.0}, {"loss": 1.0}]):
        states.append((logger.num_rows, path.read_text() if path.exists() else None))
        logger.log_metrics(metrics, step)
    whole = path.read_text()
    for num_rows, text in states[1:]:
        path.write_text(whole + "3,1.")  # a row that was cut short
        again = MetricsFile(str(path))
        again.cut_back(num_rows)
        assert again.num_rows == num_rows
        assert path.read_text() == text
    again.log_metrics({"loss": 1.0}, 3)
    assert path.read_text() == whole


def test_a_run_that_begins_again_begins_its_file_again(tmp_path: Path) -> None:
    """Fails: the curve of a run shows the losses of another."""
    path = tmp_path / "metrics.csv"
    MetricsFile(str(path)).log_metrics({"loss": 3.0}, 0)
    MetricsFile(str(path)).log_metrics({"loss": 2.0}, 0)
    assert rows(path) == [{"step": "0", "loss": "2.0"}]


def test_a_file_that_somebody_removed_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Fails: a run cannot go on, though all that it needs is there; or half of its curve is gone without a word."""
    logger = MetricsFile(str(tmp_path / "metrics.csv"))
    logger.cut_back(5)
    assert "5 of the 5 rows that were logged are no longer in it" in caplog.text
    logger.log_metrics({"loss": 2.0}, 7)
    assert rows(tmp_path / "metrics.csv") == [{"step": "7", "loss": "2.0"}]
