"""phin-convert: a tune from one form to another, by the endings of two files. It composes; rooms below convert."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from phin.cli.arguments import Parser
from phin.errors import InvalidConfig
from phin.music import abc, midi, notation, tablature
from phin.music.augment import transpose
from phin.music.drone import with_drone
from phin.music.fitting import fit
from phin.music.fretboard import DEFAULT, Tuning, tuning_of
from phin.music.page import PageReading
from phin.music.phrase import Phrase, pitch_name
from phin.music.snapping import snap
from phin.music.writers import WRITERS

DESCRIPTION = """\
phin-convert IN OUT: a tune from one form to another, by the endings of the two files.

  in   .txt (Thai letters or digits)  .tab (tablature)  .mid  .abc
  out  .txt  .tab  .mid  .wav (sound)  .png or .svg (piano roll)  .neck.png or .neck.svg (places on the neck)
       .html (a sheet to print on A4: letters above tablature)

  phin-convert tune.txt tune.wav
  phin-convert tune.mid tune.html --fit --tuning E-A-E
"""

TONELESS = (".wav", ".png", ".svg")
"""Endings of what shows no tuning."""


class Source(NamedTuple):
    """Tunes of a file, and what was mended or guessed to read them, a line each."""

    tunes: Sequence[Phrase]
    repairs: Sequence[str] = ()


def _single(read: Callable[[Path], midi.MidiReading | PageReading]) -> Callable[[Path], Source]:
    """A reader of files that hold one tune."""

    def source(path: Path) -> Source:
        reading = read(path)
        return Source([reading.phrase], reading.repairs)

    return source


_midi = _single(partial(midi.read_midi, min_notes=1))

READERS: dict[str, Callable[[Path], Source]] = {
    ".txt": _single(notation.read_letters),
    ".tab": _single(tablature.read_tablature),
    ".mid": _midi,
    ".midi": _midi,
    ".abc": lambda path: Source(abc.read_abc(path)),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Console script."""
    _parser().run(convert, argv)


def convert(arguments: argparse.Namespace) -> list[str]:
    """Reads, changes as asked, writes; lines that say what was done. Raises PhinError before anything is written."""
    source, target = Path(arguments.source), Path(arguments.target)
    ending = _ending(target, WRITERS, "OUT")
    read = READERS[_ending(source, READERS, "IN")]
    if source.resolve() == target.resolve():
        raise InvalidConfig(str(target), "is the file that is read", "give OUT another name")
    if arguments.digits and ending != ".txt":
        raise InvalidConfig("--digits", f"means nothing for {ending}", "leave it out, or write .txt")
    if arguments.drone and ending == ".txt":
        raise InvalidConfig("--drone", "means nothing for .txt: letters hold the melody alone", "leave it out")
    if arguments.tuning and ending in TONELESS and not (arguments.fit or arguments.drone):
        remedy = "leave it out, or add --fit or --drone"
        raise InvalidConfig("--tuning", f"means nothing for {ending} without --fit or --drone", remedy)
    tunes, repairs = read(source)
    phrase, said = _chosen(tunes, arguments.tune, source), list(repairs)
    if arguments.tempo:
        phrase = replace(phrase, tempo=round(60e6 / arguments.tempo))
    if arguments.transpose:
        phrase = transpose(phrase, arguments.transpose)
    if arguments.tuning:
        phrase = replace(phrase, tuning=str(Tuning.parse(arguments.tuning)))
    if arguments.snap:
        phrase, moved = snap(phrase)
        said += moved
    if arguments.drone:
        phrase = with_drone(phrase)
        said.append(f"drone {' '.join(map(pitch_name, phrase.drone))}, a stroke a hong")
    if arguments.fit:
        phrase, changes = fit(phrase, tuning_of(phrase))
        said += changes
    if ending == ".txt" and not phrase.is_melody.all():
        said.append("letters hold the melody alone: drone and lower notes of chords are not in them")
    if arguments.digits:
        notation.write_letters(phrase, target, digits=True)
    else:
        WRITERS[ending](phrase, target)
    return [f"{target}: {len(phrase)} notes", *(f"  {line}" for line in said)]


def _parser() -> Parser:
    parser = Parser("phin-convert", DESCRIPTION)
    parser.add_argument("--tune", type=_positive, help="which tune of an .abc file that holds several, counted from 1")
    parser.add_argument("--transpose", type=int, default=0, metavar="SEMITONES", help="move every note")
    parser.add_argument("--tempo", type=_tempo, help="hong (quarters) a minute")
    parser.add_argument(
        "--snap",
        action="store_true",
        help="move strokes that lie off the slots to the nearest slot, half or third of one",
    )
    parser.add_argument(
        "--drone", action="store_true", help="strike the drone too: what the tune's head names, else its lai's"
    )
    parser.add_argument("--fit", action="store_true", help="the nearest version that the phin can play")
    parser.add_argument(
        "--tuning", help=f"low string first, such as E-B-E; the tune's own, else {DEFAULT}, unless given"
    )
    parser.add_argument("--digits", action="store_true", help="write 1 to 7 instead of letters")
    return parser


def _ending(path: Path, known: dict[str, object] | dict[str, Callable], which: str) -> str:
    """The longest known ending of a file's name."""
    name = path.name.casefold()
    endings = [ending for ending in known if name.endswith(ending)]
    if not endings:
        raise InvalidConfig(str(path), f"{which} has no ending that phin-convert knows", f"take {', '.join(known)}")
    return max(endings, key=len)


def _chosen(tunes: Sequence[Phrase], number: int | None, source: Path) -> Phrase:
    if number is None and len(tunes) > 1:
        raise InvalidConfig(str(source), f"holds {len(tunes)} tunes", f"choose one: --tune 1 to --tune {len(tunes)}")
    if number is not None and number > len(tunes):
        count = f"{len(tunes)} tune{'s' if len(tunes) > 1 else ''}"
        raise InvalidConfig(f"--tune {number}", f"{source} holds {count}", "take one that is there")
    return tunes[(number or 1) - 1]


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _tempo(text: str) -> float:
    try:
        tempo = float(text)
    except ValueError:
        tempo = 0.0
    if not 20 <= tempo <= 400:
        raise argparse.ArgumentTypeError(f"{text!r} is no tempo from 20 to 400 hong a minute")
    return tempo
