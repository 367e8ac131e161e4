"""Curves: what the logs hold, in order, of runs that went on too; and a picture that tells twelve runs apart."""

from pathlib import Path

import numpy as np
import pytest

from phin.errors import PhinError
from phin.evaluation.bits_table import MONITOR
from phin.evaluation.runs.curves import COLOURS, LOSS, Curve, Curves, Line, picture, read_curves, smoothed
from phin.music.picture import save
from tests.evaluation.runs.run_folders import write_log


def test_curves_are_what_was_logged_by_steps_done(tmp_path: Path) -> None:
    """Fails: a curve is of another number, or is shifted against the steps."""
    rows = [(4, {LOSS: 9.0}), (9, {LOSS: 8.0}), (9, {MONITOR: 4.0}), (14, {LOSS: 7.0}), (19, {MONITOR: 4.5})]
    write_log(tmp_path, rows)
    curves = read_curves(tmp_path, 20)
    assert [column.tolist() for column in curves.loss] == [[5, 10, 15], [9.0, 8.0, 7.0]]
    assert [column.tolist() for column in curves.validation] == [[10, 20], [4.0, 4.5]]
    assert (curves.best, curves.last, curves.steps) == ((4.0, 10), 4.5, 20)


def test_a_run_without_a_log_has_no_curve(tmp_path: Path) -> None:
    """Fails: a run with another logger, or one that began a second ago, cannot be compared at all."""
    curves = read_curves(tmp_path, None)
    assert (curves.best, curves.last, curves.steps) == (None, None, 0)
    write_log(tmp_path, [])
    assert read_curves(tmp_path, 20).best is None


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    """Fails: looking at a run while it trains fails every now and then."""
    path = write_log(tmp_path, [(9, {MONITOR: 4.0})])
    path.write_text(path.read_text() + "19,,3.", encoding="utf-8")
    assert read_curves(tmp_path, None).last == 4.0


@pytest.mark.parametrize("line", ["19,,x\n", "19,3\n", ",,3.0\n", "19,,3.0,4\n", "1e999,,3.0\n"])
def test_a_torn_log_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    """Fails: a curve ends where a disk was full, as if the run had."""
    path = write_log(tmp_path, [(9, {MONITOR: 4.0})])
    path.write_text(path.read_text() + line, encoding="utf-8")
    with pytest.raises(PhinError, match=r"metrics\.csv: line 3 is torn"):
        read_curves(tmp_path, None)


def test_a_log_of_something_else_is_named(tmp_path: Path) -> None:
    """Fails: a traceback for a file that somebody put there."""
    path = write_log(tmp_path, [])
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(PhinError, match="has no column 'step'"):
        read_curves(tmp_path, 20)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PhinError, match="cannot be read"):
        read_curves(tmp_path, 20)


def line(name: str, colour: int, marker: int = 0) -> Line:
    steps = np.arange(1, 41) * 50
    values = 3 + 10 / (1 + steps / 200) + 0.1 * colour
    return Line(name, colour, marker, Curves(Curve(steps[7::8], values[7::8]), Curve(steps, values + 1), 2000))


def test_twelve_runs_can_be_told_apart(tmp_path: Path) -> None:
    """Fails: two lines look alike, or a run is not in the legend."""
    figure = picture([line(f"{k + 1}: model.dim={k}", k) for k in range(12)])
    for panel in figure.axes:
        strong = [drawn for drawn in panel.get_lines() if drawn.get_alpha() is None]
        looks = {(drawn.get_color(), drawn.get_linestyle()) for drawn in strong}
        assert len(looks) == 12
        assert {colour for colour, _ in looks} == set(COLOURS)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"{k + 1}: model.dim={k}" for k in range(12)]
    save(figure, tmp_path / "twelve.png")


def test_seeds_of_an_arm_share_its_colour_and_not_its_marker(tmp_path: Path) -> None:
    """Fails: whoever looks for the better arm sees twelve unrelated lines."""
    figure = picture([line("1: a, seed 0", 0), line("2: a, seed 1", 0, 1), line("3: b, seed 0", 1)])
    one, other, third = figure.axes[0].get_lines()
    assert one.get_color() == other.get_color() != third.get_color()
    assert one.get_marker() != other.get_marker()
    assert [list(drawn) for drawn in zip(*one.get_data(), strict=True)] == [
        [step, value] for step, value in zip(*line("", 0).curves.validation, strict=True)
    ]


def test_a_running_mean_is_one_and_ends_where_the_curve_does() -> None:
    """Fails: the strong line of a noisy loss is shifted, or bends where the curve ends."""
    values = np.random.default_rng(0).normal(size=200)
    mean = smoothed(Curve(np.arange(200), values))
    for place in range(200):
        reach = min(5, place, 199 - place)
        assert mean.values[place] == pytest.approx(values[place - reach : place + reach + 1].mean())
    short = Curve(np.arange(30), values[:30])
    np.testing.assert_allclose(smoothed(short).values, short.values)


def test_any_name_can_be_drawn(tmp_path: Path) -> None:
    """Fails: a folder with Thai letters, or one with dollars in it, has no picture."""
    names = ["1: data.path=เพลง", "2: $x_", "_3", "4: " + 200 * "x"]
    save(picture([line(name, k) for k, name in enumerate(names)]), tmp_path / "c.svg")
    empty = Curve(np.zeros(0, np.int64), np.zeros(0))
    save(picture([Line("1", 0, 0, Curves(empty, empty, 0))]), tmp_path / "nothing.png")
