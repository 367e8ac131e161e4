"""For all tests: one thread, hypothesis without deadlines, and a corpus of two dozen MIDI files."""

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest
import torch
from filelock import FileLock

from phin.data.dataset import DataConfig
from phin.generation.export import export_step
from phin.music.midi import write_midi
from phin.runtime.onnx_engine import OnnxEngine
from tests.runtime.exported import IDENTITY, MODEL
from tests.tunes import CHROMATIC, MINOR_PENTATONIC_ON_A, wander
from tests.unchecked import check_shapes, unchecked

hypothesis.settings.register_profile("phin", deadline=None)
hypothesis.settings.load_profile("phin")
torch.set_num_threads(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    meaning = "whose shapes are checked as they run: those of tests that are not slow, or all"
    parser.addoption("--shapes", choices=("fast", "all"), default="fast", help=meaning)


def is_slow(item: pytest.Item) -> bool:
    """Whether it is marked so, or as long."""
    return any(item.get_closest_marker(mark) for mark in ("slow", "long"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the fixtures: checking takes 40 % of a long test's time, and what those call is checked in short ones."""
    check_shapes(item.config.getoption("--shapes") == "all" or not is_slow(item))


@pytest.fixture(scope="session")
def midi_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four tunes of 12 to 23 notes, every second one pentatonic."""
    folder = tmp_path_factory.mktemp("midi")
    for number in range(24):
        scale = MINOR_PENTATONIC_ON_A if number % 2 else CHROMATIC
        tune = wander(number, num_notes=12 + number % 12, scale=scale)
        write_midi(replace(tune, tempo=500_000, title=3 * chr(97 + number)), folder / f"{number:02}.mid")
    return folder


@pytest.fixture(scope="session")
def corpus(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """The same, in batches of few notes; its cache is filled by whoever comes first."""
    return DataConfig(
        name="tiny",
        sources=["midi_folder"],
        path=str(midi_folder),
        cache=str(tmp_path_factory.mktemp("cache")),
        held_out=0.2,
        workers=1,
        batch_notes=60,
        window=16,
    )


@pytest.fixture(scope="session")
def exported_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model as it was exported, once for all processes that test. Nobody may change it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "exported"
    with FileLock(f"{folder}.lock"), unchecked():
        if not folder.exists():
            export_step(MODEL, IDENTITY, folder)
    return folder


@pytest.fixture(scope="session")
def onnx(exported_folder: Path) -> OnnxEngine:
    return OnnxEngine(exported_folder)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Hydra sends the root logger's lines to the stdout of the test that called it; the next test has another one."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests first: else one process would end with such a file while the other has nothing left."""
    slow = {item.path for item in items if is_slow(item)}
    items.sort(key=lambda item: item.path not in slow)
