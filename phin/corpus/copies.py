"""The stretches of a corpus's training tunes, by which a copy is told from chance; made once, and kept in its store."""

from collections.abc import Iterable, Sequence
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

    corpora: Sequence[tuple[Store, CopyIndex]]

    @classmethod
    def of(cls, fingerprints: Iterable[str], cache: str | Path) -> "Copies | None":
        """Of the training tunes of the corpora in `cache` that have these fingerprints; None where none is there."""
        found = [store for each in fingerprints if (store := store_of(each, cache)) is not None]
        return cls([(store, copy_index(store)) for store in found]) if found else None

    def told(self, phrase: Phrase, new: Bool[np.ndarray, " note"] | None = None) -> str | None:
        """Which training tune a phrase copies, in words; None where it copies none. Where not all melody notes are
        `new`, a stretch without any of those is no copy.
        """
        for store, index in self.corpora:
            copied = index.longest_in_one(phrase, lambda tune, store=store: turns(store.phrase(tune)), new)
            if copied is not None:
                stretch = f"melody notes {copied.first + 1} to {copied.first + copied.notes}"
                chance = f"chance repeats fewer than {index.notes}"
                return f"{stretch} stand in a training tune, in this key or another ({chance}): {store.id(copied.tune)}"
        return None
