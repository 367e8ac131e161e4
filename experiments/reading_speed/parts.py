"""How many MIDI files a second are read that have a track a string, beside a bare pretty_midi read of the same files?

    python experiments/reading_speed/parts.py [--files N] [--rounds N]

The small form of study.py: no MidiTok, and composer pieces as phin performs them (a channel a string, bends) beside the
folk tunes. The two readers take turns, kind by kind and round by round, and a ratio is taken within a turn, so that
what else the machine does falls on both. Seconds of the processor. Writes parts.csv.
"""

import argparse
import json
import os
import platform
import random
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import mido
import numpy as np
import pretty_midi

from phin.corpus.files import each_unit
from phin.corpus.intake import read_and_label
from phin.corpus.settings import CorpusConfig
from phin.music.composer import compose
from phin.music.midi import read_midi
from phin.music.midi_writing import midi_file
from phin.music.phrase import Phrase
from phin.whole_file import write_csv

HERE = Path(__file__).parent
MIN_NOTES = 8
COLUMNS = ("files", "tracks", "notes_a_file", "phin", "pretty_midi", "times", "low", "high")


def folk_tunes(count: int) -> list[Phrase]:
    """Tunes of the default corpus."""
    readings = (reading for unit in each_unit(CorpusConfig()) for reading in read_and_label(unit, MIN_NOTES))
    return random.Random(0).sample([reading.phrase for reading in readings if reading.phrase is not None], count)


def saved(tunes: list[Phrase], folder: Path, as_one: bool = False) -> list[Path]:
    """The tunes as files without the text event that phin puts beside its notes."""
    folder.mkdir()
    for number, tune in enumerate(tunes):
        file = midi_file(tune)
        for track in file.tracks:
            track[:] = [event for event in track if event.type != "text"]
        if as_one:
            merged = mido.MidiTrack(mido.merge_tracks(file.tracks))
            for event in merged:
                if not event.is_meta:
                    event.channel = 0
            file = mido.MidiFile(type=0, ticks_per_beat=file.ticks_per_beat, tracks=[merged])
        file.save(folder / f"{number}.mid")
    return sorted(folder.iterdir())


def rate(read: Callable[[str], object], files: list[Path]) -> float:
    """Files a second of the processor."""
    began = time.process_time()
    for path in files:
        read(str(path))
    return len(files) / (time.process_time() - began)


def sounding_tracks(path: Path) -> int:
    return sum(any(event.type == "note_on" for event in track) for track in mido.MidiFile(path).tracks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    folk = folk_tunes(asked.files)
    pieces = [compose(np.random.default_rng(seed)) for seed in range(asked.files // 5)]
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        strings = saved(folk, place / "strings")
        kinds = {
            "folk tunes, one track": (folk, saved(folk, place / "one", as_one=True)),
            "folk tunes, a track a string": (folk, strings),
            "of these, on two strings or more": (folk, [path for path in strings if sounding_tracks(path) > 1]),
            "performed pieces, with bends": (pieces, saved(pieces, place / "performed")),
        }
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
        for number in range(1 + asked.rounds):  # the first warms up
            for name, (_, files) in kinds.items():
                pair = rate(lambda path: read_midi(path, MIN_NOTES), files), rate(pretty_midi.PrettyMIDI, files)
                rates[name] += [pair] if number else []
        for name, (tunes, files) in kinds.items():
            ours, theirs = np.array(rates[name]).T
            ratio = ours / theirs
            drawn = np.random.default_rng(0).choice(ratio, (10_000, len(ratio)))
            low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
            row = {
                "files": name,
                "tracks": round(float(np.mean([sounding_tracks(path) for path in files])), 1),
                "notes_a_file": round(float(np.mean([len(tune) for tune in tunes])), 1),
                "phin": round(float(np.median(ours))),
                "pretty_midi": round(float(np.median(theirs))),
                **{
                    column: f"{value:.1f}"
                    for column, value in zip(COLUMNS[5:], (np.median(ratio), low, high), strict=True)
                },
            }
            rows.append(row)
            print(row, flush=True)
    write_csv(HERE / "parts.csv", COLUMNS, rows)
    about = {"rounds": asked.rounds, "python": platform.python_version(), "cores": len(os.sched_getaffinity(0))}
    print(json.dumps(about | {name: version(name) for name in ("numpy", "symusic", "pretty_midi")}))


if __name__ == "__main__":
    main()
