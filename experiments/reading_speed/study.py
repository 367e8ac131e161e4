"""How many MIDI files a second are read? phin, MidiTok's REMI, pretty_midi and symusic on the same files, one core.

    pip install miditok==3.1.0            # beside phin, in an environment of its own
    taskset -c 0 python experiments/reading_speed/study.py [--files N] [--rounds N]

Folk tunes are written as MIDI into a temporary folder in three ways: as other programs write a song (one track; mido
merges those of phin's own file); a track a string, as phin lays them out, without the text event that it puts beside
its notes; and with that event. Time is the processor's, not the clock's, so that others on the machine count for less.
The arms take turns at all files, round by round, so that a machine whose speed drifts slows all of them; ratios are
taken within a round. Prints a table, writes results.csv, ends in a line of JSON.
"""

import argparse
import csv
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
import symusic
from miditok import REMI

from phin.corpus.files import Unit, find_units
from phin.corpus.intake import read_and_label
from phin.corpus.settings import CorpusConfig
from phin.music.midi import read_midi
from phin.music.midi_writing import midi_file
from phin.music.phrase import Phrase

MIN_NOTES = 8
BASES = ("MidiTok REMI", "pretty_midi")


def folk_tunes(count: int) -> list[Phrase]:
    """Tunes that are taken into the default corpus, drawn with seed 0."""
    units, _ = find_units(CorpusConfig())
    tunes = [
        reading.phrase for unit in units for reading in read_and_label(unit, MIN_NOTES) if reading.phrase is not None
    ]
    return random.Random(0).sample(tunes, count)


def write_files(tunes: list[Phrase], folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Each tune as a file of one track, as one of a track a string, and as phin's own, text event and all."""
    one, strings, own = [], [], []
    for number, tune in enumerate(tunes):
        file = midi_file(tune)
        own.append(folder / f"own-{number}.mid")
        file.save(own[-1])
        for track in file.tracks:
            track[:] = [event for event in track if event.type != "text"]
        strings.append(folder / f"strings-{number}.mid")
        file.save(strings[-1])
        single = mido.MidiFile(type=0, ticks_per_beat=file.ticks_per_beat)
        single.tracks.append(mido.merge_tracks(file.tracks))
        for event in single.tracks[0]:
            if not event.is_meta:
                event.channel = 0
        one.append(folder / f"one-{number}.mid")
        single.save(one[-1])
    return one, strings, own


def units_of(files: list[Path]) -> list[Unit]:
    """The files as the intake of a corpus has them."""
    return [Unit(path, "midi_folder", path.name) for path in files]


def arms(one: list[Path], strings: list[Path], own: list[Path]) -> dict[str, Callable[[], list]]:
    """What is timed: each reads every file once."""
    remi = REMI()
    return {
        "symusic, read alone": lambda: [symusic.Score(path) for path in one],
        "phin read_midi": lambda: [read_midi(path, MIN_NOTES) for path in one],
        "phin read_midi, a track a string": lambda: [read_midi(path, MIN_NOTES) for path in strings],
        "phin read_midi, sealed files": lambda: [read_midi(path, MIN_NOTES) for path in own],
        "phin intake (read_and_label)": lambda: [read_and_label(unit, MIN_NOTES) for unit in units_of(one)],
        "MidiTok REMI": lambda: [remi(path) for path in one],
        "pretty_midi": lambda: [pretty_midi.PrettyMIDI(str(path)) for path in one],
        "pretty_midi, a track a string": lambda: [pretty_midi.PrettyMIDI(str(path)) for path in strings],
    }


def refused(files: list[Path]) -> list[str]:
    """Why the intake refuses some files: a refusal is quick, so it would flatter the arm that refuses."""
    readings = [reading for unit in units_of(files) for reading in read_and_label(unit, MIN_NOTES)]
    return [reading.reason for reading in readings if reading.phrase is None]


def median_with_interval(values: np.ndarray) -> list[float]:
    """The median of rounds and its 95 % interval, by drawing rounds anew 10,000 times."""
    drawn = np.random.default_rng(0).choice(values, (10_000, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return [float(np.median(values)), float(low), float(high)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    tunes = folk_tunes(arguments.files)
    with tempfile.TemporaryDirectory() as folder:
        one, strings, own = write_files(tunes, Path(folder))
        timed, refusals = arms(one, strings, own), refused(one)
        if len(refusals) > arguments.files / 100:
            raise SystemExit(f"{len(refusals)} files are refused, so reading cannot be timed: {refusals[0]}")
        rates: dict[str, list[float]] = {name: [] for name in timed}
        for number in range(1 + arguments.rounds):  # the first warms up
            for name, read in timed.items():
                began = time.process_time()
                read()
                if number:
                    rates[name].append(arguments.files / (time.process_time() - began))
    with open(Path(__file__).parent / "results.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        header = ["arm", "files_a_second", "low", "high"]
        header += [f"{part}{base}" for base in BASES for part in ("times ", "low times ", "high times ")]
        table.writerow(header)
        for name, values in rates.items():
            row = [f"{value:.0f}" for value in median_with_interval(np.array(values))]
            for base in BASES:
                row += [f"{v:.2f}" for v in median_with_interval(np.array(values) / np.array(rates[base]))]
            table.writerow([name, *row])
            print(f"{name:30}", *(f"{value:>8}" for value in row))
    about = {
        "files": arguments.files,
        "refused_by_the_intake": len(refusals),
        "rounds": arguments.rounds,
        "notes_a_file": round(float(np.mean([len(tune) for tune in tunes])), 1),
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        **{name: version(name) for name in ("numpy", "symusic", "miditok", "pretty_midi")},
    }
    print(json.dumps(about))


if __name__ == "__main__":
    main()
