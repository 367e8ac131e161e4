"""The walk: the same files in the same order as a sorted list of all paths, without the list."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import phin.corpus.walk as module
from phin.corpus.catalogue import Catalogue
from phin.corpus.files import Unit
from phin.corpus.walk import in_order, walk

NAMES = (
    "b.mid",
    "a/z.mid",
    "a.mid",
    "a.b/c.mid",
    "a/b/c.mid",
    "A/x.mid",
    "é/ก.mid",
    "two\nlines.mid",
    ".hidden/1.mid",
    "a-",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Folders and files whose order as paths is not their order as text, links, an empty folder, and strange names."""
    folder = tmp_path / "tree"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    for number in range(300):
        (folder / "a" / f"{number}.mid").write_bytes(b"")
    (folder / "empty.mid").mkdir()
    (folder / "link").symlink_to(folder / "a")
    (folder / "round").symlink_to(folder)
    (folder / "nowhere.mid").symlink_to(folder / "gone")
    if os.name == "posix":
        Path(os.fsdecode(os.fsencode(folder) + b"/\xb4\xe9.mid")).write_bytes(b"")  # Thai letters of an older code
    return folder


@pytest.mark.parametrize("run", [1, 7, 10_000])
def test_files_are_found_as_in_a_sorted_list_of_all(tree: Path, monkeypatch: pytest.MonkeyPatch, run: int) -> None:
    """Tunes would be numbered otherwise, so another corpus be made of the same files, and other tunes be held out.

    Fails: the number, and so the family and split, of a player's tune depends on how many files lie beside it.
    """
    monkeypatch.setattr(module, "RUN", run)
    assert list(walk(tree)) == sorted(tree.rglob("*"))


def test_no_more_names_are_in_memory_than_are_sorted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of a million files would fill the memory before the first of them is read. Fails: it cannot be read."""
    monkeypatch.setattr(module, "RUN", 10)
    held: list[int] = []

    def counting(run: Iterator[tuple[str, bool]]) -> list[tuple[str, bool]]:
        found = sorted(run)
        held.append(len(found))
        return found

    monkeypatch.setattr(module, "sorted", counting, raising=False)
    names = [(f"{number % 37}-{number}", False) for number in range(95)]
    with ExitStack() as files:
        assert list(in_order(names, files)) == sorted(names)
    assert held == [10] * 9 + [5, 0]


def test_a_catalogue_gives_its_files_back_as_they_came_and_as_often_as_asked(tmp_path: Path) -> None:
    """A tune with a strange name would be looked for where it is not. Fails: it is refused as unreadable."""
    units = [
        Unit(Path(os.fsdecode(b"a/\xb4\xe9.mid")), "midi_folder", "x"),
        Unit(Path("two\nlines.mid"), "midi_folder", "ก"),
        Unit(None, "composer", "composer/0", (0, 16, 16)),
    ]
    for folder in (tmp_path, tmp_path / "not there yet"):
        with Catalogue(folder) as catalogue:
            for number, unit in enumerate(units):
                catalogue.add(unit, 2**64 - 1 - number)
            expected = [(unit, 2**64 - 1 - number) for number, unit in enumerate(units)]
            next(iter(catalogue))
            assert list(catalogue) == expected
            assert list(catalogue.units()) == units
            assert len(catalogue) == 3
    assert list(tmp_path.iterdir()) == []
