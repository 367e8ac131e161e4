"""The API documentation is written as `make api` writes it, and every package of it opens with a word."""

import ast
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import phin

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_pages_are_written_without_a_warning(tmp_path: Path) -> None:
    """Fails: `make api` ends with a warning, of ours or of a package that it reads, and a reader has no pages."""
    asked = [sys.executable, ROOT / "docs" / "api.py", tmp_path]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(asked, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr[-3000:]
    modules = {each.name for each in pkgutil.walk_packages(phin.__path__, "phin.")}
    pages = {".".join(page.relative_to(tmp_path).with_suffix("").parts) for page in tmp_path.rglob("*.html")}
    assert modules <= pages


def test_every_package_says_what_it_is_for() -> None:
    """Fails: who opens a room in the API documentation reads a list of modules, and not what they are there for."""
    rooms = list((ROOT / "phin").rglob("__init__.py"))
    assert len(rooms) > 10
    for room in rooms:
        assert ast.get_docstring(ast.parse(room.read_text(encoding="utf-8"))), room
