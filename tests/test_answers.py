"""The page that says which test answers which fault names tests that there are."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ANSWERS = TESTS.parent / "docs" / "answers.md"
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
STUDY = re.compile(r"`(experiments/\w+)/`")


def named() -> list[tuple[str, str]]:
    return NAMED.findall(ANSWERS.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "test"), named())
def test_a_test_that_is_named_is_there(file: str, test: str) -> None:
    """Fails: a test was renamed or taken away, and the page promises it still."""
    assert re.search(rf"^def {test}\(", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_each_of_the_fourteen_faults_has_a_test() -> None:
    """Fails: a fault of the ancestor is left out, or answered in words alone."""
    rows = re.findall(r"^\| (\d+) \|.*$", ANSWERS.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 15))
    for line in ANSWERS.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| \d+ \|", line):
            assert NAMED.search(line), line


def test_each_of_the_measures_has_a_test() -> None:
    """Fails: the weakness of a measure is answered in words alone."""
    page = ANSWERS.read_text(encoding="utf-8").partition("## The measures that papers report")[2]
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| measure")]
    assert len(rows) == 9
    for line in rows:
        assert NAMED.search(line) or line.endswith("| Not reported. |"), line


def test_studies_that_are_named_are_there() -> None:
    """Fails: the page sends its reader to a folder that is gone."""
    studies = STUDY.findall(ANSWERS.read_text(encoding="utf-8"))
    assert studies
    for study in studies:
        assert (TESTS.parent / study / "README.md").is_file()
