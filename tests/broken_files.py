"""The files of tests/files, each with the verdict that its table names."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILES = Path(__file__).parent / "files"
README = FILES / "README.md"
ENDINGS = {"midi": ".mid", "letters": ".txt", "abc": ".abc", "tablature": ".tab"}
_KINDS = {ending: kind for kind, ending in ENDINGS.items()}


@dataclass(frozen=True)
class BrokenFile:
    """A line of the table: where the file lies below tests/files, its verdict, and what it shows."""

    name: str
    verdict: str
    shows: str

    @property
    def kind(self) -> str:
        """Which reader it is for."""
        return _KINDS[Path(self.name).suffix]

    def read(self) -> bytes | str:
        """What a reader of its kind is given."""
        data = (FILES / self.name).read_bytes()
        return data if self.kind == "midi" else data.decode(errors="replace")


def broken_files() -> Iterator[BrokenFile]:
    """Every line of the table."""
    for line in README.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            name, verdict, shows = (cell.strip() for cell in line.strip("|").split("|"))
            yield BrokenFile(name.strip("`"), verdict, shows)


def line_of(name: str, verdict: str, shows: str) -> str:
    """A file's line in the table."""
    return f"| `{name}` | {verdict} | {shows.replace('|', '/')} |\n"
