"""The stretches of a prepared corpus: made once, of the training tunes, found by the corpus's fingerprint."""

from collections.abc import Callable
from pathlib import Path

import pytest

from phin.corpus.copies import FILE, Copies, copy_index, store_of
from phin.corpus.intake import prepare
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import Store
from phin.data.dataset import DataConfig
from phin.errors import PhinError
from phin.music.copying import CopyIndex


@pytest.fixture(scope="module")
def store(corpus: DataConfig) -> Store:
    return prepare(corpus, progress=False)


def test_a_training_tune_is_found_as_itself_and_a_held_out_one_is_not(store: Store) -> None:
    """Fails: the model's own tunes pass as new; or unheard ones as copies."""
    index = copy_index(store)
    long_enough = [tune for tune in store.split("train").tolist() if len(store.phrase(tune).melody) >= index.notes]
    assert len(long_enough) > 3
    for tune in long_enough:
        copied = index.longest(store.phrase(tune))
        assert copied is not None
        assert copied.notes == len(store.phrase(tune).melody)
        assert store.id(copied.tune) == store.id(tune)
    assert not any(index.longest(store.phrase(tune)) for tune in store.split("test").tolist())


def test_it_is_made_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: every tune waits for the whole corpus to be read."""
    made = copy_index(store)

    def never(*_: object) -> CopyIndex:
        raise AssertionError("made twice")

    monkeypatch.setattr(CopyIndex, "beyond_chance", never)
    again = copy_index(store)
    assert again.length == made.length
    assert again.hashes.tolist() == made.hashes.tolist()
    assert again.tunes.tolist() == made.tunes.tolist()


def test_a_copy_of_what_a_model_learned_from_before_is_told(store: Store, tmp_path: Path) -> None:
    """Fails: a model that was adapted to a few pages repeats the tunes that it began with, and nobody says so."""
    own = prepare(CorpusConfig(name="own", sources=["composer"], pieces=12, cache=str(store.folder.parent)), False)
    copies = Copies.of([own.fingerprint, store.fingerprint], store.folder.parent)
    assert copies is not None
    most = max(store.split("train").tolist(), key=lambda tune: len(store.phrase(tune).melody))
    said = copies.told(store.phrase(most))
    assert said is not None
    assert said.endswith(store.id(most))
    assert Copies.of(["no such"], store.folder.parent) is None


@pytest.mark.parametrize("tear", [lambda data: data[:50], lambda data: b"", lambda data: b"x" * 100])
def test_a_torn_file_is_told(store: Store, tear: Callable[[bytes], bytes]) -> None:
    """Fails: a page of numpy's traceback in the middle of a tune."""
    copy_index(store)
    path = store.folder / FILE
    whole = path.read_bytes()
    path.write_bytes(tear(whole))
    try:
        with pytest.raises(PhinError, match=r"copies\.npz: is torn .* Remove it"):
            copy_index(store)
    finally:
        path.write_bytes(whole)


def test_a_corpus_is_found_by_its_fingerprint(store: Store, tmp_path: Path) -> None:
    """Fails: tunes are compared with those of another corpus."""
    cache = store.folder.parent
    found = store_of(store.fingerprint, cache)
    assert found is not None
    assert found.folder == store.folder
    for name, said in (("a", "{}"), ("b", "[]"), ("c", "{")):  # before it in the alphabet, and torn
        (cache / name).mkdir()
        (cache / name / "about.json").write_text(said)
    assert store_of(store.fingerprint, cache) is not None, "another corpus that is torn is in nobody's way"
    assert store_of("another", cache) is None
    assert store_of(store.fingerprint, tmp_path / "nowhere") is None
