"""The site of a tiny model, for the tests of what it does in a browser."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from phin.cli.web import graph_of, samplers
from phin.runtime.onnx_engine import OnnxEngine
from phin.web.limits import ServerLimits
from phin.web.service import Model
from phin.web.site import write_site
from tests.web.hosting import UNDER
from tests.web.playing import npm_files

Write = Callable[..., dict[str, int]]


@pytest.fixture(scope="session")
def runtime() -> dict[str, Path]:
    return npm_files()


@pytest.fixture(scope="session")
def model(exported_folder: Path) -> Model:
    engine = OnnxEngine(exported_folder)
    return Model(engine, "tiny", *graph_of(engine, str(exported_folder)), samplers=samplers())


@pytest.fixture(scope="session")
def write(exported_folder: Path, model: Model, runtime: dict[str, Path]) -> Write:
    """Writes the site of the tiny model."""
    return partial(write_site, model=model, exported=exported_folder, limits=ServerLimits(), runtime=runtime)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory, write: Write) -> Path:
    """What a host has: the site, under a path."""
    root = tmp_path_factory.mktemp("host")
    write(root / UNDER)
    return root
