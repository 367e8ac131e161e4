"""Broken files: one small file for each way that a file can be broken, and the name that each is refused by."""

import pytest

from experiments.fuzz.study import judge
from tests.broken_files import FILES, README, BrokenFile, broken_files

TABLE = list(broken_files())


@pytest.mark.parametrize("file", TABLE, ids=lambda file: file.name)
def test_a_broken_file_is_refused_by_the_name_of_its_defect(file: BrokenFile) -> None:
    """What broke a reader once would break it again, or be learned as a tune.

    Fails: a player reads a traceback, or a wrong reason, where a file of theirs is broken in this way.
    """
    assert judge(file.kind, file.read()) == file.verdict


def test_every_broken_file_stands_in_the_table_once_and_is_small() -> None:
    """A file could lie there that nobody tries. Fails: what it once broke can break again unseen."""
    names = sorted(file.name for file in TABLE)
    lying = [path for path in FILES.rglob("*") if path.is_file() and path not in (README, FILES / ".gitattributes")]
    assert names == sorted(path.relative_to(FILES).as_posix() for path in lying)
    assert len(names) == len(set(names)) > 60
    assert max(path.stat().st_size for path in lying) < 1000
    assert all(len(file.shows) > 5 for file in TABLE)
