"""Which tunes make a corpus, and how they are taken in."""

import os
from dataclasses import dataclass, field

from phin.corpus.sources import SOURCES, Folder, Made, Repository, Source
from phin.errors import InvalidConfig

FOLK = ["essen", "han", "oneill", "ryan", "aird", "misc"]
MOST = 2**31 - 1
"""Of notes, files, megabytes: what a setting can count to."""
LONGEST_NAME = 100
"""Bytes of a corpus's name; what is added to it in the cache still makes a name that every disk takes."""
DAY = 86_400.0
FEWEST_MEGABYTES = 16
"""With a smaller limit a file is read in what its process has already, and nothing is limited."""


@dataclass
class CorpusConfig:
    """Which tunes, and how they are taken in."""

    name: str = "folk"
    """What the corpus is called in reports and checkpoints."""
    sources: list[str] = field(default_factory=lambda: list(FOLK))
    """Names in the registry (`phin.corpus.sources`), in the order in which the tunes are numbered."""
    path: str | None = None
    """Where the files of the sources lie, if they all lie in one place: a folder of yours, a local copy of a
    repository, or a copy of music21's corpus folder, if the package is not to be asked."""
    paths: dict[str, str] = field(default_factory=dict)
    """The same where they lie in several places: by source, or `music21` for all that come with it."""
    download: bool = False
    """Whether sources that are neither installed nor given a path may be fetched, their licence read."""
    cache: str = "cache"
    """Folder in which prepared corpora are kept."""
    splits: str | None = None
    """Name of a committed list of held-out tunes; without one, families are split by a hash of their first id."""
    held_out: float = 0.1
    """Share of families in the validation and in the test split, each, where there is no list."""
    pieces: int = 500
    """For composer: how many pieces it makes."""
    pieces_seed: int = 0
    """For composer: another seed, other pieces."""
    min_notes: int = 8
    """A tune of fewer melody notes is refused."""
    workers: int = 0
    """Processes that read files; 0: one a core."""
    file_seconds: float = 30.0
    """Seconds of the clock that reading one file may take; what takes longer is refused by name."""
    file_megabytes: int = 1024
    """Memory that reading one file may take, in 2**20 bytes beyond what its process has before it (on Linux)."""

    def __post_init__(self) -> None:
        self._refuse_name()
        if not self.cache:
            raise InvalidConfig("data.cache=", "is empty", "name a folder for what is prepared")
        self._refuse_unknown_sources()
        self._refuse_places()
        if self.splits and self.held_out != CorpusConfig.held_out:
            raise InvalidConfig(
                f"data.held_out={self.held_out}",
                f"means nothing beside the list data.splits={self.splits}",
                "leave it out",
            )
        if not 0 < self.held_out < 0.5:
            raise InvalidConfig(f"data.held_out={self.held_out}", "is not between 0 and 0.5", "take 0.1")
        for name in ("min_notes", "file_megabytes", "pieces", "pieces_seed"):
            refuse_uncountable(f"data.{name}", getattr(self, name))
        for name, least in (("min_notes", 2), ("workers", 0)):
            if (value := getattr(self, name)) < least:
                raise InvalidConfig(f"data.{name}={value}", "is too few", f"take {least} or more")
        refuse_too_many("data.workers", self.workers)
        if not 0 < self.file_seconds <= DAY:
            raise InvalidConfig(
                f"data.file_seconds={self.file_seconds}", "is no time to read a file in", f"take above 0 to {DAY:g}"
            )
        if self.file_megabytes < FEWEST_MEGABYTES:
            raise InvalidConfig(
                f"data.file_megabytes={self.file_megabytes}", "limits nothing", f"take {FEWEST_MEGABYTES} or more"
            )
        if not self.pieces > 0:
            raise InvalidConfig(f"data.pieces={self.pieces}", "is too little", "take more than 0")
        if self.pieces_seed < 0:
            raise InvalidConfig(f"data.pieces_seed={self.pieces_seed}", "is no seed", "take 0 or more")

    @property
    def chosen(self) -> list[Source]:
        """The sources."""
        return [SOURCES[name] for name in self.sources]

    @property
    def places(self) -> list[str]:
        """What has to be found: `Source.place` of each, once."""
        return list(dict.fromkeys(source.place for source in self.chosen if source.place))

    def path_of(self, place: str) -> str | None:
        """Where the user says that a place (`Source.place`) lies; None: nowhere."""
        return self.paths.get(place, self.path)

    def key_of(self, place: str) -> str:
        """The setting that says where a place lies."""
        return "data.path" if len(self.places) == 1 else f"data.paths.{place}"

    def _refuse_name(self) -> None:
        """A corpus is kept in a folder of its name, in the cache and nowhere else."""
        name = self.name
        is_plain = (
            name.isprintable() and name == name.strip() and not name.startswith(".") and not set(name) & set("/\\")
        )
        if not name or not is_plain or len(name.encode()) > LONGEST_NAME:
            raise InvalidConfig(f"data.name={name!r}", "cannot be the name of a folder", "take a short word, as mine")

    def _refuse_unknown_sources(self) -> None:
        known = ", ".join(SOURCES)
        if not self.sources:
            raise InvalidConfig("data.sources", "is empty", f"name at least one of {known}")
        for name in self.sources:
            if name not in SOURCES:
                raise InvalidConfig(f"data.sources: {name}", "there is no such source", f"take one of {known}")
            if self.sources.count(name) > 1:
                raise InvalidConfig(f"data.sources: {name}", "stands there twice", "name it once")
        makes = any(isinstance(source.origin, Made) for source in self.chosen)
        for name in ("pieces", "pieces_seed"):
            if not makes and (value := getattr(self, name)) != getattr(CorpusConfig, name):
                raise InvalidConfig(f"data.{name}={value}", "means nothing without the source composer", "leave it out")

    def _refuse_places(self) -> None:
        """Every path belongs to a place, and what can only come from a path has one."""
        places = self.places
        if self.path is not None and (len(places) != 1 or self.paths):
            if not places:
                raise InvalidConfig("data.path", "means nothing for pieces that are made", "leave it out")
            keys = ", ".join(f"data.paths.{place}" for place in places)
            raise InvalidConfig("data.path", f"could be one of {len(places)} places", f"say which: {keys}")
        if strange := [place for place in self.paths if place not in places]:
            said = ", ".join(places) or "none"
            raise InvalidConfig(f"data.paths.{strange[0]}", "is no place of these sources", f"they have: {said}")
        for source in self.chosen:
            if isinstance(source.origin, Folder) and not self.path_of(source.place):
                key = self.key_of(source.place)
                raise InvalidConfig(key, "is not set", f"say where {source.about} are: {key}=DIR")
        if self.download and not any(isinstance(source.origin, Repository) for source in self.chosen):
            raise InvalidConfig("data.download=true", "means nothing for these sources", "leave it out")


def refuse_uncountable(key: str, count: int) -> None:
    """Raises InvalidConfig where no array could be so long."""
    if count > MOST:
        raise InvalidConfig(f"{key}={count}", "is too many", f"take {MOST} at most")


def refuse_too_many(key: str, count: int) -> None:
    """Raises InvalidConfig where so many threads or processes would only be in each other's way."""
    cores = os.cpu_count() or 1
    most = max(16, 4 * cores)
    if count > most:
        raise InvalidConfig(f"{key}={count}", f"is too many for this machine of {cores} cores", f"take {most} at most")
