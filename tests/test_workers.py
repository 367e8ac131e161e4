"""Workers: whatever a reader does on one file, that file is named and all others are read."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from phin.errors import Defect
from phin.workers import ORPHAN_SECONDS, Failure, Limits, limited
from tests.corpus.readers import read

LIMITS = Limits(seconds=20.0, megabytes=256)
HURRIED = Limits(seconds=0.5, megabytes=256)
GOOD = [f"good {number}" for number in range(12)]

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")


def results(items: list[str], num_workers: int = 1, limits: Limits = LIMITS) -> dict[str, str | Failure]:
    """What became of each item; those that are done without the name of their process."""
    done = [(items[number], result) for number, result in limited(read, items, num_workers, limits)]
    assert sorted(item for item, _ in done) == sorted(items), "each once"
    return {item: result if isinstance(result, Failure) else result.split(" ", 1)[1] for item, result in done}


def failures(what: dict[str, str | Failure]) -> dict[str, Failure]:
    return {item: result for item, result in what.items() if isinstance(result, Failure)}


@pytest.mark.parametrize("num_workers", [1, 2])
def test_every_item_is_done_once(num_workers: int) -> None:
    """Tunes would be missing from the corpus, or be in it twice."""
    assert results(GOOD, num_workers) == {item: item for item in GOOD}
    assert results([], num_workers) == {}


@pytest.mark.parametrize("how", ["hangs", "hangs in C"])
def test_an_item_that_hangs_is_named_after_its_time_and_the_others_are_done(how: str) -> None:
    """One file that never ends, and the night's run stands still until somebody looks."""
    began = time.monotonic()
    done = results([*GOOD[:6], how, *GOOD[6:]], limits=HURRIED)
    assert failures(done) == {how: Failure(Defect.TOO_SLOW, "takes longer than 0.5 s to read")}
    assert time.monotonic() - began < 15


@linux
@pytest.mark.parametrize("how", ["allocates", "allocates in numpy", "allocates bit by bit"])
def test_an_item_that_takes_too_much_memory_is_named_and_the_others_are_done(how: str) -> None:
    """One file, and the system kills the run, or whatever else the person had open."""
    done = results([*GOOD[:6], how, *GOOD[6:]])
    assert failures(done) == {how: Failure(Defect.TOO_HUNGRY, "takes more than 256 MB of memory to read")}


@linux
def test_each_item_has_the_whole_of_its_memory() -> None:
    """A file would be refused for what the files before it took."""
    items = [f"takes:{megabytes}" for megabytes in (200, 201, 202, 300, 203)]
    assert list(failures(results(items))) == ["takes:300"]


@pytest.mark.parametrize(
    ("how", "words"), [("kills itself", "SIGKILL"), ("segfaults", "SIGSEGV"), ("exits", "status 3")]
)
def test_an_item_that_ends_its_process_is_named_and_the_others_are_done(how: str, words: str) -> None:
    """One file that crashes the reader, and `concurrent.futures` would give up all the rest."""
    done = results([*GOOD[:6], how, *GOOD[6:]], num_workers=2)
    assert failures(done) == {how: Failure(Defect.BROKE_READER, f"ended the process that read it ({words})")}


def test_a_folder_in_which_every_file_misbehaves_comes_to_its_end() -> None:
    """A broken download would exhaust the pool, and the run wait for processes that are gone."""
    items = ["kills itself", "hangs", "exits", "segfaults"] * 2
    done = [result for _, result in limited(read, items, 2, HURRIED)]
    assert len(done) == len(items)
    assert {result.defect for result in done} == {Defect.BROKE_READER, Defect.TOO_SLOW}


def test_a_process_serves_more_than_one_item() -> None:
    """Half a second of imports for each file: a day for a large folder."""
    processes = {result.split()[0] for _, result in limited(read, GOOD, 1, LIMITS)}
    assert len(processes) == 1
    assert processes != {str(os.getpid())}


def test_items_are_taken_as_they_are_needed() -> None:
    """A million files would lie in memory before the first is read."""
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield f"item {taken}"

    work = limited(read, endless(), 2, LIMITS)
    for _ in range(10):
        next(work)
    work.close()
    assert taken <= 12


def test_time_in_which_results_are_waited_for_by_nobody_is_not_held_against_an_item() -> None:
    """A slow disk under the cache, and good files would be called too slow."""
    work = limited(read, GOOD[:4], 1, HURRIED)
    done = []
    for _, result in work:
        done.append(result)
        time.sleep(0.7)
    assert not any(isinstance(result, Failure) for result in done)


def test_a_fault_of_the_program_is_not_hidden_among_the_refusals() -> None:
    """A mistake of ours would refuse everybody's files, one by one, with a straight face."""
    with pytest.raises(RuntimeError, match="a fault of the program"):
        results(["raises", *GOOD])


def is_running(process: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.long
@linux
@pytest.mark.parametrize("seconds", [0.2, 60])
def test_processes_do_not_outlive_the_run_that_started_them(tmp_path: Path, seconds: float) -> None:
    """A run that was killed would leave a hanging reader behind, at full load, until the machine is restarted."""
    note = tmp_path / "process"
    code = (
        "from phin.workers import limited, Limits\nfrom tests.corpus.readers import read\n"
        f"list(limited(read, ['notes:{note}:{seconds}', 'hangs'], 1, Limits(2.0, 256)))"
    )
    run = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not (note.is_file() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process = int(note.read_text())
    assert is_running(process)
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 2 + ORPHAN_SECONDS + 5
    while is_running(process) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running(process)
