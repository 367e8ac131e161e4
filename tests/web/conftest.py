"""One server for all tests that leave it as it was; and a browser that draws by itself, over a tiny exported model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phin.generation.export import export_step
from phin.runtime.onnx_engine import OnnxEngine
from tests.runtime.exported import IDENTITY, MODEL
from tests.unchecked import unchecked
from tests.web.playing import Playground, chromium, playground
from tests.web.serving import Served, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model as it is exported."""
    folder = tmp_path_factory.mktemp("played") / "tiny"
    with unchecked():
        export_step(MODEL, IDENTITY, folder)
    return folder


@pytest.fixture(scope="module")
def drawer(tiny: Path) -> Iterator[Served]:
    """A server over the exported model, which tells all of a tune without end at once."""
    with serving(OnnxEngine(tiny), most_notes=300, ahead_seconds=1e6) as served:
        yield served


@pytest.fixture(scope="module")
def alone() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def ground(alone: Any, tiny: Path, drawer: Served) -> Iterator[Playground]:
    """A page in which `player` draws with the same model, and no server."""
    with playground(alone, {"tiny": tiny}, {"tiny": drawer.service}) as made:
        made.opens("player", "tiny", "step.onnx")
        yield made
