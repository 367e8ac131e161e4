"""Tunes in files: each as MIDI, sound and picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from phin.errors import PhinError
from phin.music.midi import midi_bytes, write_midi
from phin.music.phrase import Phrase
from phin.music.picture import piano_roll, save
from phin.music.voice import SAMPLE_RATE, render, write_wav


class TuneFiles(NamedTuple):
    """Where a tune was written."""

    midi: Path
    sound: Path
    picture: Path


def write_tunes(
    tunes: Sequence[Phrase], folder: str | Path, name: str = "tune", replace: bool = False
) -> list[TuneFiles]:
    """Writes tune-1.mid, .wav and .png and so on into `folder`, which is made if it is not there.

    Raises PhinError, before anything is written, where another tune has such a name and is not to be replaced.
    """
    folder = Path(folder)
    stems = [folder / f"{name}-{number}" for number in range(1, len(tunes) + 1)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for tune, stem in zip(tunes, stems, strict=True):
            midi = stem.with_suffix(".mid")
            if not replace and midi.exists() and midi.read_bytes() != midi_bytes(tune):
                raise PhinError(midi, "is another tune", "name another folder, or take another seed")
        return [_write(tune, stem) for tune, stem in zip(tunes, stems, strict=True)]
    except OSError as error:
        raise PhinError(folder, f"cannot be written ({error.strerror})", "name a folder you may write to") from None


def _write(tune: Phrase, stem: Path) -> TuneFiles:
    files = TuneFiles(stem.with_suffix(".mid"), stem.with_suffix(".wav"), stem.with_suffix(".png"))
    write_midi(tune, files.midi)
    write_wav(render(tune), files.sound, SAMPLE_RATE)
    save(piano_roll(tune), files.picture)
    return files
