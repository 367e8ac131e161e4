"""Does any file break the intake? Mutants of real tunes by the hundred thousand, each read as `phin-prepare` reads it.

    python experiments/fuzz/study.py [--mutants N] [--seed S] [--letters DIR]

A mutant is its kind and its number: `--only midi:1234` reads that one in this process, to see where it goes wrong.
"""

import argparse
import csv
import json
import platform
import random
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for tests.midi_defects, also in the processes

from experiments.fuzz.mutate import mutated_letters, mutated_midi
from phin.corpus.files import find_units
from phin.corpus.intake import _in_range
from phin.corpus.journal import decode, encode
from phin.corpus.reading import Reading, read_unit
from phin.corpus.settings import CorpusConfig
from phin.corpus.workers import Failure, Limits, limited
from phin.errors import InvalidTune
from phin.music.midi import midi_bytes, read_midi_bytes
from phin.music.notation import format_letters, parse_letters
from phin.music.phrase import Inferred
from tests.midi_defects import defect_files, good_files

HERE = Path(__file__).parent
FOLK = ("han/han1", "essen/kinder0", "aird/")
"""What the ids of the files begin with."""
LIMITS = Limits(seconds=10.0, megabytes=512)


def real_tunes(count: int) -> list[Reading]:
    """Tunes of the folk corpus, as they lie in the installed music21."""
    units, _ = find_units(CorpusConfig(sources=["essen", "han", "aird"]))
    readings = [
        reading
        for unit in units
        if unit.id.startswith(FOLK)
        for reading in read_unit(unit, 8)
        if reading.phrase is not None
    ]
    return random.Random(0).sample(readings, count)


def lay_out(folder: Path, letters: Path | None, count: int = 200) -> None:
    """The files that mutants are made of."""
    (folder / "midi").mkdir()
    (folder / "letters").mkdir()
    for name, data in {**good_files(), **{name: data for name, (data, _) in defect_files().items()}}.items():
        if len(data) < 200_000:
            (folder / "midi" / name).write_bytes(data)
    for number, reading in enumerate(real_tunes(count)):
        assert reading.phrase is not None
        (folder / "midi" / f"folk-{number}.mid").write_bytes(midi_bytes(reading.phrase))
        try:
            page = format_letters(reading.phrase, digits=number % 4 == 0)
        except InvalidTune:  # a rhythm off the slots, or a note that has no letter
            continue
        (folder / "letters" / f"folk-{number}.txt").write_text(page, encoding="utf-8")
    for page in sorted(letters.glob("*.txt")) if letters else ():
        (folder / "letters" / page.name).write_bytes(page.read_bytes())


@cache
def files(folder: Path, kind: str) -> list[bytes]:
    return [file.read_bytes() for file in sorted((folder / kind).iterdir())]


def mutant(folder: Path, kind: str, number: int, seed: int) -> bytes | str:
    """The mutant of that number."""
    rng = random.Random(f"{seed} {kind} {number}")
    one, other = rng.choice(files(folder, kind)), rng.choice(files(folder, kind))
    if kind == "midi":
        return mutated_midi(one, other, rng)
    return mutated_letters(one.decode(errors="replace"), other.decode(errors="replace"), rng)


def read_midi_mutant(data: bytes) -> str:
    """Read, moved into range, kept in a journal; then written and read again."""
    reading = read_midi_bytes(data, "mutant")
    taken = _in_range(Reading("mutant", reading.phrase, reading.repairs))
    assert decode(encode([taken]))[0].defect == taken.defect
    again = read_midi_bytes(midi_bytes(reading.phrase), "mutant", min_notes=0).phrase
    assert again == reading.phrase, "what was taken in is not written and read whole"
    if taken.defect is not None:
        assert taken.reason
        return str(taken.defect)
    return "repaired" if taken.repairs else "accepted"


def read_letters_mutant(text: str) -> str:
    """Read, and written and read again where letters can say it."""
    reading = parse_letters(text, "mutant")
    taken = _in_range(Reading("mutant", reading.phrase, reading.repairs))
    try:
        page = format_letters(reading.phrase)
    except InvalidTune:
        page = None
    if page is not None and Inferred.OCTAVE not in reading.phrase.inferred:
        again = parse_letters(page, "mutant").phrase
        assert np.array_equal(again.melody.pitch, reading.phrase.melody.pitch), "other letters are written than read"
    if taken.defect is not None:
        return str(taken.defect)
    return "repaired" if taken.repairs else "accepted"


def judge(data: bytes | str) -> str:
    """What became of a mutant; it begins with BROKEN where that is neither a tune nor a refusal by name."""
    try:
        return read_midi_mutant(data) if isinstance(data, bytes) else read_letters_mutant(data)
    except InvalidTune as error:
        line = str(error)
        if "\n" in line or not line.startswith("mutant") or not error.reason or not error.remedy:
            return f"BROKEN: a refusal of another form: {line!r}"
        return str(error.defect)
    except MemoryError:
        raise
    except Exception as error:
        return f"BROKEN: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def outcome(item: tuple[str, int], folder: Path, seed: int) -> tuple[str, float, int, int]:
    """What became of a mutant, the seconds that took, the process's peak in kilobytes, and the mutant's size."""
    kind, number = item
    data = mutant(folder, kind, number, seed)
    began = time.perf_counter()
    what = judge(data)
    return what, time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(data)


def items(count: int) -> Iterator[tuple[str, int]]:
    """Three MIDI files to one page."""
    for number in range(count):
        yield ("letters" if number % 4 == 3 else "midi"), number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=120_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--letters", type=Path, help="a folder of real pages in letters")
    parser.add_argument("--only", help="kind:number of one mutant, to be read in this process")
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lay_out(folder, asked.letters)
        if asked.only:
            kind, number = asked.only.split(":")
            data = mutant(folder, kind, int(number), asked.seed)
            print(data)
            print((read_midi_mutant if kind == "midi" else read_letters_mutant)(data))  # pyright: ignore
            return
        began = time.perf_counter()
        counts: Counter[tuple[str, str]] = Counter()
        slowest: dict[tuple[str, str], tuple[float, int, int]] = defaultdict(lambda: (0.0, 0, 0))
        broken: dict[str, str] = {}
        peak = 0
        task = partial(outcome, folder=folder, seed=asked.seed)
        for number, result in limited(task, items(asked.mutants), 1, LIMITS):
            kind = "letters" if number % 4 == 3 else "midi"
            if isinstance(result, Failure):
                result = f"BROKEN: {result.what}", LIMITS.seconds, 0, 0
            what, seconds, kilobytes, size = result
            if what.startswith("BROKEN"):
                broken.setdefault(what, f"{kind}:{number}")
                print(f"{kind}:{number}", what, flush=True)
            counts[kind, what] += 1
            slowest[kind, what] = max(slowest[kind, what], (seconds, number, size))
            peak = max(peak, kilobytes)
    asked.out.mkdir(exist_ok=True)
    with open(asked.out / "results.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["kind", "outcome", "count", "slowest_ms", "slowest_number", "slowest_bytes"])
        for (kind, what), count in sorted(counts.items(), key=lambda pair: (pair[0][0], -pair[1])):
            seconds, number, size = slowest[kind, what]
            table.writerow([kind, what, count, f"{1000 * seconds:.1f}", number, size])
    print(
        json.dumps(
            {
                "mutants": counts.total(),
                "seed": asked.seed,
                "broken": len(broken),
                "slowest_ms": round(1000 * max(seconds for seconds, _, _ in slowest.values())),
                "peak_mb": peak // 1024,
                "minutes": round((time.perf_counter() - began) / 60, 1),
                "python": platform.python_version(),
            }
        )
    )


if __name__ == "__main__":
    main()
