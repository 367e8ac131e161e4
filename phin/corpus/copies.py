"""The stretches of a corpus's training tunes, by which a copy is told from chance; made once, and kept in its store."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Bool

from phin.corpus.store import Store, is_store, open_store
from phin.errors import PhinError
from phin.music.copying import CopyIndex, turns
from phin.music.phrase import Phrase
from phin.whole_file import whole_file

FILE = "copies.npz"


def store_of(fingerprint: str, cache: str | Path) -> Store | None:
    """The prepared corpus in `cache` that has this fingerprint, if one has."""
    for folder in sorted(Path(cache).glob("*")) if Path(cache).is_dir() else []:
        try:
            store = open_store(folder) if is_store(folder) else None
        except PhinError:  # of another corpus, perhaps: who asks for that one is told
            continue
        if store is not None and store.fingerprint == fingerprint:
            return store
    return None


def copy_index(store: Store) -> CopyIndex:
    """Stretches longer than one in a hundred validation tunes, of other families, repeats from the training tunes."""
    path = store.folder / FILE
    try:
        with path.open("rb") as file, np.load(file) as stored:
            return CopyIndex(int(stored["length"]), stored["hashes"], stored["tunes"])
    except FileNotFoundError:
        pass
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise PhinError(path, f"is torn ({error})", "remove it: it is made again") from None
    learned, unrelated = store.split("train"), store.split("validation")
    of_split = ([turns(store.phrase(tune)) for tune in numbers.tolist()] for numbers in (learned, unrelated))
    index = CopyIndex.beyond_chance(*of_split)
    index = CopyIndex(index.length, index.hashes, learned[index.tunes])
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, length=index.length, hashes=index.hashes, tunes=index.tunes)
    return index


@dataclass(frozen=True)
class Copies:
    """What tells a copy from chance, and whom it was copied from."""

    store: Store
    index: CopyIndex

    @classmethod
    def of(cls, store: Store) -> "Copies":
        """Of a corpus's training tunes."""
        return cls(store, copy_index(store))

    def told(self, phrase: Phrase, new: Bool[np.ndarray, " note"] | None = None) -> str | None:
        """Which training tune a phrase copies, in words; None where it copies none. Where not all melody notes are
        `new`, a stretch without any of those is no copy.
        """
        copied = self.index.longest_in_one(phrase, lambda tune: turns(self.store.phrase(tune)), new)
        if copied is None:
            return None
        stretch = f"melody notes {copied.first + 1} to {copied.first + copied.notes}"
        chance = f"chance repeats fewer than {self.index.notes}"
        return f"{stretch} stand in a training tune, in this key or another ({chance}): {self.store.id(copied.tune)}"
