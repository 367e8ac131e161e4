"""The smallest file of each refusal that mutants come to: makes the test files of tests/files. From the repository:

    python experiments/fuzz/smallest.py [--mutants N] [--seed S]

Two mutants are refused alike if the reader says the same of them but for numbers and what it quotes. Of each way the
shortest mutant is taken, then made shorter for as long as the reader still says that. Ways that a file in tests/files
shows already are passed over. Each new file gets its line in the table there: look at what it says before committing.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.fuzz.study import READ, TURNS, judge, lay_out, mutant
from phin.errors import InvalidTune
from tests.broken_files import ENDINGS, FILES, README, broken_files, line_of

TAKEN = ("accepted", "repaired")
_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|[+-]?\d[\d,./]*|[฀-๿]+")


def says(kind: str, data: bytes | str) -> tuple[str, str]:
    """The verdict, and the reader's reason with nothing particular in it; no reason where the reader gives none."""
    verdict, reason = judge(kind, data), ""
    try:
        READ[kind](data)
    except InvalidTune as error:
        reason = error.reason
    return verdict, " ".join(_PARTICULAR.sub("…", reason).split("(")[0].split())[:60]


def shrunk(data: bytes, holds: Callable[[bytes], bool]) -> bytes:
    """A file of which no piece can be left out, down to a byte, without `holds` failing."""
    size = max(1, len(data) // 2)
    while size:
        start = 0
        while start < len(data):
            shorter = data[:start] + data[start + size :]
            if holds(shorter):
                data = shorter
            else:
                start += size
        size //= 2
    return data


def numbered(stem: str, number: int) -> str:
    """A file's name where that many have the same."""
    return stem if number == 1 else f"{stem}-{number}"


def as_read(kind: str, data: bytes) -> bytes | str:
    return data if kind == "midi" else data.decode(errors="replace")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    shown = {(file.kind, *says(file.kind, file.read())) for file in broken_files()}
    found: dict[tuple[str, str, str], bytes] = {}
    with tempfile.TemporaryDirectory() as temporary:
        lay_out(Path(temporary), None, count=60)
        for number in range(asked.mutants):
            kind = TURNS[number % len(TURNS)]
            data = mutant(Path(temporary), kind, number, asked.seed)
            verdict, reason = says(kind, data)
            if verdict in TAKEN:
                continue
            raw = data if isinstance(data, bytes) else data.encode()
            way = (kind, verdict, reason)
            if way not in shown and len(raw) < len(found.get(way, raw + b".")):
                found[way] = raw
    for (kind, verdict, reason), data in sorted(found.items()):
        alike = (verdict, reason)
        small = shrunk(data, lambda shorter, kind=kind, alike=alike: says(kind, as_read(kind, shorter)) == alike)
        words = re.findall("[a-z]+", (reason or verdict).lower())
        path = FILES / (kind if reason else "vocabulary") / f"{'-'.join(words)}{ENDINGS[kind]}"
        number = next(n for n in count(1) if not path.with_stem(numbered(path.stem, n)).exists())
        path = path.with_stem(numbered(path.stem, number))
        path.write_bytes(small)
        with README.open("a", encoding="utf-8") as table:
            table.write(line_of(path.relative_to(FILES).as_posix(), verdict, reason or verdict))
        print(f"{len(small):6} bytes  {path.relative_to(FILES)}: {verdict}")


if __name__ == "__main__":
    main()
