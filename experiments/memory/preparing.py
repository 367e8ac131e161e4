"""Does preparing a folder of ten times as many files need more memory? From the repository:

    python experiments/memory/preparing.py [--files 2000 20000 60000] [--keep FOLDER]

Writes so many small MIDI files (64 notes of a composer piece, in some key, from somewhere in it), prepares each folder
in a process of its own with one process that reads, and writes preparing.csv.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from phin.music.augment import transpose
from phin.music.composer import compose
from phin.music.midi import midi_bytes
from phin.music.phrase import Phrase
from phin.whole_file import write_csv

HERE = Path(__file__).parent
COLUMNS = ("files", "tunes", "families", "store_megabytes", "peak_megabytes", "reader_megabytes", "seconds", "python")
NOTES = 64
PREPARE = """
import json, resource, sys
from pathlib import Path
from phin.corpus.intake import prepare
from phin.corpus.settings import CorpusConfig

if __name__ == "__main__":
    store = prepare(CorpusConfig("many", ["midi_folder"], path=sys.argv[1], cache=sys.argv[2], workers=1), False)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    size = sum(file.stat().st_size for file in store.folder.iterdir())
    found = {
        "tunes": len(store),
        "families": store.report["families"],
        "store_megabytes": size / 2**20,
        "peak_megabytes": int(status["VmHWM"].split()[0]) / 1024,
        "reader_megabytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }
    print(json.dumps(found))
"""


def cut(kinds: list[Phrase], number: int) -> Phrase:
    """The file of that number: some notes of a piece, from somewhere in it, in some key."""
    rng = np.random.default_rng((1, number))
    piece = kinds[number % len(kinds)]
    first = int(rng.integers(0, len(piece) - NOTES))
    rows = piece.rows[first : first + NOTES].copy()
    rows[:, 0] -= rows[0, 0]
    some = Phrase(rows, piece.metre, piece.tempo, title=f"no. {number * 7919}")
    return transpose(some, int(rng.integers(-5, 6)))


def write_files(folder: Path, count: int, pieces: int) -> None:
    """So many files, in folders of a hundred."""
    kinds = [replace(compose(np.random.default_rng(seed)), lai=None) for seed in range(min(pieces, count))]
    for number in range(count):
        place = folder / f"{number // 100:04}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"a tune of the composer's, number {number}.mid").write_bytes(midi_bytes(cut(kinds, number)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[2_000, 20_000, 60_000])
    parser.add_argument("--pieces", type=int, default=500)
    parser.add_argument("--keep", type=Path, help="a folder for the files, kept")
    parser.add_argument("--out", type=Path, default=HERE / "preparing.csv")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for count in asked.files:
            folder = (asked.keep or Path(temporary)) / f"of-{count}"
            if not folder.is_dir():
                write_files(folder, count, asked.pieces)
            began = time.perf_counter()
            command = [sys.executable, "-c", PREPARE, str(folder), str(Path(temporary) / f"cache-{count}")]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds = time.perf_counter() - began
            row = {"files": count, **json.loads(done.stdout), "seconds": seconds, "python": platform.python_version()}
            rows.append({name: f"{row[name]:.1f}" if isinstance(row[name], float) else row[name] for name in COLUMNS})
            print(rows[-1], flush=True)
    write_csv(asked.out, COLUMNS, rows)


if __name__ == "__main__":
    main()
