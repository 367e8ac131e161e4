"""The registry: where tunes come from, on what licence, what they are called, and how they are read.

A source is installed with a package, lies in a folder of the user's, lies in a public repository, or is made by phin.
Its tunes are called what they are: nothing is called Isan that is not, and what is made says so.

No entry has the few tunes of the phin itself that can be read in public: some eight lai in players' shorthand on one
web site (guitar285.wordpress.com, known to us only as quoted in the research notes of kritsanan1/genx2, some of them
cut off), four with their rhythm on another club's board. They are on pages, not in files of a repository at a commit
that could be named here. Who copies a tune into a text file has it as the page has it: `thai_letters` reads that
shorthand.
"""

from dataclasses import dataclass
from enum import Enum

from phin.music.midi_limits import ENDINGS as MIDI


class Parser(Enum):
    """How a file of a source is read (`phin.corpus.reading` has a function for each)."""

    ABC = "abc"
    MIDI = "midi"
    LETTERS = "letters"
    COMPOSER = "composer"
    THAI_JSON = "thai json"
    THM = "thm"
    MIDI_WITHOUT_METRE = "midi without metre"
    """Every file says 4/4 because nobody said otherwise."""
    GUQIN = "guqin"
    """MusicXML of one part, read through music21."""


@dataclass(frozen=True)
class Package:
    """ABC files that come with the music21 package: a folder of its corpus, all files or only some (by stem).

    `checksum` begins that of the files (`phin.corpus.download.checksum`) as music21 10.5.1 has them: the benchmark's.
    """

    folder: str
    checksum: str
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def has(self, stem: str) -> bool:
        """Whether a file of the folder belongs to the source."""
        return stem not in self.without and (not self.only or stem in self.only)


@dataclass(frozen=True)
class Folder:
    """Files that the user has, found by their endings in a folder and all below it."""

    endings: tuple[str, ...]


@dataclass(frozen=True)
class Repository:
    """A public repository as it was at one commit; `files` are patterns, `megabytes` the size of what is fetched.

    `prefer` has endings of stems, the best first: of the files in one folder, which are versions of one song, one is
    taken.
    """

    url: str
    commit: str
    files: tuple[str, ...]
    megabytes: int
    without: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """Nothing is read: phin makes the tunes itself. They are for training, never for measuring."""


@dataclass(frozen=True)
class Source:
    """One entry: `about` names what it has, in a plural; `called` is what a tune of it can be called."""

    name: str
    about: str
    licence: str
    parser: Parser
    origin: Package | Folder | Repository | Made
    called: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """What has to be found before its files are: the package, or the source itself; empty for what is made."""
        if isinstance(self.origin, Made):
            return ""
        return "music21" if isinstance(self.origin, Package) else self.name

    @property
    def names(self) -> tuple[str, ...]:
        """The names that its tunes have as their source."""
        return self.called or (self.name,)

    @property
    def is_made(self) -> bool:
        return isinstance(self.origin, Made)


MUSIC21_LICENCE = (
    "Folk tunes from the music21 package's corpus: encodings by many hands, for non-commercial, research use only "
    "(see license.txt in its corpus folders). What is trained on them inherits that."
)
OWN_LICENCE = "Your own files: their licence is yours to know."
COMPOSER_LICENCE = "Pieces of phin's composer: synthetic, made by rule, free like the code (MIT)."

NO_LICENCE = (
    "no licence is stated, so for research use only, never to be passed on; what is trained on it inherits that."
)

LAO_ACCENT, THAI_CLASSICAL = "lao-accent classical", "thai classical"
"""Central Thai classical tunes; those with ลาว in the title are in a so-called Lao accent. None is Isan music."""

_HAN = ("han1", "han2")
"""Essen's Chinese volumes are a source of their own, so that the model can tell them apart."""


def _music21(name: str, about: str, origin: Package) -> Source:
    return Source(name, about, MUSIC21_LICENCE, Parser.ABC, origin)


_ENTRIES = (
    _music21(
        "essen", "European folk songs, Essen collection", Package("essenFolksong", "dfc412fa5c6457ff", without=_HAN)
    ),
    _music21("han", "Chinese folk songs, Essen collection", Package("essenFolksong", "66357bd2aaea9a5b", only=_HAN)),
    _music21("oneill", "Irish tunes, O'Neill 1850", Package("oneills1850", "e5677f7c51bef92c")),
    _music21("ryan", "American fiddle tunes, Ryan's Mammoth Collection", Package("ryansMammoth", "2916ff2db3ab73e9")),
    _music21("aird", "Scottish and other airs, Aird", Package("airdsAirs", "19b1d5fa661c4cb4")),
    _music21("misc", "folk tunes of other kinds", Package("miscFolk", "7a4fb5d94059ac9f")),
    Source("midi_folder", "your MIDI files", OWN_LICENCE, Parser.MIDI, Folder(MIDI), ("midi",)),
    Source("abc_folder", "your ABC files", OWN_LICENCE, Parser.ABC, Folder((".abc",)), ("abc",)),
    Source("thai_letters", "your pages of Thai letters", OWN_LICENCE, Parser.LETTERS, Folder((".txt",)), ("letters",)),
    Source(
        "thai_songs",
        "Thai classical songs, printed notation read by machine and mended by hand (GetomG)",
        f"GetomG/Thai-Music-Thesis: {NO_LICENCE}",
        Parser.THAI_JSON,
        Repository(
            "https://github.com/GetomG/Thai-Music-Thesis",
            "08af5b4d5079660073564b95514d64ea866a8691",
            ("thai_music_data/songs/*/*/json/*.json",),
            megabytes=200,
            prefer=("_full", "_combined", "_clean", "_manual"),
        ),
        (LAO_ACCENT, THAI_CLASSICAL),
    ),
    Source(
        "thm",
        "pages of a school's Thai music club, in digits",
        f"warut92/thm-club: {NO_LICENCE}",
        Parser.THM,
        Repository(
            "https://github.com/warut92/thm-club",
            "d682ce0b91fce1eb5a7377eb37928183fc6cfe02",
            tuple(f"{folder}/*.html" for folder in ("basic", "short-song", "special-song", "teaching", "competition")),
            megabytes=100,
            without=("basic/khim*",),
        ),
        (LAO_ACCENT, THAI_CLASSICAL),
    ),
    Source(
        "anthology",
        "Chinese folk songs, a printed anthology read by machine",
        f"m-july/Anthology-of-Chinese-Folk-Songs-v251103 (scans under copyright): {NO_LICENCE}",
        Parser.MIDI_WITHOUT_METRE,
        Repository(
            "https://github.com/m-july/Anthology-of-Chinese-Folk-Songs-v251103",
            "6e41177295be9380dd447877da9aa517a9911c76",
            ("lyrics-included/*/*.mid", "melody-only/*/*.mid"),
            megabytes=500,
        ),
        ("chinese folk",),
    ),
    Source(
        "guqin",
        "pieces for the guqin, typed from printed numbered notation",
        f"lukewys/Guqin-Dataset: {NO_LICENCE}",
        Parser.GUQIN,
        Repository(
            "https://github.com/lukewys/Guqin-Dataset",
            "6270363208365dfb519c9431ed8c3fde2533b231",
            ("Guqin_Dataset_v1/xml_no_split/*/*.xml",),
            megabytes=20,
        ),
    ),
    Source("composer", "synthetic phin pieces", COMPOSER_LICENCE, Parser.COMPOSER, Made()),
)
SOURCES = {source.name: source for source in _ENTRIES}
MADE = frozenset(name for source in _ENTRIES if source.is_made for name in source.names)
"""What tunes are called that phin makes by rule: nothing is measured on them."""
