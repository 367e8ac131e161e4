"""phin-convert: a tune from one form to another, by the endings of two files. It composes; rooms below convert."""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from phin.cli.arguments import FileParser, files_of
from phin.counted import counted
from phin.errors import InvalidConfig, PhinError
from phin.music import notation, voice
from phin.music.augment import transpose
from phin.music.drone import with_drone
from phin.music.fitting import fit
from phin.music.fretboard import DEFAULT, Tuning, drone_table, tuning_of
from phin.music.lai import NO_LAI, lai_named
from phin.music.paper import LETTERED, to_letters
from phin.music.phrase import Inferred, Phrase, pitch_name
from phin.music.readers import READERS
from phin.music.recognition import recognise
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

PAGES = (".txt", ".tab")
"""Endings of what is in the key of the instrument, where ล is A."""
TONELESS = (".wav", ".png", ".svg")
"""Endings of what shows no tuning."""


def main(argv: Sequence[str] | None = None) -> None:
    """Console script."""
    _parser().run(convert, argv)


def convert(arguments: argparse.Namespace) -> list[str]:
    """Reads, changes as asked, writes; lines that say what was done. Raises PhinError before anything is written."""
    source, target = Path(arguments.source), Path(arguments.target)
    ending = _ending(target, WRITERS, "OUT")
    read = READERS[_ending(source, READERS, "IN")]
    if arguments.digits and ending != ".txt":
        raise InvalidConfig("--digits", f"means nothing for {ending}", "leave it out, or write .txt")
    if arguments.drone and ending == ".txt":
        raise InvalidConfig("--drone", "means nothing for .txt: letters hold the melody alone", "leave it out")
    if arguments.tuning is not None and ending in TONELESS and not (arguments.fit or arguments.drone):
        remedy = "leave it out, or add --fit or --drone"
        raise InvalidConfig("--tuning", f"means nothing for {ending} without --fit or --drone", remedy)
    files_of(arguments)  # what is mistyped is said before what is there already
    tunes, repairs, bends = read(source)
    as_read = _chosen(tunes, arguments.tune, source)
    with _in_file(source, target):
        phrase, changes = _changed(as_read, arguments, ending)
        said = [*repairs, *changes]
        if ending == ".txt" and not phrase.is_melody.all():
            said.append("letters hold the melody alone: drone and lower notes of chords are not in them")
        said += _lai(phrase, in_instrument_key=source.suffix.casefold() in PAGES)
        if arguments.digits:
            notation.write_letters(phrase, target, digits=True)
        elif bends and ending == ".wav" and np.array_equal(phrase.onset, as_read.onset):
            voice.write_wav(voice.render(phrase, bends=bends), target)
        else:
            WRITERS[ending](phrase, target)
            if bends:
                said.append("bends left out: only .wav has them, of strokes that nothing was done to")
    return [f"{target}: {counted(len(phrase), 'note')}", *(f"  {line}" for line in said)]


@contextmanager
def _in_file(source: Path, target: Path) -> Iterator[None]:
    """Says of a tune that cannot be had as it is asked for which file it stands in."""
    try:
        yield
    except PhinError as error:
        if error.where.startswith(("--", str(target))):
            raise
        raise PhinError(f"{source}: {error.where}", error.reason, error.remedy) from None


def _changed(phrase: Phrase, arguments: argparse.Namespace, ending: str) -> tuple[Phrase, list[str]]:
    """The phrase as the arguments ask for it, in the order of its making: played, put on slots, droned, fitted."""
    said, before = list[str](), phrase
    if arguments.tempo:
        phrase = replace(phrase, tempo=round(60e6 / arguments.tempo))
    if arguments.transpose:
        if ((phrase.pitch + arguments.transpose < 0) | (phrase.pitch + arguments.transpose > 127)).any():
            where, reason = f"--transpose {arguments.transpose}", "moves notes beyond MIDI 0 to 127"
            raise InvalidConfig(where, reason, "move them less")
        phrase = transpose(phrase, arguments.transpose)
    if arguments.tuning is not None:
        phrase = replace(phrase, tuning=str(_tuning(arguments.tuning)))
    if arguments.snap:
        phrase, moved = snap(phrase)
        said += moved
    if arguments.drone:
        phrase = with_drone(phrase)
        said.append(f"drone {' '.join(map(pitch_name, phrase.drone))}, a stroke a hong")
    if arguments.fit:
        if ending in LETTERED:
            phrase, moved = to_letters(phrase, fretted=True)
            said += moved
        phrase, fitted = fit(phrase, tuning_of(phrase))
        said += fitted
    if not np.array_equal(phrase.melody.pitch, before.melody.pitch):  # octaves that were asked for are no guess
        phrase = replace(phrase, inferred=phrase.inferred - {Inferred.OCTAVE})
    return phrase, said


def _tuning(text: str) -> Tuning:
    try:
        return Tuning.parse(text)
    except PhinError as error:
        raise PhinError(f"--tuning {text}", error.reason, error.remedy) from None


def _lai(phrase: Phrase, in_instrument_key: bool) -> list[str]:
    """What its notes say of the lai of a tune that names none, and where they speak against the one it names."""
    if not phrase.is_melody.any():
        return []
    found = recognise(phrase, in_instrument_key=in_instrument_key or lai_named(phrase.lai) is not None)
    if phrase.lai in (None, NO_LAI):
        return [f"by its notes: {found}"]
    if not found.can_tell or (found.lai and found.lai.name == phrase.lai):
        return []
    return [f"its head says lai {phrase.lai}; by its notes: {found}"]


def _parser() -> FileParser:
    parser = FileParser("phin-convert", DESCRIPTION)
    parser.add_argument("--tune", type=_positive, help="which tune of an .abc file that holds several, counted from 1")
    parser.add_argument("--transpose", type=_semitones, default=0, metavar="SEMITONES", help="move every note")
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
    parser.add_argument(
        "--tunings", action=_Tunings, nargs=0, help="print what drones under each lai in each tuning, and exit"
    )
    parser.add_argument("--digits", action="store_true", help="write 1 to 7 instead of letters")
    return parser


class _Tunings(argparse.Action):
    """Prints which drone each tuning has for each lai, as `--help` prints its page."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        for tuning, drones in drone_table().items():
            print(f"{tuning}  (low string first)")
            for lai, held in drones.items():
                print(f"  lai {lai:10} {held or 'no drone: neither its tonic nor its fifth is on a fret'}")
        parser.exit()


def _ending(path: Path, known: dict[str, object] | dict[str, Callable], which: str) -> str:
    """The longest known ending of a file's name."""
    name = path.name.casefold()
    endings = [ending for ending in known if name.endswith(ending)]
    if not endings and os.path.isdir(path):
        raise InvalidConfig(str(path), f"{which} is a folder", "name a file")
    if not endings:
        raise InvalidConfig(str(path), f"{which} has no ending that phin-convert knows", f"take {', '.join(known)}")
    return max(endings, key=len)


def _chosen(tunes: Sequence[Phrase], number: int | None, source: Path) -> Phrase:
    if number is None and len(tunes) > 1:
        raise InvalidConfig(str(source), f"holds {len(tunes)} tunes", f"choose one: --tune 1 to --tune {len(tunes)}")
    if number is not None and number > len(tunes):
        held = counted(len(tunes), "tune")
        raise InvalidConfig(f"--tune {number}", f"{source} holds {held}", "take one that is there")
    return tunes[(number or 1) - 1]


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _semitones(text: str) -> int:
    number = text.strip().removeprefix("-").removeprefix("+")
    if not number.isdecimal() or len(number) > 4:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of semitones")
    return int(text)


def _tempo(text: str) -> float:
    try:
        tempo = float(text)
    except ValueError:
        tempo = 0.0
    if not 20 <= tempo <= 400:
        raise argparse.ArgumentTypeError(f"{text!r} is no tempo from 20 to 400 hong a minute")
    return tempo
