"""The load study: its clients see what is wrong, and a real server under them does what it promises."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from experiments.web_load.client import Counts, Heard, Server
from experiments.web_load.study import megabytes, picture, results, run, serving

pytestmark = [pytest.mark.slow, pytest.mark.long]
NOTE = {"onset": 0, "pitch": 60}


def heard(events: list[tuple[int, str, Any]]) -> list[str]:
    """What is found wrong with events."""
    listener = Heard(Server("nowhere", 0), Counts(), {"id": "x", "events": ""}, 0.0)
    for event in events:
        listener._hear(*event)
    return listener.counts.faults


def test_what_is_lost_doubled_or_reordered_is_seen() -> None:
    """Fails: the study says that nothing was lost, whatever was."""
    begin, first, second = (0, "begin", {}), (1, "note", NOTE), (2, "note", {**NOTE, "onset": 6})
    assert heard([begin, first, second, (3, "tune", {})]) == []
    assert heard([begin, second]), "lost"
    assert heard([begin, first, first]), "doubled"
    assert heard([begin, second, first]), "reordered"
    assert heard([begin, (1, "note", {**NOTE, "onset": 6}), (2, "note", NOTE)]), "struck in another order"
    assert heard([begin, first, (2, "begin", {})]), "begun anew"


def test_a_server_under_load_loses_nothing(exported_folder: Path) -> None:
    """Fails: with several who listen, whose connections break, someone hears a hole; or the study does not run."""
    with serving([f"checkpoint={exported_folder}"], 6) as (process, server):
        assert megabytes(process.pid) > 20
        counts, rows, places = asyncio.run(run(process.pid, server, 6, 2.0))
    assert counts.faults == []
    assert counts.refused == 0
    assert counts.tunes > 0
    assert counts.cuts > 0
    assert counts.notes > 20
    assert len(places) == 6
    found = {row["measure"]: float(row["value"]) for row in results(counts, rows, places, 6, 2.0)}
    assert found["first note, 99 %"] >= found["first note, 50 %"] > 0
    assert found["notes a second"] == pytest.approx(counts.notes / 2.0, rel=1e-3)
    assert sum(int(row["notes"]) for row in rows) <= counts.notes
    assert len(picture(rows).axes) == 3
