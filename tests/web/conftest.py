"""One server for all tests that leave it as it was; and a browser that draws by itself, over a tiny exported model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phin.runtime.onnx_engine import OnnxEngine
from tests.web.pages import Open, chromium, windows
from tests.web.playing import Playground, playground
from tests.web.serving import Served, serving, serving_all


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def drawer(exported_folder: Path) -> Iterator[Served]:
    """A server over the exported model, which tells all of a tune without end at once."""
    with serving(OnnxEngine(exported_folder), most_notes=300, ahead_seconds=1e6) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def ground(browser: Any, exported_folder: Path, drawer: Served) -> Iterator[Playground]:
    """A page in which `player` draws with the same model, and no server."""
    with playground(browser, {"tiny": exported_folder}, {"tiny": drawer.service}) as made:
        made.opens("player", "tiny", "step.onnx")
        yield made


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving_all() as served:
        yield served


@pytest.fixture
def opened(browser: Any, served: Served) -> Iterator[Open]:
    """Opens the page in a window of its own; a mistake in its code fails the test."""
    with windows(browser, str(served.client.base_url)) as opened:
        yield opened
