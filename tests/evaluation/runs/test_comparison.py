"""Runs side by side: what is printed, written and drawn is what lies in their folders, and no more is claimed."""

import csv
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phin.evaluation.bits_table import ALL
from phin.evaluation.by_tune import TEST_BITS, ByTune
from phin.evaluation.paired import paired
from phin.evaluation.runs.comparison import COLUMNS, Comparison, compare, csv_text, lines
from phin.evaluation.runs.comparison_tables import tables
from phin.evaluation.tabular import Table, text
from tests.evaluation.runs.run_folders import rows_of, tunes, write_log, write_run


def titled(comparison: Comparison, words: str) -> Table:
    (table,) = [table for table in tables(comparison) if table.title.startswith(words)]
    return table


def column(table: Table, name: str) -> list[str]:
    return [row[table.head.index(name)] for row in table.rows]


def shifted(read: ByTune, by: float) -> ByTune:
    bits = read.bits.copy()
    bits[:, 0] += by * read.notes
    return replace(read, bits=bits)


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two arms of two seeds each; the second arm reads half a bit less."""
    for number, (rate, seed) in enumerate([(0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1)]):
        read = tunes(seed) if rate == 0.1 else shifted(tunes(seed), -0.5)
        overrides, settings = [f"optimizer.lr={rate}", f"seed={seed}"], {"optimizer.lr": rate}
        write_run(
            tmp_path / "sweep" / str(number), overrides, settings, seed, read, validation_bits_per_note=3 + number
        )
    return tmp_path / "sweep"


def test_one_run_is_shown_alone(tmp_path: Path) -> None:
    """Fails: whoever has one run so far gets an error instead of its numbers."""
    comparison = compare([write_run(tmp_path / "r")])
    assert [table.title.split(" ")[0] for table in tables(comparison)] == ["1", "Machine", "Held-out"]
    assert "difference" not in text(tables(comparison))


def test_what_differs_in_settings_is_a_row_a_setting_and_a_column_a_run(sweep: Path) -> None:
    """Fails: the setting that made the difference is not in the table, or under another run."""
    table = titled(compare([sweep]), "Settings")
    assert table.head == ("", "1", "2", "3", "4")
    assert table.rows == [["optimizer.lr", "0.1", "0.1", "0.2", "0.2"], ["seed", "0", "1", "0", "1"]]


def test_a_table_of_many_runs_is_broken_and_its_long_values_are_cut_on_a_terminal_alone(tmp_path: Path) -> None:
    """Fails: twelve columns run over the edge of the terminal; or a page hides a setting."""
    for number in range(12):
        write_run(tmp_path / "s" / str(number), settings={"init": f"{100 * 'a'}{number}"})
    table = titled(compare([tmp_path / "s"]), "Settings")
    assert table.rows[0][12].endswith("a11")
    printed = text([table])
    assert max(map(len, printed.splitlines())) <= 120
    assert printed.count("init") == 4
    assert all(f"aaa{number}" in printed for number in range(12))


def test_another_machine_is_told(tmp_path: Path) -> None:
    """Fails: a difference that another version of torch made is taken for one of the settings."""
    write_run(tmp_path / "s" / "1")
    write_run(tmp_path / "s" / "2", seed=1, machine={"torch": "2.14.0", "threads": 1})
    table = titled(compare([tmp_path / "s"]), "Machine")
    assert table.rows == [["torch", "2.13.0", "2.14.0"]]
    assert table.notes == ["the same in all: threads 1"]


def test_bits_are_those_of_the_reports_by_source_and_in_all(sweep: Path) -> None:
    """Fails: a run's number stands under another run or another source."""
    comparison = compare([sweep])
    table = titled(comparison, "Held-out")
    assert column(table, "source") == 4 * [ALL] + 4 * ["essen"] + 4 * ["han"]
    assert column(table, "#") == 3 * ["1", "2", "3", "4"]
    reported = {row.source: row for row in rows_of(shifted(tunes(1), -0.5))}
    for source, row in zip((ALL, "essen", "han"), table.rows[3::4], strict=True):
        said = reported[source]
        assert row[3:5] == [str(said.tunes), str(said.notes)]
        assert row[8:10] == [f"{said.bits:.3f}", f"{said.interval[0]:.3f}-{said.interval[1]:.3f}"]


def test_each_run_is_paired_with_the_first(sweep: Path) -> None:
    """Fails: a difference has the wrong sign, or is to another run than the title says."""
    comparison = compare([sweep / "3", sweep])
    table = titled(comparison, "Paired differences on the same test tunes: each run less run 1 (optimizer.lr=0.2)")
    rows = [dict(zip(table.head, row, strict=True)) for row in table.rows]
    (row,) = [row for row in rows if (row["source"], row["#"]) == (ALL, "3")]
    assert comparison.entries[2].run.folder == sweep / "1"
    assert (row["bits/note"], row["95 %"], row["so it reads"]) == ("+0.500", "+0.500 to +0.500", "more bits")
    assert {row["#"] for row in rows} == {"2", "3", "4"}


def test_seeds_of_an_arm_are_taken_together(sweep: Path) -> None:
    """Fails: the spread over seeds is not to be seen, and luck passes for a better model."""
    comparison = compare([sweep])
    assert [arm.name for arm in comparison.arms] == ["optimizer.lr=0.1", "optimizer.lr=0.2"]
    table = titled(comparison, "Arms")
    bits = [rows_of(tunes(seed))[-1].bits for seed in (0, 1)]
    expected = [f"{statistics.fmean(bits):.3f}", f"{statistics.stdev(bits):.3f}", f"{min(bits):.3f}-{max(bits):.3f}"]
    assert table.rows[0] == [ALL, "optimizer.lr=0.1", "0, 1", *expected]
    by_arm = titled(comparison, "Paired differences by arm: each less optimizer.lr=0.1")
    assert by_arm.rows[0][:3] == [ALL, "optimizer.lr=0.2", "0, 1"]
    assert column(by_arm, "bits/note") == 3 * ["-0.500"]
    assert column(by_arm, "so it reads") == 3 * ["fewer bits"]


def test_only_seeds_that_both_arms_have_are_paired(sweep: Path) -> None:
    """Fails: an arm wins because of the seeds it was given."""
    write_run(sweep / "4", ["optimizer.lr=0.2", "seed=2"], {"optimizer.lr": 0.2}, 2, shifted(tunes(2), 9.0))
    by_arm = titled(compare([sweep]), "Paired differences by arm")
    assert by_arm.rows[0][2] == "0, 1"
    assert by_arm.rows[0][5] == "-0.500"
    others = titled(compare([sweep / "1", sweep / "2", sweep / "4"]), "Paired differences by arm")
    assert others.rows[0][2] == "0, 2 and 1"


def test_a_seed_that_was_run_twice_counts_once(sweep: Path) -> None:
    """Fails: a run that was repeated weighs double, and narrows the spread over seeds."""
    before = [titled(compare([sweep]), words).rows for words in ("Arms", "Paired differences by arm")]
    write_run(sweep / "4", ["optimizer.lr=0.1", "threads=3"], {"threads": 3}, 1)
    assert [titled(compare([sweep]), words).rows for words in ("Arms", "Paired differences by arm")] == before
    write_run(sweep / "5", ["optimizer.lr=0.1", "threads=4"], {"threads": 4}, 1, shifted(tunes(1), 9.0))
    assert titled(compare([sweep]), "Paired differences by arm").rows == before[1], "the first run of the seed"


def test_a_run_that_is_not_finished_is_listed_as_far_as_it_came(tmp_path: Path) -> None:
    """Fails: whoever looks at a sweep while it runs is refused, or takes half a run for a whole one."""
    write_run(tmp_path / "s" / "1", finished=False)
    write_run(tmp_path / "s" / "2", ["optimizer.lr=1"], {"optimizer.lr": 1})
    (tmp_path / "s" / "1" / TEST_BITS).write_text("of an earlier end", encoding="utf-8")
    write_log(tmp_path / "s" / "1", [(19, {"val/bits_per_note": 3.5}), (29, {"val/bits_per_note": 3.75})])
    comparison = compare([tmp_path / "s"])
    table = titled(comparison, "2 runs")
    assert column(table, "state") == ["not finished", "finished"]
    assert column(table, "steps") == ["30", "20"]
    assert column(table, "best validation") == ["3.500", "3.500"]
    assert column(table, "last") == ["3.750", "3.500"]
    assert column(titled(comparison, "Held-out"), "#") == 3 * ["2"]
    assert not [table for table in tables(comparison) if table.title.startswith("Paired")]
    assert lines(comparison)[0].name == "1: default, not finished"
    assert comparison.against is comparison.entries[1]
    row, *_ = csv.DictReader(csv_text(comparison).splitlines())
    assert (row["finished"], row["steps"], row["validation_bits_per_note"]) == ("no", "30", "3.7500")


def test_runs_without_bits_by_tune_or_without_common_tunes_say_so(tmp_path: Path) -> None:
    """Fails: a difference is missing without a word, or is made of unlike tunes."""
    other = replace(tunes(1), content=[f"x{k}" for k in range(30)])
    some = replace(tunes(2), id=[f"folk/{k + 10}" for k in range(30)], content=[f"{k + 10:012x}" for k in range(30)])
    for number, read in enumerate([None, other, some, None]):
        write_run(tmp_path / "s" / str(number), [f"a={number}"], {"a": number}, read=read)
    (tmp_path / "s" / "3" / TEST_BITS).unlink()
    table = titled(compare([tmp_path / "s"]), "Paired")
    assert {*column(table, "#")} == {"3"}
    assert column(table, "tunes")[0] == "20"
    assert table.notes == [
        "runs 1 and 2 have no test tune in common",
        "runs 1 and 3 share 20 test tunes, of 30 and 30: the difference is on those alone",
        f"run 4 has no {TEST_BITS} and so no pairs: phin-train resume={tmp_path}/s/3 writes it",
    ]
    for number in range(3):
        (tmp_path / "s" / str(number) / TEST_BITS).unlink()
    table = titled(compare([tmp_path / "s"]), "Paired")
    assert (table.rows, len(table.notes)) == ([], 4)


def test_no_more_is_claimed_than_is_known(tmp_path: Path) -> None:
    """Fails: a difference within the interval, or of one family, is called a difference."""
    noise = np.random.default_rng(0).normal(0, 20, (30, 6)).clip(-30, 30)
    unlike = replace(tunes(0), bits=tunes(0).bits + noise + 30)
    same_mean = shifted(unlike, -float((unlike.headline - tunes(0).headline).sum() / unlike.notes.sum()))
    alone = replace(tunes(0), family=np.zeros(30, dtype=np.int64))
    for number, read in enumerate([None, same_mean, None, shifted(alone, 1.0)]):
        write_run(tmp_path / "s" / str(number), [f"a={number}"], {"a": number}, read=read)
    table = titled(compare([tmp_path / "s"]), "Paired")
    assert column(table, "so it reads")[:3] == ["cannot tell", "the same", "cannot tell"]
    assert column(table, "95 %")[2] == "one family"


def test_of_one_source_no_number_stands_there_twice(tmp_path: Path) -> None:
    """Fails: a table of one source is twice as long as it need be, and seems to say more."""
    for seed in range(2):
        write_run(tmp_path / "s" / str(seed), seed=seed, read=replace(tunes(seed), source=["han"] * 30))
    comparison = compare([tmp_path / "s"])
    assert {*column(titled(comparison, "Held-out"), "source")} == {ALL}
    assert titled(comparison, "Held-out").notes == ["all are of one source, han"]
    assert [column(titled(comparison, words), "source") for words in ("Paired", "Arms")] == [[ALL], [ALL]]


def test_lines_are_coloured_by_arm_and_of_one_arm_by_run(sweep: Path) -> None:
    """Fails: the legend does not say what differs, or two runs have one look."""
    drawn = lines(compare([sweep]))
    assert [(line.name, line.colour, line.marker) for line in drawn] == [
        ("1: optimizer.lr=0.1, seed 0", 0, 0),
        ("2: optimizer.lr=0.1, seed 1", 0, 1),
        ("3: optimizer.lr=0.2, seed 0", 1, 0),
        ("4: optimizer.lr=0.2, seed 1", 1, 1),
    ]
    drawn = lines(compare([sweep / "0", sweep / "1"]))
    assert [(line.name, line.colour, line.marker) for line in drawn] == [("1: 0, seed 0", 0, 0), ("2: 1, seed 1", 1, 0)]


@pytest.mark.parametrize(
    ("told", "cells"),
    [
        (
            {
                "machine": {"torch": "2.13.0", "threads": 1, "cores": 8, "processor": "One", "gpu": None},
                "git": {"revision": 40 * "a", "dirty": True},
            },
            ("1", "8", "One", "", "2.13.0", 12 * "a" + "-dirty"),
        ),
        ({"git": {"revision": 40 * "b", "dirty": False}}, ("1", "", "", "", "2.13.0", 12 * "b")),
        ({"machine": {}, "git": None}, ("", "", "", "", "", "")),
    ],
    ids=["all", "an older run", "nothing"],
)
def test_a_row_says_what_made_it(tmp_path: Path, told: dict[str, Any], cells: tuple[str, ...]) -> None:
    """Fails: rows of two machines or of two versions stand in one table, and nobody can tell them apart."""
    folder = write_run(tmp_path / "run", **told)
    rows = list(csv.DictReader(csv_text(compare([folder])).splitlines()))
    made_by = ("threads", "cores", "processor", "gpu", "torch", "revision")
    assert {tuple(row[name] for name in made_by) for row in rows} == {cells}


def test_the_csv_holds_a_row_a_run_and_source_with_its_difference(sweep: Path) -> None:
    """Fails: whoever draws the table elsewhere has other numbers than were printed."""
    comparison = compare([sweep])
    rows = list(csv.DictReader(csv_text(comparison).splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert [row["run"] for row in rows] == [str(sweep / str(number)) for number in range(4) for _ in range(3)]
    assert rows[0]["against"] == rows[0]["difference"] == ""
    (row,) = [row for row in rows if row["run"].endswith("3") and row["source"] == "han"]
    (expected,) = [each for each in paired([shifted(tunes(1), -0.5)], [tunes(0)]) if each.source == "han"]
    numbers = [float(row[name]) for name in ("difference", "difference_low", "difference_high")]
    assert numbers == pytest.approx([expected.difference, *expected.interval], abs=1e-4)
    assert (row["shared_tunes"], row["against"], row["seed"]) == (str(expected.tunes), str(sweep / "0"), "1")
