"""The small model as it was exported, once for all tests of a process."""

from pathlib import Path

import pytest

from phin.generation.export import export_step
from phin.runtime.onnx_engine import OnnxEngine
from tests.runtime.exported import IDENTITY, MODEL
from tests.unchecked import unchecked


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "exported"
    with unchecked():
        export_step(MODEL, IDENTITY, folder)
    return folder


@pytest.fixture(scope="session")
def onnx(folder: Path) -> OnnxEngine:
    return OnnxEngine(folder)
