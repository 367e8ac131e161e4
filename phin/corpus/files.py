"""The files of a corpus, in a fixed order, wherever they lie."""

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from phin.corpus.download import checksum, fetched, wanted
from phin.corpus.guqin import refuse_without_music21
from phin.corpus.settings import CorpusConfig
from phin.corpus.sources import Folder, Made, Package, Parser, Repository, Source
from phin.corpus.walk import walk
from phin.errors import MissingCorpus, printable, to_install

PIECES_A_UNIT = 16
"""Pieces that the composer makes in one go."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A file to be read, the source it belongs to (a name in the registry), and what its tunes' ids begin with.

    What is made is no file: `pieces` then says with which seed, from which number on, and how many.
    """

    path: Path | None
    source: str
    id: str
    pieces: tuple[int, int, int] | None = None


def find_units(config: CorpusConfig, progress: bool = True) -> tuple[list[Unit], str]:
    """The files of a corpus (`each_unit`), all at once, and their licences."""
    return list(each_unit(config, progress)), licence_of(config)


def licence_of(config: CorpusConfig) -> str:
    """The licences a user must see."""
    return " ".join(dict.fromkeys(source.licence for source in config.chosen))


def each_unit(config: CorpusConfig, progress: bool = True) -> Iterator[Unit]:
    """The files of a corpus, in a fixed order. Raises MissingCorpus.

    A repository that is asked for with `download` is fetched, once it is sure that it can be read. What a package or a
    repository has is as large as it is and is found at once; a user's folder and what is made are gone through.
    """
    yield from _package_units(config)
    for source in config.chosen:
        key = config.key_of(source.place)
        match source.origin:
            case Folder(endings):
                yield from _folder_units(source, _folder(config.path_of(source.place) or "", source, key), endings, key)
            case Repository():
                if source.parser is Parser.GUQIN:
                    refuse_without_music21(source.about)
                path = config.path_of(source.place)
                folder = _folder(path, source, key) if path else None
                folder = folder or fetched(source, source.origin, Path(config.cache), config.download, key, progress)
                yield from _repository_units(source, source.origin, folder, key)
            case Made():
                yield from _composer_units(source, config)


def source_names(config: CorpusConfig, units: Iterable[Unit]) -> list[str]:
    """What tunes of a corpus can be called, in the order of the first file."""
    chosen = {source.name: source for source in config.chosen}
    return list(dict.fromkeys(name for unit in units for name in chosen[unit.source].names))


def other_files(config: CorpusConfig, units: Iterable[Unit]) -> list[str]:
    """The packaged sources whose files are not those that the benchmark was measured on."""
    pinned = {source.name: source.origin.checksum for source in config.chosen if isinstance(source.origin, Package)}
    files: dict[str, dict[str, Path]] = {name: {} for name in pinned}
    for unit in units if pinned else ():
        if unit.source in files and unit.path:
            files[unit.source][unit.id] = unit.path
    return [name for name, expected in pinned.items() if checksum(files[name])[:16] != expected]


def _package_units(config: CorpusConfig) -> list[Unit]:
    """Those of all packaged sources, folder by folder, each in the order of its files' names."""
    packaged = {source.name: source.origin for source in config.chosen if isinstance(source.origin, Package)}
    if not packaged:
        return []
    root = Path(path) if (path := config.path_of("music21")) else _installed_corpus()
    units = []
    for folder in dict.fromkeys(origin.folder for origin in packaged.values()):
        owners = [(name, origin) for name, origin in packaged.items() if origin.folder == folder]
        for file in sorted((root / folder).glob("*.abc")):
            units += [Unit(file, name, f"{name}/{file.stem}") for name, origin in owners if origin.has(file.stem)]
        for name, _ in owners:
            if not any(unit.source == name for unit in units):
                place = config.key_of("music21") if path else "the music21 package"
                raise MissingCorpus(root / folder, f"has no ABC files of the source {name}", f"check {place}")
    return units


def _installed_corpus() -> Path:
    """The corpus folder of the installed music21, found without importing it."""
    found = importlib.util.find_spec("music21")
    if found is None or not found.submodule_search_locations:
        reason = "is not installed, and its folk tunes are the default corpus"
        raise MissingCorpus("music21", reason, f"run: {to_install('corpora')}")
    return Path(found.submodule_search_locations[0]) / "corpus"


def _folder_units(source: Source, folder: Path, endings: tuple[str, ...], key: str) -> Iterator[Unit]:
    found = False
    for path in walk(folder):
        if path.suffix.lower() in endings:
            found = True
            yield Unit(path, source.name, printable(path.relative_to(folder)))
    if not found:
        kinds = " or ".join(endings)
        raise MissingCorpus(folder, f"holds no {kinds} files", f"set {key} to the folder that holds them")


def _folder(path: str, source: Source, key: str) -> Path:
    if not Path(path).is_dir():
        raise MissingCorpus(path, "is not a folder", f"set {key} to the folder that holds {source.about}")
    return Path(path)


def _repository_units(source: Source, origin: Repository, folder: Path, key: str) -> list[Unit]:
    paths = (PurePosixPath(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file())
    files = wanted(paths, origin)
    if not files:
        kinds = " or ".join(origin.files)
        raise MissingCorpus(folder, f"holds no {kinds}", f"set {key} to a copy of {origin.url}")
    return [Unit(folder / path, source.name, f"{source.name}/{path}") for path in files]


def _composer_units(source: Source, config: CorpusConfig) -> Iterator[Unit]:
    for first in range(0, config.pieces, PIECES_A_UNIT):
        count = min(PIECES_A_UNIT, config.pieces - first)
        yield Unit(None, source.name, f"{source.name}/{config.pieces_seed}", (config.pieces_seed, first, count))
