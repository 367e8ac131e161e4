"""Memory: of a tune there stay its id and a few numbers, however long it is.

What is proven here is the making of a store from the journal (`_make_store`), which goes through all tunes: by 4,000
to 14,000 of them. Reading is not: each file is read in another process, under a limit of its own. Of all of `prepare`,
with one process that reads, the peak of the process that waits was measured once (2026-11-24): 56,660 kB for 200 MIDI
files of 64 notes, 60,488 kB for 800, 61,968 kB for 200 of 384 notes. So 6.4 kB a file more at this size, part of it
n-grams that are looked at together, up to a bound that so few do not reach (`families.PART`); how it goes on above 800
files was not measured.
"""

import subprocess
import sys
from pathlib import Path

import pytest

MAKE = """
import sys, time
from pathlib import Path
import numpy as np
from phin.corpus import intake
from phin.corpus.journal import Journal, encode, mark_of
from phin.corpus.files import Unit
from phin.corpus.reading import Reading
from phin.corpus.settings import CorpusConfig
from phin.music.phrase import Phrase, rows_from_columns

place, count, num_notes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
config = CorpusConfig("many", ["midi_folder"], path=str(place / "midi"), cache=str(place))
rng = np.random.default_rng(0)
onset, length = np.arange(num_notes) * 12, np.full(num_notes, 12)
ids = [f"{number % 100:02}/tune {number}.mid" for number in range(count)]
units = [Unit(place / "midi" / id, "midi_folder", id) for id in ids]
del ids
with Journal(place / "many.journal") as journal:
    places = np.zeros(count, dtype=np.int64)
    for k, unit in enumerate(units):
        rows = rows_from_columns(onset, length, rng.integers(57, 82, num_notes))
        phrase = Phrase(rows, title=f"tune no. {k * 7919}", source="midi")
        places[k] = journal.append(mark_of(k), encode([Reading(unit.id, phrase)]))
    store = intake._make_store(place / "store", units, places, config, "nobody's", journal, time.perf_counter())
    assert len(store) == count
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def peak(place: Path, count: int, num_notes: int) -> int:
    """Bytes of memory in which so many tunes became a store; getrusage would count those of this process too."""
    place.mkdir()
    command = [sys.executable, "-c", MAKE, str(place), str(count), str(num_notes)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) * 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="its peak is asked of Linux")
def test_a_tune_costs_little_more_than_a_kilobyte_of_memory_whatever_it_holds(tmp_path: Path) -> None:
    """A folder of a hundred thousand tunes could not be taken in: their notes would all be in memory.

    64 notes are 1.5 KB as rows, and 384 are 9 KB.
    """
    few, many, longer = (
        peak(tmp_path / "a", 4_000, 64),
        peak(tmp_path / "b", 14_000, 64),
        peak(tmp_path / "c", 4_000, 384),
    )
    a_tune, a_note = (many - few) / 10_000, (longer - few) / (4_000 * 320)
    print(f"{few / 2**20:.0f} MB at 4,000 tunes, {a_tune:.0f} bytes a tune, {a_note:.1f} bytes a note")
    assert a_tune < 2000
    assert a_note < 12
