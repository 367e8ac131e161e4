"""Does any file break the intake? Mutants of real tunes by the hundred thousand, each read as `phin-prepare` reads it.

    python experiments/fuzz/study.py [--mutants N] [--seed S] [--letters DIR]

A mutant is its kind and its number: `--only midi:1234` reads that one in this process, to see where it goes wrong.
"""

import argparse
import csv
import io
import json
import platform
import random
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest import mock

import mido
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for tests.midi_defects, also in the processes

from experiments.fuzz.mutate import mutated_midi, mutated_text
from phin.corpus.files import find_units
from phin.corpus.intake import _in_range
from phin.corpus.journal import decode, encode
from phin.corpus.reading import Reading, read_unit
from phin.corpus.settings import CorpusConfig
from phin.errors import InvalidTune
from phin.music import abc, midi
from phin.music.fingering import Unplayable
from phin.music.fitting import fit
from phin.music.midi import midi_bytes, read_midi_bytes
from phin.music.notation import format_letters, parse_letters
from phin.music.phrase import Inferred, Phrase
from phin.music.snapping import snap
from phin.music.tablature import format_tablature, parse_tablature
from phin.workers import Failure, Limits, limited
from tests.midi_defects import defect_files, good_files

HERE = Path(__file__).parent
FOLK = ("han/han1", "essen/kinder0", "aird/")
"""What the ids of the files begin with."""
LIMITS = Limits(seconds=10.0, megabytes=512)
TURNS = ("midi", "midi", "letters", "midi", "abc", "midi", "letters", "tablature")
"""The kinds of mutants, in turns."""


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
    for kind in set(TURNS):
        (folder / kind).mkdir()
    for name, data in {**good_files(), **{name: data for name, (data, _) in defect_files().items()}}.items():
        if len(data) < 200_000:
            (folder / "midi" / name).write_bytes(data)
    for number, reading in enumerate(real_tunes(count)):
        assert reading.phrase is not None
        data = midi_bytes(reading.phrase)
        (folder / "midi" / f"folk-{number}.mid").write_bytes(data if number % 2 else as_others_write(data))
        (folder / "tablature" / f"folk-{number}.tab").write_text(tablature_of(reading.phrase), encoding="utf-8")
        try:
            page = format_letters(reading.phrase, digits=number % 4 == 0)
        except InvalidTune:  # a rhythm off the slots, or a note that has no letter
            continue
        (folder / "letters" / f"folk-{number}.txt").write_text(page, encoding="utf-8")
    for number, tune in enumerate(random.Random(0).sample(abc_tunes(), count)):
        (folder / "abc" / f"folk-{number}.abc").write_text(tune, encoding="utf-8")
    for page in sorted(letters.glob("*.txt")) if letters else ():
        (folder / "letters" / page.name).write_bytes(page.read_bytes())


def as_others_write(data: bytes) -> bytes:
    """One track on one channel, without our text event."""
    file = mido.MidiFile(file=io.BytesIO(data))
    single = mido.MidiFile(type=0, ticks_per_beat=file.ticks_per_beat)
    single.tracks.append(mido.MidiTrack(event for event in mido.merge_tracks(file.tracks) if event.type != "text"))
    for event in single.tracks[0]:
        if not event.is_meta:
            event.channel = 0
    written = io.BytesIO()
    single.save(file=written)
    return written.getvalue()


def tablature_of(phrase: Phrase) -> str:
    """A page of frets of the nearest version that a phin can play."""
    return format_tablature(fit(snap(phrase).phrase).phrase)


def abc_tunes() -> list[str]:
    """The text of tunes of the folk corpus."""
    units, _ = find_units(CorpusConfig(sources=["essen", "han", "aird"]))
    texts = [abc.decode(unit.path.read_bytes()) for unit in units if unit.id.startswith(FOLK)]
    return [tune.text for text in texts for tune in abc.split_tunes(text)]


@cache
def files(folder: Path, kind: str) -> list[bytes]:
    return [file.read_bytes() for file in sorted((folder / kind).iterdir())]


def mutant(folder: Path, kind: str, number: int, seed: int) -> bytes | str:
    """The mutant of that number."""
    rng = random.Random(f"{seed} {kind} {number}")
    one, other = rng.choice(files(folder, kind)), rng.choice(files(folder, kind))
    if kind == "midi":
        return mutated_midi(one, other, rng)
    return mutated_text(one.decode(errors="replace"), other.decode(errors="replace"), rng)


def read_midi_mutant(data: bytes) -> str:
    """Read, by the quick reader too; moved into range, kept in a journal; then written and read again."""
    with mock.patch.object(midi, "read_line", return_value=None):
        slowly = refusal_or(read_midi_bytes, data, "mutant")
    quickly = refusal_or(read_midi_bytes, data, "mutant")
    if isinstance(quickly, InvalidTune):
        assert str(quickly) == str(slowly), "the quick reader refuses otherwise"
        raise quickly
    assert not isinstance(slowly, InvalidTune), "the quick reader takes in what is refused"
    assert (quickly.phrase, quickly.repairs) == (slowly.phrase, slowly.repairs), "the quick reader reads another"
    again = read_midi_bytes(midi_bytes(quickly.phrase), "mutant", min_notes=0).phrase
    assert again == quickly.phrase, "what was taken in is not written and read whole"
    return outcome_of(Reading("mutant", quickly.phrase, quickly.repairs))


def refusal_or(read: Callable[..., Any], *arguments: Any) -> Any:
    """What is read, or the refusal."""
    try:
        return read(*arguments)
    except InvalidTune as error:
        return error


def read_abc_mutant(text: str) -> str:
    """Each tune is read, moved into range and kept in a journal; the last one's outcome."""
    tunes = abc.split_tunes(text)
    if not tunes:
        return "holds no tune"
    phrases = [abc.read_one(tune, "mutant") for tune in tunes]
    return outcome_of(Reading("mutant", phrases[-1]))


def read_tablature_mutant(text: str) -> str:
    """Read, and written and read again where it can be fingered."""
    reading = parse_tablature(text, "mutant")
    try:
        page = format_tablature(reading.phrase)
    except (InvalidTune, Unplayable):
        page = None
    if page is not None:
        again = parse_tablature(page, "mutant").phrase
        assert again.pitch.tolist() == reading.phrase.pitch.tolist(), "other frets are written than read"
    return outcome_of(Reading("mutant", reading.phrase, reading.repairs))


def outcome_of(reading: Reading) -> str:
    """What the intake makes of a tune that was read."""
    taken = _in_range(reading)
    assert decode(encode([taken]))[0].defect == taken.defect
    if taken.defect is not None:
        assert taken.reason
        return str(taken.defect)
    return "repaired" if taken.repairs else "accepted"


def read_letters_mutant(text: str) -> str:
    """Read, and written and read again where letters can say it."""
    reading = parse_letters(text, "mutant")
    try:
        page = format_letters(reading.phrase)
    except InvalidTune:
        page = None
    if page is not None and Inferred.OCTAVE not in reading.phrase.inferred:
        again = parse_letters(page, "mutant").phrase
        assert np.array_equal(again.melody.pitch, reading.phrase.melody.pitch), "other letters are written than read"
    return outcome_of(Reading("mutant", reading.phrase, reading.repairs))


READ: dict[str, Callable[[Any], str]] = {
    "midi": read_midi_mutant,
    "letters": read_letters_mutant,
    "abc": read_abc_mutant,
    "tablature": read_tablature_mutant,
}


def judge(kind: str, data: bytes | str) -> str:
    """What became of a mutant; it begins with BROKEN where that is neither a tune nor a refusal by name."""
    try:
        return READ[kind](data)
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
    what = judge(kind, data)
    return what, time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(data)


def items(count: int) -> Iterator[tuple[str, int]]:
    """Mutants of each kind in turns."""
    for number in range(count):
        yield TURNS[number % len(TURNS)], number


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
            print(READ[kind](data))
            return
        began = time.perf_counter()
        counts: Counter[tuple[str, str]] = Counter()
        slowest: dict[tuple[str, str], tuple[float, int, int]] = defaultdict(lambda: (0.0, 0, 0))
        broken: dict[str, str] = {}
        peak = 0
        task = partial(outcome, folder=folder, seed=asked.seed)
        for number, result in limited(task, items(asked.mutants), 1, LIMITS):
            kind = TURNS[number % len(TURNS)]
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
