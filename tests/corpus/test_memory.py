"""Memory: of a tune there stay numbers of fixed size, however long it is and whatever it is called.

Measured is all of `prepare` but for reading, in a process of its own: files are listed and found in the journal, which
has their readings already, families are found, and the store and its reports are written. Reading is done in other
processes, under limits of their own; with it, of real files, `experiments/memory` measures the same.
"""

import subprocess
import sys
from pathlib import Path

import pytest

FILL = """
import sys
from pathlib import Path
import numpy as np
from phin.corpus import intake
from phin.corpus.catalogue import Catalogue
from phin.corpus.journal import Journal, encode
from phin.corpus.reading import Reading
from phin.corpus.settings import CorpusConfig
from phin.music.phrase import Phrase, rows_from_columns

place, count, num_notes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
config = CorpusConfig("many", ["midi_folder"], path=str(place / "midi"), cache=str(place / "cache"))
for number in range(100):
    (place / "midi" / f"{number:02}").mkdir(parents=True)
for number in range(count):
    (place / "midi" / f"{number % 100:02}" / f"a tune with a name of some length, number {number}.mid").touch()
rng = np.random.default_rng(0)
onset, length = np.arange(num_notes) * 12, np.full(num_notes, 12)
with Catalogue(place) as files, Journal(intake._journal_path(config)) as journal:
    intake._list_files(config, files, False)
    for number, (unit, mark) in enumerate(files):
        rows = rows_from_columns(onset, length, rng.integers(57, 82, num_notes))
        phrase = Phrase(rows, title=f"tune no. {number * 7919}", source="midi")
        journal.append(mark, encode([Reading(unit.id, phrase)]))
"""
MAKE = """
import sys
from pathlib import Path
from phin.corpus import intake
from phin.corpus.settings import CorpusConfig

place = Path(sys.argv[1])
config = CorpusConfig("many", ["midi_folder"], path=str(place / "midi"), cache=str(place / "cache"))
store = intake.prepare(config, progress=False)
assert len(store) == int(sys.argv[2])
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def peak(place: Path, count: int, num_notes: int) -> int:
    """Bytes of memory in which so many tunes became a store; getrusage would count those of this process too."""
    place.mkdir()
    for code in (FILL, MAKE):
        command = [sys.executable, "-c", code, str(place), str(count), str(num_notes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="its peak is asked of Linux")
def test_a_tune_costs_some_numbers_of_memory_whatever_it_holds(tmp_path: Path) -> None:
    """A folder of a million tunes could not be taken in: their names or notes would all be in memory.

    64 notes are 1.5 KB as rows, and 384 are 9 KB; the names and ids of a file are 1 KB as Python's objects. Fails: a
    large folder ends a player's machine, not its intake.
    """
    few, many, longer = (
        peak(tmp_path / "a", 5_000, 64),
        peak(tmp_path / "b", 15_000, 64),
        peak(tmp_path / "c", 5_000, 384),
    )
    a_tune, a_note = (many - few) / 10_000, (longer - few) / (5_000 * 320)
    print(f"{few / 2**20:.0f} MB at 5,000 tunes, {a_tune:.0f} bytes a tune, {a_note:.1f} bytes a note")
    assert a_tune < 250
    assert a_note < 12
