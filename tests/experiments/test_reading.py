"""The blind reading: what is shown, what is counted, and what players answered."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from experiments.reading.study import (
    FAULTS,
    GUESS,
    KEY,
    READING,
    answered,
    as_shown,
    difference_interval,
    notation,
    tell,
)
from phin.music.phrase import DUPLE, Phrase, rows_from_columns


def tune(*notes: tuple[int, int, int]) -> Phrase:
    """Of (onset, duration, pitch)."""
    return Phrase(rows_from_columns(*map(np.array, zip(*notes, strict=True))), metre=DUPLE, title="A tune")


def test_a_bar_is_read_as_it_is_played() -> None:
    """Fails: a reader judges other rhythms than were drawn."""
    shown = notation(
        tune((-12, 12, 69), (0, 24, 72), (36, 12, 71), (48, 8, 69), (56, 8, 71), (64, 8, 72), (96, 72, 69))
    )
    assert shown == "A tune  2/4\n-6 A4:2 | C5:4 -2 B4:2 | A4:4/3 B4:4/3 C5:4/3 -4 | A4:12\n="


def test_nothing_but_the_notes_tells_tunes_apart() -> None:
    """Fails: drawn tunes are known by their velocities, titles, octaves or keys, and the reading is not blind."""
    high, low = tune((0, 24, 93), (24, 24, 95)), tune((0, 24, 57), (24, 24, 59))
    assert as_shown(high, 0).rows.tolist() == as_shown(low, 0).rows.tolist()
    assert as_shown(high, 3).rows.tolist() == as_shown(tune((0, 24, 96), (24, 24, 98)), 0).rows.tolist()
    assert as_shown(high, 0).title == ""


def test_the_interval_is_the_published_one() -> None:
    """Newcombe (1998), table II, contrast (a), method 10: 56/70 - 48/80."""
    assert difference_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def filled(folder: Path, answers: dict[str, tuple[bool, str, str]]) -> Path:
    """A reading of tunes: each drawn or not, thought real, and looping."""
    key = {name: {"is_drawn": drawn, "pair": 0, "id": "", "rows": []} for name, (drawn, _, _) in answers.items()}
    (folder / KEY).write_text(json.dumps({"tunes": key, "seed": 0}))
    with (folder / READING).open("w", newline="") as file:
        writer = csv.DictWriter(file, ["tune", GUESS, *FAULTS, "remark"])
        writer.writeheader()
        for name, (_, real, loops) in answers.items():
            writer.writerow({"tune": name, **dict.fromkeys(FAULTS, "0"), GUESS: real, "loops": loops})
    return folder


def test_what_was_found_is_counted_by_kind(tmp_path: Path) -> None:
    """Fails: faults of real tunes are put down to the model, or the guesses are counted the wrong way round."""
    answers = {"1": (True, "0", "1"), "2": (True, "1", "0"), "3": (False, "1", "0"), "4": (False, "1", "0")}
    table = tell(filled(tmp_path, answers))
    by_name = {row[0]: row for row in table.rows}
    assert by_name[GUESS][1:4] == ["1", "2", "-50%"]
    assert by_name["loops"][1:4] == ["1", "0", "+50%"]
    assert by_name["any fault"][1:4] == ["1", "0", "+50%"]
    assert "told 75% rightly" in table.notes[0]


def test_a_reading_that_is_not_finished_is_not_told(tmp_path: Path) -> None:
    """Fails: an empty cell counts as no fault."""
    filled(tmp_path, {"1": (True, "0", ""), "2": (False, "1", "0")})
    with pytest.raises(SystemExit, match="tune 1 and 0 more hold no 0 or 1"):
        tell(tmp_path)


def test_players_answers_are_counted(tmp_path: Path) -> None:
    """Fails: who hears the drawn tune out is told wrong."""
    (tmp_path / "key.csv").write_text("pair,drawn,real_tune,drawn_tune\n1,A,x,y\n2,B,x,y\n3,A,x,y\n")
    head = "pair,made_by_people,a_like_1_to_5,b_like_1_to_5,remark\n"
    (answers := tmp_path / "one.csv").write_text(f"{head}1,b,1,5,\n2,B,4,2,\n3,?,3,,\n")
    table = answered(tmp_path, [answers])
    assert table.rows == [["one.csv", "1", "1", "2.0", "4.5"]]
    answers.write_text(f"{head}1,C,1,5,\n")
    with pytest.raises(SystemExit, match=r"pair 1 says C\. Write A, B or \?"):
        answered(tmp_path, [answers])
