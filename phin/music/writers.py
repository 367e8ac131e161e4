"""Every form a tune can be written in: the endings of files, and who writes each. The one table of them."""

from collections.abc import Callable
from pathlib import Path

from phin.errors import InvalidConfig
from phin.music import midi, notation, picture, sheet, tablature, voice
from phin.music.neck import neck
from phin.music.phrase import Phrase

Writer = Callable[[Phrase, Path], None]

WRITERS: dict[str, Writer] = {
    ".txt": notation.write_letters,
    ".tab": tablature.write_tablature,
    ".mid": midi.write_midi,
    ".midi": midi.write_midi,
    ".wav": lambda phrase, path: voice.write_wav(voice.render(phrase), path),
    ".html": sheet.write_sheet,
    ".neck.png": lambda phrase, path: picture.save(neck(phrase), path),
    ".neck.svg": lambda phrase, path: picture.save(neck(phrase), path),
    ".png": lambda phrase, path: picture.save(picture.piano_roll(phrase), path),
    ".svg": lambda phrase, path: picture.save(picture.piano_roll(phrase), path),
}
"""By ending. Each writes a file that is there entirely or not at all, or raises PhinError."""


def ending_named(form: str) -> str:
    """The ending that a person calls `txt`, `.txt` or `neck.png`. Raises InvalidConfig where nobody writes it."""
    ending = f".{form.removeprefix('.').casefold()}"
    if ending not in WRITERS:
        known = ", ".join(ending.removeprefix(".") for ending in WRITERS)
        raise InvalidConfig(f"formats={form}", "no tune can be written so", f"take of {known}")
    return ending
