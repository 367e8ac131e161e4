"""Where tunes come from: each source says which files it has, how one is read, and on what licence."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from phin.errors import Defect, InvalidConfig, InvalidTune, MissingCorpus
from phin.music.abc import decode, read_tune, split_tunes
from phin.music.lai import LaiLabel
from phin.music.midi import read_midi
from phin.music.phrase import Phrase


class Reader(Enum):
    """The kinds of source."""

    MUSIC21 = "music21"
    MIDI_FOLDER = "midi_folder"


@dataclass
class CorpusConfig:
    """Which tunes, and how they are taken in."""

    name: str = "folk"
    reader: Reader = Reader.MUSIC21
    collections: list[str] = field(default_factory=list)
    """For music21: folders of its corpus, or single files in them, without ending."""
    path: str | None = None
    """For midi_folder: the folder. For music21: a copy of its corpus folder, if the package is not to be asked."""
    cache: str = "cache"
    """Folder in which prepared corpora are kept."""
    splits: str | None = None
    """Name of a committed list of held-out tunes; without one, families are split by a hash of their first id."""
    held_out: float = 0.1
    """Share of families in the validation and in the test split, each, where there is no list."""
    min_notes: int = 8
    workers: int = 0
    """Processes that read files; 0: one a core."""
    file_seconds: float = 30.0
    """Seconds of the clock that reading one file may take; what takes longer is refused by name."""
    file_megabytes: int = 1024
    """Memory that reading one file may take, in 2**20 bytes beyond what its process has before it (on Linux)."""

    def __post_init__(self) -> None:
        if self.reader is Reader.MIDI_FOLDER and not self.path:
            raise InvalidConfig("data.path", "is not set", "say where the MIDI files are: data.path=DIR")
        if self.reader is Reader.MIDI_FOLDER and self.collections:
            raise InvalidConfig("data.collections", "means nothing for a folder of MIDI files", "leave it out")
        if self.reader is Reader.MUSIC21 and not self.collections:
            raise InvalidConfig("data.collections", "is empty", "name at least one, as conf/data/folk.yaml does")
        if self.splits and self.held_out != CorpusConfig.held_out:
            raise InvalidConfig(
                f"data.held_out={self.held_out}",
                f"means nothing beside the list data.splits={self.splits}",
                "leave it out",
            )
        if not 0 < self.held_out < 0.5:
            raise InvalidConfig(f"data.held_out={self.held_out}", "is not between 0 and 0.5", "take 0.1")
        if self.min_notes < 2 or self.workers < 0:
            raise InvalidConfig(
                "data", "min_notes must be at least 2 and workers at least 0", "raise the one that is not"
            )
        for name in ("file_seconds", "file_megabytes"):
            if not getattr(self, name) > 0:
                raise InvalidConfig(f"data.{name}={getattr(self, name)}", "is no limit", "take more than 0")


@dataclass(frozen=True, slots=True)
class Unit:
    """A file to be read, the source its tunes belong to, and what their ids begin with."""

    path: Path
    reader: Reader
    source: str
    id: str


@dataclass(frozen=True)
class Reading:
    """What came of one tune: a phrase, perhaps with repairs, and its mode, or the reason why not."""

    id: str
    phrase: Phrase | None = None
    repairs: tuple[str, ...] = ()
    defect: Defect | None = None
    reason: str = ""
    found: LaiLabel = field(default_factory=LaiLabel)


MUSIC21_LICENCE = (
    "Folk tunes from the music21 package's corpus: encodings by many hands, for non-commercial, research use only "
    "(see license.txt in its corpus folders). What is trained on them inherits that."
)
OWN_LICENCE = "Your own files: their licence is yours to know."

_SOURCE_OF_FOLDER = {
    "essenFolksong": "essen",
    "oneills1850": "oneill",
    "ryansMammoth": "ryan",
    "airdsAirs": "aird",
    "miscFolk": "misc",
}
_CHINESE = ("han1", "han2")
"""Essen's Chinese volumes are a source of their own, so that the model can tell them apart."""


def find_units(config: CorpusConfig) -> tuple[list[Unit], str]:
    """The files of a corpus, in a fixed order, and the licence a user must see. Raises MissingCorpus."""
    if config.reader is Reader.MUSIC21:
        return _music21_units(config), MUSIC21_LICENCE
    return _midi_units(Path(config.path or "")), OWN_LICENCE


def read_unit(unit: Unit, min_notes: int) -> list[Reading]:
    """Every tune of a file, read or refused by name, also where the file breaks the reader itself."""
    try:
        return _read_midi(unit, min_notes) if unit.reader is Reader.MIDI_FOLDER else _read_abc(unit, min_notes)
    except MemoryError:  # how much memory there is, is known to the one who set its limit
        raise
    except Exception as error:  # one strange file among thousands must not stop the others
        what = f"broke the reader ({type(error).__name__}: {error})"
        return [broken(unit, Defect.BROKE_READER, what, "leave it out, and tell us of it")]


def broken(unit: Unit, defect: Defect, what: str, remedy: str) -> Reading:
    """The refusal of a whole file that the reader could not cope with."""
    error = InvalidTune(unit.path, defect, " ".join(what.split()), remedy)
    return Reading(unit.id, defect=defect, reason=str(error))


def _read_midi(unit: Unit, min_notes: int) -> list[Reading]:
    try:
        reading = read_midi(unit.path, min_notes)
    except InvalidTune as error:
        return [Reading(unit.id, defect=error.defect, reason=str(error))]
    return [Reading(unit.id, phrase=replace(reading.phrase, source=unit.source), repairs=reading.repairs)]


def _read_abc(unit: Unit, min_notes: int) -> list[Reading]:
    readings: list[Reading] = []
    seen: dict[str, int] = {}
    for tune in split_tunes(decode(unit.path.read_bytes())):
        seen[tune.number] = seen.get(tune.number, 0) + 1
        again = f"-{seen[tune.number]}" if seen[tune.number] > 1 else ""
        name = f"{unit.id}/{tune.number}{again}"
        try:
            phrase = read_tune(tune, str(unit.path), unit.source)
            if len(phrase.melody) < min_notes:
                raise InvalidTune(
                    name, Defect.TOO_SHORT, f"has {len(phrase.melody)} notes, fewer than {min_notes}", "leave it out"
                )
            readings.append(Reading(name, phrase=phrase))
        except InvalidTune as error:
            readings.append(Reading(name, defect=error.defect, reason=str(error)))
    return readings


def source_names(units: Sequence[Unit]) -> list[str]:
    """The sources of a corpus, in the order of their first file."""
    return list(dict.fromkeys(unit.source for unit in units))


def _music21_units(config: CorpusConfig) -> list[Unit]:
    root = Path(config.path) if config.path else _installed_corpus()
    units = []
    for collection in config.collections:
        place = root / collection
        files = sorted(place.glob("*.abc")) if place.is_dir() else [place.with_suffix(".abc")]
        if not files or not files[0].is_file():
            raise MissingCorpus(place, "no ABC files are there", "check data.collections, and data.path if you set it")
        for file in files:
            source = _SOURCE_OF_FOLDER.get(file.parent.name, file.parent.name)
            source = "han" if file.stem in _CHINESE else source
            units.append(Unit(file, Reader.MUSIC21, source, f"{source}/{file.stem}"))
    return units


def _installed_corpus() -> Path:
    """The corpus folder of the installed music21, found without importing it."""
    found = importlib.util.find_spec("music21")
    if found is None or not found.submodule_search_locations:
        raise MissingCorpus(
            "music21", "is not installed, and its folk tunes are the default corpus", 'run: pip install "phin[corpora]"'
        )
    return Path(found.submodule_search_locations[0]) / "corpus"


def _midi_units(folder: Path) -> list[Unit]:
    if not folder.is_dir():
        raise MissingCorpus(folder, "is not a folder", "set data.path to the folder that holds your MIDI files")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    if not files:
        raise MissingCorpus(folder, "holds no .mid or .midi files", "set data.path to the folder that holds them")
    return [Unit(path, Reader.MIDI_FOLDER, "midi", str(path.relative_to(folder))) for path in files]
