"""Runs that are killed, and runs that meet: the cache is whole, and nothing that was read is read again."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from phin.corpus import intake
from phin.corpus.files import Unit, each_unit
from phin.corpus.intake import prepare
from phin.corpus.journal import Journal
from phin.corpus.report import REPORT
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import Store, StoreWriter, is_store
from phin.music.midi import midi_bytes
from tests.corpus import readers
from tests.midi_defects import defect_files
from tests.test_workers import is_running
from tests.tunes import wander

NUM_TUNES = 60
RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's & takes away
from phin.corpus import intake
from phin.corpus.settings import CorpusConfig
from tests.corpus.readers import record_slowly

if __name__ == "__main__":
    if sys.argv[3] == "slowly":
        intake._record = record_slowly
    config = CorpusConfig("mine", ["midi_folder"], path=sys.argv[1], cache=sys.argv[2], workers=2)
    print(intake.prepare(config, progress=False).fingerprint)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty tunes, and among them all that can be wrong with a file."""
    folder = tmp_path_factory.mktemp("files") / "midi"
    folder.mkdir()
    for number in range(NUM_TUNES):
        (folder / f"{number:02}.mid").write_bytes(midi_bytes(wander(number)))
    for name, (data, _) in defect_files().items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Four tunes."""
    folder = tmp_path / "midi"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.mid").write_bytes(midi_bytes(wander(number)))
    return folder


def of(folder: Path, cache: Path) -> CorpusConfig:
    return CorpusConfig("mine", ["midi_folder"], path=str(folder), cache=str(cache), workers=2)


def started(folder: Path, cache: Path, how: str = "slowly") -> subprocess.Popen[str]:
    """A run of its own."""
    command = [sys.executable, "-c", RUN, str(folder), str(cache), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def contents(store: Store) -> dict[str, bytes]:
    """What lies in a store, but for the seconds that it took."""
    files = {file.name: file.read_bytes() for file in store.folder.iterdir()}
    for name in ("about.json", REPORT):
        text = json.loads(files[name])
        text["report" if name == "about.json" else "counts"].pop("seconds")
        files[name] = json.dumps(text).encode()
    return files


@pytest.fixture(scope="module")
def uninterrupted(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return contents(prepare(of(folder, tmp_path_factory.mktemp("cache")), progress=False))


def wait_for_lines(cache: Path, count: int) -> None:
    """Until so many files are in the journal."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if sum(file.read_bytes().count(b"\n") for file in cache.glob("*.journal")) >= count:
            return
        time.sleep(0.005)
    raise AssertionError("nothing was read")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_was_killed_again_and_again_ends_like_one_that_was_not(
    folder: Path, uninterrupted: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    """A power cut, and tunes are missing from the corpus or in it twice; or the folder must be deleted by hand."""
    cache, rng = tmp_path / "cache", random.Random(seed)
    for kill in range(3):
        run = started(folder, cache)
        wait_for_lines(cache, 1 + kill * 10)
        time.sleep(rng.uniform(0, 0.3))
        run.send_signal(signal.SIGKILL)
        run.communicate()
    store = prepare(of(folder, cache), progress=False)
    assert contents(store) == uninterrupted
    assert [place.name for place in cache.iterdir() if place.name.startswith(".")] == [], "nothing half made is left"


def test_what_a_run_that_was_killed_as_it_wrote_has_left_is_removed(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each power cut would leave half a corpus on the disk, under a name that nobody looks at."""

    def that_nobody_tidies_up(**about: Any) -> SimpleNamespace:
        return SimpleNamespace(name=tempfile.mkdtemp(**about), cleanup=lambda: None)

    monkeypatch.setattr(tempfile, "TemporaryDirectory", that_nobody_tidies_up)
    monkeypatch.setattr(StoreWriter, "finish", lambda *about: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(of(few, tmp_path), progress=False)
    assert [place for place in tmp_path.iterdir() if place.name.startswith(".mine")], "there is a half"
    monkeypatch.undo()
    assert len(prepare(of(few, tmp_path), progress=False)) == 4
    assert [place.name for place in tmp_path.iterdir() if place.name.startswith(".")] == []


def test_a_run_that_waited_takes_the_store_that_was_made_meanwhile(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten jobs of a sweep, nine would make the same corpus again, one after the other."""
    enter, others = Journal.__enter__, list[Store]()

    def waits(journal: Journal) -> Journal:
        monkeypatch.undo()
        others.append(prepare(of(few, tmp_path), progress=False))
        monkeypatch.setattr(intake, "_make_store", lambda *about: 1 / 0)
        return enter(journal)

    monkeypatch.setattr(Journal, "__enter__", waits)
    mine = prepare(of(few, tmp_path), progress=False)
    assert [mine.folder] == [other.folder for other in others]


def test_what_was_read_before_the_interruption_is_not_read_again(
    folder: Path, uninterrupted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops a run after an hour would wait for that hour again."""
    copy, cache = tmp_path / "midi", tmp_path / "cache"
    shutil.copytree(folder, copy, copy_function=shutil.copy2)
    run = started(copy, cache)
    wait_for_lines(cache, 30)
    run.send_signal(signal.SIGINT)
    run.communicate()
    lines = next(cache.glob("*.journal")).read_bytes().count(b"\n")
    handed_out: list[str] = []
    limited = intake.limited

    def noting(task: object, units: Iterable[Unit], *limits: object) -> object:
        return limited(task, (handed_out.append(unit.id) or unit for unit in units), *limits)

    monkeypatch.setattr(intake, "limited", noting)
    store = prepare(of(copy, cache), progress=False)
    assert len(handed_out) == len(list(copy.iterdir())) - lines
    assert contents(store).keys() == uninterrupted.keys()
    assert len(store) == NUM_TUNES


def test_a_file_that_is_added_costs_the_reading_of_that_file(folder: Path, tmp_path: Path) -> None:
    """A folder of a hundred thousand tunes would be read anew for each new one."""
    copy, cache = tmp_path / "midi", tmp_path / "cache"
    shutil.copytree(folder, copy)
    first = prepare(of(copy, cache), progress=False)
    for file in copy.iterdir():  # nobody can read these any more, and from outside they look the same
        about = file.stat()
        file.write_bytes(b"\x00" * about.st_size)
        os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    (copy / "new.mid").write_bytes(midi_bytes(wander(1000)))
    second = prepare(of(copy, cache), progress=False)
    assert len(second) == len(first) + 1
    assert second.report["refused"] == first.report["refused"]


def test_an_interrupt_ends_the_run_and_its_processes_at_once(folder: Path, tmp_path: Path) -> None:
    """Ctrl-C would print a page for each process, or leave them at work."""
    for attempt in range(10):
        cache = tmp_path / str(attempt)
        run = started(folder, cache)
        wait_for_lines(cache, 1)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
        processes = children.read_text().split() if children.exists() else []
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
        if run.returncode:
            break  # else it was done before the signal came: a busy machine
    assert err.strip().splitlines()[-1] == "KeyboardInterrupt"
    assert err.count("Traceback") == 1
    deadline = time.monotonic() + 10
    while any(is_running(int(process)) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(int(process)) for process in processes)


def test_two_runs_at_once_read_each_file_once_and_leave_one_store(
    folder: Path, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    """Two trainings started side by side would tear each other's cache."""
    runs = [started(folder, tmp_path) for _ in range(2)]
    answers = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], answers
    assert len({out for out, _ in answers}) == 1
    (store,) = [Store(place) for place in tmp_path.iterdir() if is_store(place)]
    assert contents(store) == uninterrupted
    journal = next(tmp_path.glob("*.journal")).read_bytes()
    assert journal.count(b"\n") == len(list(folder.iterdir()))
    assert any("another run is reading these files" in err for _, err in answers)


def test_the_readers_of_these_tests_read_as_intake_does(folder: Path) -> None:
    """The tests above would interrupt something else than what people run."""
    unit = next(each_unit(of(folder, folder)))
    assert readers.record_slowly(unit, 8) == intake._record(unit, 8)
