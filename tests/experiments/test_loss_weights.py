"""What the terms weighed over time, read off the logs of runs."""

from pathlib import Path

from experiments.loss_weights.weights import COLUMNS, picture, weights_over_time
from phin.evaluation.runs.run_folder import Run

HEAD = "step,epoch,loss_weight/mode,loss_weight/note,loss_weight/pentatonic,loss_weight/rhythm,val/bits_per_note"


def test_each_logged_step_is_a_row_and_a_validation_is_none(tmp_path: Path) -> None:
    """Fails: weights are put beside the wrong steps: the log counts them from 0, and validations have none."""
    (tmp_path / "metrics.csv").write_text(f"{HEAD}\n9,0,0.9,0.8,1.0,0.7,\n9,0,,,,,3.5\n19,0,0.85,0.75,1.0,0.65,\n")
    rows = weights_over_time(Run(tmp_path, [], {"seed": 3}, None), "loss=learned")
    assert [tuple(row[column] for column in COLUMNS) for row in rows] == [
        ("loss=learned", "3", "10", "0.8000", "0.7000", "0.9000", "1.0000"),
        ("loss=learned", "3", "20", "0.7500", "0.6500", "0.8500", "1.0000"),
    ]
    (panel,) = picture(rows).axes
    assert {line.get_label(): line.get_ydata().tolist() for line in panel.lines}["note"] == [0.8, 0.75]
