"""The notebooks as a reader meets them: they run from an empty folder, define nothing, and show what they promise."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.execute import NOTEBOOKS, executed

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))
LARGEST = 600_000
"""Bytes of a notebook with its outputs: a page that opens at once."""
DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
UNWANTED = re.compile(r"warning|Traceback|\b\d+%\||it/s|/home/|/root|/tmp/|/Users/|site-packages", re.IGNORECASE)
"""Warnings, bars of progress, and where things lie on somebody's machine."""
PAGES = pytest.mark.parametrize("path", FILES, ids=[file.stem for file in FILES])


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """What each code cell puts out: the stream's name, or picture, player, text."""
    found = []
    for cell in code(notebook):
        outputs = [output.get("name") or "+".join(sorted(output.get("data", {}))) for output in cell.outputs]
        found.append(outputs)
    return found


def said(notebook: nbformat.NotebookNode) -> str:
    """All text that is put out, but for players, whose sound is letters by chance."""
    texts = []
    for cell in code(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            texts.append(output.get("text") or output.data.get("text/plain", "") + output.data.get("text/markdown", ""))
    return "\n".join(texts)


def test_there_are_the_four_of_them() -> None:
    """Fails: a notebook is gone, and every test of it passes."""
    assert [file.name for file in FILES] == [
        "1-corpus_and_lai.ipynb",
        "2-train_and_listen.ipynb",
        "3-steer_the_generator.ipynb",
        "4-inside_the_model.ipynb",
    ]


@pytest.mark.long
@pytest.mark.slow
@PAGES
def test_a_notebook_runs_from_an_empty_folder_and_puts_out_what_is_kept(path: Path, tmp_path: Path) -> None:
    """Fails: a reader runs it and meets an error, a warning, or something else than the page shows."""
    fresh = executed(path, tmp_path)
    assert not any(kind == "stderr" for outputs in kinds(fresh) for kind in outputs), said(fresh)
    assert UNWANTED.search(said(fresh)) is None, said(fresh)
    assert kinds(fresh) == kinds(nbformat.read(path, as_version=4)), "make notebooks"


@PAGES
def test_a_notebook_defines_nothing(path: Path) -> None:
    """Fails: what a reader could use is on a page, where nothing tests it, and not in phin."""
    for cell in code(nbformat.read(path, as_version=4)):
        python = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
        assert [node for node in ast.walk(ast.parse(python)) if isinstance(node, DEFINES)] == [], cell.source


@PAGES
def test_a_notebook_is_kept_with_its_pictures_and_sounds(path: Path) -> None:
    """Fails: who reads it without running it sees code alone, or another machine's folders."""
    notebook = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, 1 + len(code(notebook))))
    data = [output.get("data", {}) for cell in code(notebook) for output in cell.outputs]
    assert any("image/png" in each for each in data)
    assert any("<audio" in each.get("text/html", "") for each in data)
    assert UNWANTED.search(said(notebook)) is None
    assert path.stat().st_size < LARGEST


@PAGES
def test_a_notebook_says_that_what_it_shows_is_synthetic(path: Path) -> None:
    """Fails: a reader takes a rule's piece for a tune of Isan."""
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown"
    assert "synthetic" in first.source
