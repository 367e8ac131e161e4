"""What a reader of a public collection hands back: tunes by name, each read or refused on its own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from phin.errors import InvalidTune
from phin.music.page import PageReading
from phin.music.phrase import Phrase


@dataclass(frozen=True)
class CollectedTune:
    """A tune's name within its file, unique there, and its reading or why it was refused."""

    name: str
    reading: PageReading | InvalidTune


def collect(tunes: Iterable[tuple[str, Callable[[], PageReading]]], source: str) -> list[CollectedTune]:
    """Every tune of a file with its source set; a title that comes again is counted: `-2`, `-3`."""
    collected: list[CollectedTune] = []
    seen: dict[str, int] = {}
    for title, read in tunes:
        seen[title] = seen.get(title, 0) + 1
        name = title if seen[title] == 1 else f"{title}-{seen[title]}"
        try:
            reading = read()
            phrase: Phrase = replace(reading.phrase, title=title, source=source)
            collected.append(CollectedTune(name, replace(reading, phrase=phrase)))
        except InvalidTune as error:
            collected.append(CollectedTune(name, error))
    return collected
