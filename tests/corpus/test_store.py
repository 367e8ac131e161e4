"""The store: what is written is read back, from the disk and not from memory, and never half of it."""

import hashlib
import json
import pickle
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phin.corpus.store import Store, Tune, is_store, open_store, write_store
from phin.errors import PhinError
from phin.music.lai import Family, LaiLabel, label_lai
from phin.music.phrase import Inferred, LabelSource, Metre, Phrase
from tests.strategies import phrases
from tests.tunes import MINOR_PENTATONIC_ON_A, wander, with_drone

SOURCES = ["essen", "midi"]


def several() -> list[Tune]:
    """Tunes of every kind: with and without metre, tempo, title, drone, set and lai."""
    phrases = [
        replace(wander(0, 20, MINOR_PENTATONIC_ON_A), source="midi", tempo=600_000, title="ลายใหญ่"),
        replace(wander(1, 9), source="essen", metre=None),
        replace(with_drone(wander(2, 31)), source="essen", metre=Metre(12, 8), tempo=16_777_215),
    ]
    finds = [LaiLabel(0, Family.YAO), LaiLabel(), LaiLabel(11, None)]
    splits = ["train", "validation", "test"]
    return [
        Tune(f"tunes/{number}", phrase, found, family=number // 2, split=split)
        for number, (phrase, found, split) in enumerate(zip(phrases, finds, splits, strict=True))
    ]


def write(folder: Path, tunes: Sequence[Tune] | None = None, **about: object) -> Store:
    tunes = several() if tunes is None else tunes
    return write_store(folder, tunes, SOURCES, "nobody's", {"found": 3, **about})


def test_of_a_tune_its_own_name_alone_is_read(tmp_path: Path) -> None:
    """The names of a million tunes would be in the memory of every process that reads one of them."""
    write(tmp_path / "store")
    names = tmp_path / "store" / "names.json"
    torn = names.read_bytes().replace(b"tunes/1", b'"""""""')
    names.write_bytes(torn)
    store = open_store(tmp_path / "store")
    assert [store.id(number) for number in (0, 2)] == ["tunes/0", "tunes/2"]
    assert store.phrase(0).title == "ลายใหญ่"
    with pytest.raises(ValueError, match=r"Expecting|Extra data"):
        store.id(1)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Tunes would come out of the cache without their metre, their lai or their last notes."""
    write(tmp_path / "store")
    store, tunes = open_store(tmp_path / "store"), several()
    assert len(store) == 3
    for number, tune in enumerate(tunes):
        assert store.phrase(number) == tune.phrase
        assert store.label(number) == tune.found
        assert store.id(number) == tune.id
    assert store.lengths.tolist() == [len(tune.phrase) for tune in tunes]
    assert store.families.tolist() == [0, 0, 1]
    assert [store.sources[place] for place in store.source_of] == ["midi", "essen", "essen"]
    assert [store.split(name).tolist() for name in ("train", "validation", "test")] == [[0], [1], [2]]
    assert (store.sources, store.licence, store.report) == (("essen", "midi"), "nobody's", {"found": 3})


def test_notes_stay_on_the_disk_until_they_are_asked_for(tmp_path: Path) -> None:
    """A large corpus would fill the memory of a small machine, once for every process."""
    store = write(tmp_path / "store")
    assert isinstance(store.rows, np.memmap)
    assert isinstance(store.tunes, np.memmap)
    assert not store.rows.flags.writeable


def test_a_store_is_sent_to_another_process_as_its_folder(tmp_path: Path) -> None:
    """Each worker that loads tunes would be sent all the notes there are, at the start of every epoch."""
    store = write(tmp_path / "store", [Tune("long", replace(wander(0, 5000), source="midi"), LaiLabel())])
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    there = pickle.loads(sent)
    assert isinstance(there.rows, np.memmap)
    assert there.phrase(0) == store.phrase(0)


def test_the_fingerprint_is_that_of_the_tunes(tmp_path: Path) -> None:
    """A figure could be compared with one that was measured on other notes."""
    first = write(tmp_path / "one")
    assert write(tmp_path / "other", seconds=99).fingerprint == first.fingerprint
    one_note_changed = several()
    rows = one_note_changed[1].phrase.rows.copy()
    rows[-1, 2] += 1
    one_note_changed[1] = replace(one_note_changed[1], phrase=replace(one_note_changed[1].phrase, rows=rows))
    other_split = [*several()[:2], replace(several()[2], split="train")]
    for number, tunes in enumerate([one_note_changed, other_split, several()[:2]]):
        assert write(tmp_path / f"changed {number}", tunes).fingerprint != first.fingerprint


@pytest.mark.parametrize(
    "fault",
    [
        {"tunes": [*several(), Tune("stray", replace(wander(5), source="nowhere"), LaiLabel())]},
        {"seconds": object()},  # the report cannot be written: it comes last, when the notes are on the disk
    ],
    ids=["a tune of no source", "a report that cannot be written"],
)
def test_a_writer_that_fails_midway_leaves_nothing_behind(tmp_path: Path, fault: dict[str, object]) -> None:
    """The next run would learn from half a corpus without a word."""
    folder = tmp_path / "cache" / "store"
    with pytest.raises((ValueError, TypeError)):
        write(folder, **fault)
    assert list((tmp_path / "cache").iterdir()) == []
    assert not is_store(folder)


def test_writers_in_a_race_leave_one_whole_store(tmp_path: Path) -> None:
    """Eight GPUs that prepare one corpus at once would fall over each other."""
    folder, together = tmp_path / "cache" / "store", Barrier(4)

    def writer(_: int) -> str:
        together.wait()
        return write(folder).fingerprint

    with ThreadPoolExecutor(4) as pool:
        fingerprints = set(pool.map(writer, range(4)))
    assert fingerprints == {open_store(folder).fingerprint}
    assert list(folder.parent.iterdir()) == [folder]


def test_who_comes_late_takes_the_store_that_is_there(tmp_path: Path) -> None:
    """A store that others are reading would be pulled away from under them."""
    first = write(tmp_path / "store")
    written = (tmp_path / "store" / "about.json").stat()
    second = write(tmp_path / "store")
    assert second.fingerprint == first.fingerprint
    after = (tmp_path / "store" / "about.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_the_remains_of_a_store_are_replaced(tmp_path: Path) -> None:
    """Whoever once ran out of disk could never prepare that corpus again."""
    remains = tmp_path / "store"
    remains.mkdir()
    (remains / "rows.npy").write_bytes(b"half of it")
    assert not is_store(remains)
    assert len(write(remains)) == 3
    assert open_store(remains).phrase(0) == several()[0].phrase


@pytest.mark.parametrize("share", [0, 0.5], ids=["nothing", "half"])
@pytest.mark.parametrize("torn", ["rows.npy", "tunes.npy", "about.json"])
def test_a_torn_cache_is_named_with_its_remedy(tmp_path: Path, torn: str, share: float) -> None:
    """Training would end in a traceback out of numpy, and nobody would know which folder to delete."""
    write(tmp_path / "store")
    file = tmp_path / "store" / torn
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(PhinError, match=r"is no readable cache .* Remove the folder") as refused:
        open_store(tmp_path / "store")
    assert refused.value.where == str(tmp_path / "store")


def test_a_store_of_nothing_is_a_store(tmp_path: Path) -> None:
    """A corpus whose tunes were all refused would fail in numpy and not by name."""
    store = write(tmp_path / "store", [])
    assert len(store) == 0
    assert store.split("train").tolist() == []


def test_what_was_recognised_is_recognised_again_from_the_notes_in_the_store(tmp_path: Path) -> None:
    """Labels would belong to other notes than those they are stored with."""
    phrases: list[Phrase] = [replace(wander(seed, 24, MINOR_PENTATONIC_ON_A), source="midi") for seed in range(12)]
    store = write(tmp_path / "store", [Tune(str(n), p, label_lai(p)) for n, p in enumerate(phrases)])
    found = [store.label(number) for number in range(12)]
    assert found == [label_lai(store.phrase(number)) for number in range(12)]
    assert len(set(found)) > 2


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several=st.lists(phrases(max_notes=6), min_size=1, max_size=6))
def test_any_tune_is_read_back_with_what_is_inferred_in_it(tmp_path: Path, several: list[Phrase]) -> None:
    """What nobody wrote down would come out of the cache as if it had been written, and be learned and measured."""
    sources = sorted({phrase.source for phrase in several})
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        stored = [Tune(str(number), phrase, LaiLabel()) for number, phrase in enumerate(several)]
        store = write_store(Path(folder) / "store", stored, sources, "nobody's", {})
        for number, phrase in enumerate(several):
            held = {"lai": None, "tuning": None, "drone": (), "words": (), "deviation": None}
            assert store.phrase(number) == replace(phrase, **held)
        for name, kind in (("has_rhythm", Inferred.ONSET), ("has_duration", Inferred.DURATION)):
            assert getattr(store, name) == any(kind not in phrase.inferred for phrase in several)


@pytest.mark.parametrize("kind", [Inferred.ONSET, Inferred.DURATION])
def test_what_no_training_tune_says_is_not_there_to_be_learned(tmp_path: Path, kind: Inferred) -> None:
    """A model would draw durations that it was never taught, because a held-out tune has some."""
    letters = replace(wander(0), source="midi", inferred=frozenset({kind}))
    tunes = [Tune("letters", letters, LaiLabel()), Tune("played", replace(wander(1), source="midi"), LaiLabel())]
    for split, there in (("test", False), ("train", True)):
        store = write(tmp_path / split, [tunes[0], replace(tunes[1], split=split)])
        assert (store.has_rhythm if kind is Inferred.ONSET else store.has_duration) is there


def test_the_fingerprint_tells_what_is_inferred_and_is_the_old_one_where_nothing_is(tmp_path: Path) -> None:
    """A checkpoint of the folk tunes could no longer be evaluated on them; or one of letters on letters read anew."""
    plain = write(tmp_path / "plain")
    digest = hashlib.sha256(plain.rows.tobytes())
    before = [name for name in plain.tunes.dtype.names if name not in ("inferred", "techniques_from")]
    for row in plain.tunes:
        digest.update(b"".join(row[name].tobytes() for name in before))
    names = [[tune.id, tune.phrase.title] for tune in several()]
    digest.update(json.dumps(names).encode())
    assert plain.fingerprint == digest.hexdigest()[:16]
    prints = {plain.fingerprint}
    for number, facts in enumerate(
        [{"inferred": frozenset({kind})} for kind in Inferred] + [{"techniques_from": source} for source in LabelSource]
    ):
        for changed in range(2):
            tunes = several()
            tunes[changed] = replace(tunes[changed], phrase=replace(tunes[changed].phrase, **facts))
            prints.add(write(tmp_path / f"{number} {changed}", tunes).fingerprint)
    assert len(prints) == 1 + 2 * 6
