"""Tunes in files: each in every form that was asked for, as MIDI, sound, picture, letters, sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phin.errors import InvalidConfig, InvalidTune, PhinError
from phin.music.fingering import Unplayable
from phin.music.paper import FRETTED, LETTERED, for_paper
from phin.music.phrase import Phrase
from phin.music.writers import WRITERS, ending_named
from phin.whole_file import whole_files

FORMATS = ("mid", "wav", "png", "txt", "html")
"""What a tune is written as unless other forms are asked for: to hear, to see, and to play from."""


@dataclass(frozen=True)
class TuneFiles:
    """Where a tune was written, by ending, and what was changed to put it on paper, a line each."""

    of: dict[str, Path]
    said: tuple[str, ...] = ()

    @property
    def first(self) -> Path | None:
        """The first of the forms that it could be written in; None where no page that was asked for can hold it."""
        return next(iter(self.of.values()), None)


def endings_of(formats: Sequence[str]) -> tuple[str, ...]:
    """The endings that `formats` names. Raises InvalidConfig where it names none, one twice, or one nobody writes."""
    endings = tuple(ending_named(form) for form in formats)
    if not endings:
        raise InvalidConfig("formats=[]", "nothing is asked for", "leave it out, or name some, as formats=[mid,txt]")
    if twice := [ending for ending in endings if endings.count(ending) > 1]:
        raise InvalidConfig(f"formats={','.join(formats)}", f"names {twice[0][1:]} twice", "name it once")
    return endings


def refuse_there(folder: str | Path, name: str, count: int, formats: Sequence[str]) -> None:
    """Raises PhinError where one of the files that `write_tunes` would make of `count` tunes is there already."""
    for stem in _stems(name, count):
        for ending in endings_of(formats):
            if (there := Path(folder) / f"{stem}{ending}").exists():
                raise PhinError(there, "is there already", "name another folder, or take another seed")


def write_tunes(
    tunes: Sequence[Phrase],
    folder: str | Path,
    name: str = "tune",
    replace: bool = False,
    formats: Sequence[str] = FORMATS,
) -> list[TuneFiles]:
    """Writes tune-1.mid, .wav and so on into `folder`, which is made if it is not there.

    On paper (letters, tablature) a tune may be changed, which is said (`phin.music.paper`); where no page can hold it
    that page is left out, and that is said. A page of an earlier tune then does not stay under its name. Raises
    PhinError, before anything of these tunes is there, where another tune has such a name and is not to be replaced.
    """
    folder, endings = Path(folder), endings_of(formats)
    stems = _stems(name, len(tunes))
    with whole_files(folder) as desk:
        written = [_write(tune, desk / stem, endings) for tune, stem in zip(tunes, stems, strict=True)]
        names = [f"{stem}{ending}" for stem in stems for ending in endings]
        if not replace:
            for file in names:
                _refuse_another(folder / file, desk / file)
        for file in names:
            if not (desk / file).exists():
                (folder / file).unlink(missing_ok=True)
    return [
        TuneFiles({ending: folder / path.name for ending, path in files.of.items()}, files.said) for files in written
    ]


def _stems(name: str, count: int) -> list[str]:
    """The names of the tunes, without an ending."""
    return [f"{name}-{number}" for number in range(1, count + 1)]


def _refuse_another(there: Path, ours: Path) -> None:
    if there.exists() and not (ours.exists() and there.read_bytes() == ours.read_bytes()):
        raise PhinError(there, "is another tune", "name another folder, or take another seed")


def _write(tune: Phrase, stem: Path, endings: Sequence[str]) -> TuneFiles:
    """The tune in each form that can hold it."""
    of, said = {}, list[str]()
    for ending in endings:
        path = stem.with_name(stem.name + ending)
        try:
            shown, changes = for_paper(tune, ending)
            WRITERS[ending](shown, path)
        except (InvalidTune, Unplayable) as error:
            if ending not in LETTERED + FRETTED:
                raise
            said.append(f"{ending}: not written: {error.reason}")
            continue
        of[ending] = path
        said += [f"{ending}: {change}" for change in changes]
    return TuneFiles(of, tuple(said))
