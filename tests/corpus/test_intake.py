"""Intake: every file is taken in or named with its defect, nothing stops the rest, and kin are not torn apart."""

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from phin.corpus import intake
from phin.corpus.files import find_units, source_names
from phin.corpus.intake import held_out_lists, prepare, read_and_label
from phin.corpus.reading import read_unit
from phin.corpus.report import REPORT
from phin.corpus.report_page import PAGE
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import Store, is_store
from phin.corpus.summary import summary
from phin.errors import Defect, InvalidConfig, MissingCorpus
from phin.music.augment import transpose
from phin.music.lai import label_lai
from phin.music.midi import midi_bytes, read_midi
from phin.music.phrase import Metre, Phrase, Voice, rows_from_columns
from phin.tokenizer import Tokenizer, octave_shift
from tests.corpus import readers
from tests.midi_defects import defect_files, good_files
from tests.tunes import MINOR_PENTATONIC_ON_A, wander

GOOD, DEFECTS = good_files(), defect_files()

ABC = """X:1
T:The Rolling Hills
M:6/8
L:1/8
K:D
A|dfd ecA|dfd ecA|dfd ecA|def g2:|

X:1
T:Its Other Setting
M:2/4
L:1/8
K:G
GABc|dedB|GABc|d2 G2|]

X:2
T:Two Notes
M:2/4
L:1/8
K:G
G2 A2|]

X:3
T:Broken Off
M:2/4
L:1/8
K:G
GABc|d@dB|GABc|d2 G2|]
"""


def folder_of(place: Path, files: dict[str, bytes]) -> Path:
    """A folder with these files; a name may have folders in it."""
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def of_midi(folder: Path, **settings: object) -> CorpusConfig:
    """The corpus of a folder, cached beside it, read in this process."""
    defaults = {"name": "mine", "cache": str(folder.parent / "cache"), "workers": 1}
    return CorpusConfig(sources=["midi_folder"], path=str(folder), **{**defaults, **settings})


def taken(config: CorpusConfig) -> Store:
    return prepare(config, progress=False)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and broken files side by side, as a download folder has them; one is no MIDI file at all."""
    files = GOOD | {name: data for name, (data, _) in DEFECTS.items()} | {"sub/README.txt": b"not a tune"}
    return folder_of(tmp_path_factory.mktemp("downloads") / "midi", files)


@pytest.fixture(scope="module")
def mixed_store(mixed: Path) -> Store:
    return taken(of_midi(mixed))


def test_every_good_file_is_taken_in_and_no_other(mixed_store: Store) -> None:
    """One broken download would cost a player all the tunes beside it."""
    assert {mixed_store.id(tune) for tune in range(len(mixed_store))} == set(GOOD)
    assert len(GOOD) > 20


def test_every_broken_file_is_named_with_its_defect(mixed_store: Store) -> None:
    """Tunes would go missing in silence, and nobody could mend them."""
    refusals = {refusal["id"]: refusal for refusal in mixed_store.report["refusals"]}
    assert {id: refusal["defect"] for id, refusal in refusals.items()} == {
        name: str(defect) for name, (_, defect) in DEFECTS.items()
    }
    for name, refusal in refusals.items():
        assert name in refusal["reason"]
        assert "\n" not in refusal["reason"]


def test_what_is_called_a_midi_file_and_is_none_is_named_as_well(tmp_path: Path) -> None:
    """A tune behind a broken link would be missing without a word; a pipe would be waited for without end."""
    folder = folder_of(tmp_path / "midi", {**GOOD, "album.mid/inside.mid": midi_bytes(wander(99))})
    (folder / "gone.mid").symlink_to(folder / "nowhere.mid")
    os.mkfifo(folder / "pipe.mid")
    store = taken(of_midi(folder))
    assert len(store) == len(GOOD) + 1
    assert {refusal["id"]: refusal["defect"] for refusal in store.report["refusals"]} == {
        name: str(Defect.UNREADABLE) for name in ("album.mid", "gone.mid", "pipe.mid")
    }
    assert taken(of_midi(folder)).folder == store.folder, "and is found again in the cache"


def test_the_counts_of_the_report_add_up(mixed_store: Store) -> None:
    """The report would say that all is well while a part of the corpus is missing."""
    report = mixed_store.report
    assert report["found"] == len(GOOD) + len(DEFECTS)
    assert report["accepted"] == len(GOOD) == len(mixed_store)
    assert report["refused"] == Counter(str(defect) for _, defect in DEFECTS.values())
    assert report["accepted"] + sum(report["refused"].values()) == report["found"]
    assert sum(report["splits"].values()) == report["accepted"] - report["left_out_as_kin_of_held_out"]
    assert report["sources"] == {"midi": len(GOOD)}
    assert report["notes"] == mixed_store.lengths.sum() == len(mixed_store.rows)
    assert report["families"] == len(set(mixed_store.families.tolist()))
    roots = [mixed_store.label(tune).root for tune in range(len(mixed_store))]
    assert report["with_pentatonic_set"] == sum(root is not None for root in roots)
    families = [mixed_store.label(tune).family for tune in range(len(mixed_store))]
    assert report["with_lai"] == sum(family is not None for family in families)
    assert report["repaired"]["N drum strokes on channel N left out"] == 1


def test_what_is_in_the_store_is_what_was_in_the_file(mixed: Path, mixed_store: Store) -> None:
    """The ancestor read every file and learned 64 times middle C from each: the tune would not be in the data."""
    for tune in range(len(mixed_store)):
        read = read_midi(mixed / mixed_store.id(tune)).phrase
        expected = replace(transpose(read, octave_shift(read)), source="midi", deviation=None)
        assert mixed_store.phrase(tune) == expected
        assert mixed_store.label(tune) == label_lai(expected)
        encoded = Tokenizer().encode(expected)
        assert Tokenizer().decode(encoded.ids, expected.metre) == Phrase(expected.rows, metre=expected.metre)
    assert len(set(mixed_store.rows[:, 2].tolist())) > 15


def test_several_processes_make_the_same_store_as_one(mixed: Path, mixed_store: Store, tmp_path: Path) -> None:
    """Which tunes are held out would depend on how many cores a machine has."""
    store = taken(of_midi(mixed, workers=2, cache=str(tmp_path)))
    assert store.folder.name == mixed_store.folder.name
    assert store.fingerprint == mixed_store.fingerprint
    assert store.report["refusals"] == mixed_store.report["refusals"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("how", "defect", "words"),
    [
        ("hangs", Defect.TOO_SLOW, "takes longer than 1 s to read. Leave it out, or raise data.file_seconds."),
        ("allocates", Defect.TOO_HUNGRY, "more than 256 MB of memory to read. Leave it out, or raise data.file_meg"),
        ("segfaults", Defect.BROKE_READER, "ended the process that read it (SIGSEGV). Leave it out, and tell us"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_file_that_the_reader_cannot_cope_with_is_refused_by_name_and_tried_again_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, defect: Defect, words: str
) -> None:
    """One strange file would cost a person the night, or be held against its tune for ever."""
    folder = folder_of(tmp_path / "midi", {**GOOD, f"{how}.mid": midi_bytes(wander(99))})
    limits = {"file_seconds": 1.0, "file_megabytes": 256}
    monkeypatch.setattr(intake, "_record", readers.record_unless_its_name_says_otherwise)
    store = taken(of_midi(folder, **limits))
    (refusal,) = store.report["refusals"]
    assert (refusal["id"], refusal["defect"]) == (f"{how}.mid", defect)
    assert words in refusal["reason"]
    assert len(store) == len(GOOD)
    monkeypatch.undo()
    shutil.rmtree(store.folder)
    assert len(taken(of_midi(folder, **limits))) == len(GOOD) + 1


def test_a_prepared_corpus_is_not_read_again(tmp_path: Path) -> None:
    """Every start of a training run would wait for the whole corpus to be read."""
    folder = folder_of(tmp_path / "midi", GOOD)
    first = taken(of_midi(folder))
    for file in folder.iterdir():  # nobody can read these any more, and from outside they look the same
        about = file.stat()
        file.write_bytes(b"\x00" * about.st_size)
        os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    again = taken(of_midi(folder, workers=2))
    assert again.fingerprint == first.fingerprint
    assert again.folder == first.folder


@pytest.mark.long
@pytest.mark.parametrize(
    "change", ["a file is newer", "a file is added", "a file is gone", "another min_notes", "another limit"]
)
def test_a_changed_corpus_is_prepared_anew(tmp_path: Path, change: str) -> None:
    """A player would correct a tune, train again, and hear the old mistake."""
    folder = folder_of(tmp_path / "midi", GOOD)
    first, settings = taken(of_midi(folder)), {}
    match change:
        case "a file is newer":
            os.utime(folder / "plain.mid", ns=(1, 1))
        case "a file is added":
            (folder / "another.mid").write_bytes(midi_bytes(wander(0)))
        case "a file is gone":
            (folder / "plain.mid").unlink()
        case "another min_notes":
            settings = {"min_notes": 9}
        case "another limit":  # under which a file that took too long may be taken in
            settings = {"file_seconds": 29.0}
    second = taken(of_midi(folder, **settings))
    assert second.folder != first.folder
    assert sum(is_store(place) for place in (tmp_path / "cache").iterdir()) == 2


def test_a_cache_of_an_older_format_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in reading, once mended, would live on in everybody's cache."""
    folder = folder_of(tmp_path / "midi", GOOD)
    old = taken(of_midi(folder))
    monkeypatch.setattr(intake, "FORMAT", intake.FORMAT + 1)
    assert taken(of_midi(folder)).folder != old.folder


def test_half_a_store_in_the_cache_is_made_anew(tmp_path: Path) -> None:
    """Whoever stopped a run while it prepared would have to find and delete a folder by hand."""
    folder = folder_of(tmp_path / "midi", GOOD)
    first = taken(of_midi(folder))
    (first.folder / "about.json").unlink()
    assert taken(of_midi(folder)).fingerprint == first.fingerprint


def test_a_tune_that_breaks_its_labelling_is_refused_by_name(
    midi_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: one strange tune among thousands ends the preparing of all."""

    def overflows(phrase: Phrase) -> int:
        raise OverflowError("too large")

    monkeypatch.setattr(intake, "octave_shift", overflows)
    (unit, *_), _ = find_units(of_midi(midi_folder))
    (reading,) = read_and_label(unit, 2)
    assert reading.phrase is None
    assert reading.defect is Defect.BROKE_READER
    assert reading.reason is not None
    assert f"{unit.id}: broke the reader (OverflowError: too large)" in reading.reason


def eight_grams(phrase: Phrase) -> set[tuple[int, ...]]:
    steps = [int(step) % 12 for step in np.diff(phrase.melody.pitch)]
    return {tuple(steps[start : start + 8]) for start in range(len(steps) - 7)}


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty tunes, each also in another key, and every fourth with another ending."""
    files = {}
    for seed in range(40):
        tune = wander(seed, 40)
        files[f"{seed:02}/as-sung.mid"] = midi_bytes(tune)
        files[f"{seed:02}/lower.mid"] = midi_bytes(transpose(tune, -4))
        if seed % 4 == 0:
            ending = wander(100 + seed, 20).rows + np.array([40 * 12, 0, 0, 0, 0, 0])
            files[f"{seed:02}/longer.mid"] = midi_bytes(Phrase(np.concatenate([tune.rows, ending]), tune.metre))
    return folder_of(tmp_path_factory.mktemp("versions") / "midi", files)


def test_a_family_is_in_one_split_and_no_training_tune_is_kin_of_a_held_out_one(versions: Path) -> None:
    """The figures would praise the model for tunes that it knows by heart."""
    store = taken(of_midi(versions, held_out=0.2))
    assert all(len(store.split(name)) for name in ("train", "validation", "test"))
    family_of_folder = {}
    for tune in range(len(store)):
        family_of_folder.setdefault(store.id(tune).split("/")[0], set()).add(int(store.families[tune]))
    assert all(len(families) == 1 for families in family_of_folder.values())
    assert len(set(store.families.tolist())) == 40

    split = store.tunes["split"]
    grams = [eight_grams(store.phrase(tune)) for tune in range(len(store))]
    for one, other in combinations(range(len(store)), 2):
        if split[one] != split[other]:
            assert 2 * len(grams[one] & grams[other]) < min(len(grams[one]), len(grams[other]))


def test_kin_of_listed_tunes_are_left_out_of_training_and_counted(
    versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A benchmark's held-out tunes would be trained on in another key."""
    lists = {"validation": ["00/as-sung.mid"], "test": ["01/lower.mid", "02/as-sung.mid", "02/lower.mid"]}
    monkeypatch.setattr(intake, "held_out_lists", {"ours": lists}.__getitem__)
    store = taken(of_midi(versions, splits="ours"))
    for name, ids in lists.items():
        assert [store.id(tune) for tune in store.split(name).tolist()] == ids
    training = {store.id(tune) for tune in store.split("train").tolist()}
    assert not any(id.startswith(("00/", "01/", "02/")) for id in training)
    assert store.report["left_out_as_kin_of_held_out"] == 3  # 00/lower, 00/longer, 01/as-sung
    assert len(store) + 3 == store.report["accepted"] == 90
    assert "left out 3 that are of one family with held-out tunes" in summary(store)
    page = (store.folder / PAGE).read_text(encoding="utf-8")
    assert '<td>read, but left out as kin of held-out tunes</td><td class="n">3</td>' in page


def test_tunes_in_a_set_and_tunes_in_a_lai_are_counted_apart(tmp_path: Path) -> None:
    """A player would read that a corpus teaches the lai which only has the notes of one."""
    files = {}
    for last, pitch in enumerate((57, 60, 67)):  # la, do, sol: of these do is the tonic of no lai
        rows = wander(0, 24, MINOR_PENTATONIC_ON_A).rows.copy()
        rows[-1, 2] = pitch
        files[f"{last}.mid"] = midi_bytes(Phrase(rows, wander(0).metre))
    store = taken(of_midi(folder_of(tmp_path / "midi", {**files, "3.mid": midi_bytes(wander(1))})))
    assert (store.report["with_pentatonic_set"], store.report["with_lai"]) == (3, 2)
    assert "3 in a pentatonic set, 2 of them end as a lai does" in summary(store)


def test_what_was_read_of_files_that_are_gone_is_forgotten(tmp_path: Path) -> None:
    """The journal of a folder whose files come and go would grow for ever."""
    folder = folder_of(tmp_path / "midi", {f"{number}.mid": midi_bytes(wander(number)) for number in range(12)})
    taken(of_midi(folder))
    (journal,) = (tmp_path / "cache").glob("*.journal")
    of_twelve = journal.stat().st_size
    for number in range(3, 12):
        (folder / f"{number}.mid").unlink()
    taken(of_midi(folder))
    assert journal.read_bytes().count(b"\n") == 3
    assert journal.stat().st_size < of_twelve / 3


def test_a_list_that_names_none_of_the_tunes_is_refused(versions: Path) -> None:
    """All tunes would be trained on, and much later somebody else would be blamed for it."""
    with pytest.raises(InvalidConfig, match=r"data\.splits=folk: names none of the 90 tunes of mine"):
        taken(of_midi(versions, splits="folk"))


def test_the_committed_list_holds_no_tune_out_twice() -> None:
    """A tune that validation has chosen the model by would be in the test's figure as well."""
    lists = held_out_lists("folk")
    assert set(lists) == {"validation", "test"}
    assert all(len(set(ids)) == len(ids) > 100 for ids in lists.values())
    assert set(lists["validation"]).isdisjoint(lists["test"])


def test_an_unknown_list_of_held_out_tunes_is_refused_by_name() -> None:
    """A typing mistake in the name would quietly measure on other tunes."""
    with pytest.raises(InvalidConfig, match=r"data\.splits=folks: there is no such list"):
        held_out_lists("folks")


def refusal_of(tmp_path: Path, phrase: Phrase) -> dict[str, str]:
    """Why a file is refused that stands beside a good one."""
    folder = folder_of(tmp_path / "midi", {"good.mid": midi_bytes(wander(0)), "odd.mid": midi_bytes(phrase)})
    store = taken(of_midi(folder))
    assert [store.id(tune) for tune in range(len(store))] == ["good.mid"]
    return store.report["refusals"][0]


def test_what_the_vocabulary_cannot_hold_is_refused_by_name(tmp_path: Path) -> None:
    """A long rest would be shortened in silence, or stop the training run a week later."""
    rows = wander(0).rows.copy()
    rows[20:, 0] += 400
    refusal = refusal_of(tmp_path, Phrase(rows))
    assert refusal["defect"] == Defect.GAP_TOO_LONG
    assert refusal["reason"].startswith("odd.mid: 17.17 quarters pass before note 21 begins, and 16 quarters can")


def test_a_bar_that_is_too_long_is_what_is_named(tmp_path: Path) -> None:
    """Who reads that note 1 is to be moved looks for a mistake where there is none."""
    refusal = refusal_of(tmp_path, Phrase(wander(0).rows, Metre(255, 1)))
    assert refusal["reason"].startswith("odd.mid: a bar of its metre 255/1 lasts 1020 quarters, and 16 quarters can")


def test_a_reason_that_all_files_have_is_told_once(tmp_path: Path) -> None:
    """The one line of the error would be a page of the same words."""
    folder = folder_of(tmp_path / "midi", {**GOOD, "none.mid": b""})
    with pytest.raises(MissingCorpus) as error:
        taken(of_midi(folder, min_notes=1000))
    assert str(error.value).count(".mid: ") == 2, "one of each kind"
    assert "none.mid: is empty" in str(error.value)


def test_a_melody_that_rests_too_long_over_its_drone_is_refused_by_name(tmp_path: Path) -> None:
    """Held-out tunes are scored on their melody alone: validation would stop in the middle of a run."""
    onset = np.arange(20) * 24
    drone = rows_from_columns(onset, np.full(20, 24), np.full(20, 52), voice=Voice.ACCOMPANIMENT)
    melody = wander(0).rows + np.array([20 * 24, 0, 0, 0, 0, 0])
    phrase = Phrase(np.concatenate([wander(1, 1).rows, drone, melody])[[1, 0, *range(2, 85)]], wander(0).metre)
    assert Tokenizer().holds(phrase)
    assert refusal_of(tmp_path, phrase)["defect"] == Defect.GAP_TOO_LONG


def test_a_tune_out_of_range_is_moved_as_a_whole_and_said(tmp_path: Path) -> None:
    """A bass tune would be refused, or played in its octave where the phin has no strings."""
    low = transpose(wander(0), -24)
    store = taken(of_midi(folder_of(tmp_path / "midi", {"low.mid": midi_bytes(low)})))
    shift = octave_shift(low)
    assert shift % 12 == 0 < shift
    assert store.phrase(0).rows.tolist() == transpose(low, shift).rows.tolist()
    assert store.report["repaired"] == {"moved by N octaves": 1}
    (line,) = json.loads((store.folder / REPORT).read_text(encoding="utf-8"))["files"]
    assert line["repairs"] == [f"moved by +{shift // 12} octaves"]


def test_files_of_our_own_come_back_with_all_they_know(tmp_path: Path) -> None:
    """A generated tune that is trained on again would lose its techniques, its title, or belong to no source."""
    rows = wander(3, 24, MINOR_PENTATONIC_ON_A).rows.copy()
    rows[:, 3], rows[::3, 4] = 77, 5
    mine = Phrase(rows, wander(3).metre, 612_345, "yai", "ลายของฉัน", "composer")
    store = taken(of_midi(folder_of(tmp_path / "midi", {"sub/mine.MID": midi_bytes(mine)})))
    assert store.id(0) == str(Path("sub") / "mine.MID")
    assert store.phrase(0) == replace(mine, lai=None, source="midi")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda place: of_midi(place / "nowhere"), "nowhere: is not a folder. Set data.path"),
        (lambda place: of_midi(folder_of(place / "m", {"a.txt": b""})), "holds no .mid or .midi files. Set data.path"),
        (
            lambda place: of_midi(folder_of(place / "m", {"a.mid": b"", "b.mid": b""})),
            r"none of its 2 tunes could be taken in \(2 empty\). Look at the reasons: .*a.mid: is empty",
        ),
        (
            lambda place: CorpusConfig(sources=["ryan"], path=str(place)),
            "ryansMammoth: has no ABC files of the source ryan. Check data.path",
        ),
    ],
)
def test_a_corpus_that_is_not_there_is_named_with_a_remedy(
    tmp_path: Path, make: Callable[[Path], CorpusConfig], words: str
) -> None:
    """Whoever mistypes a folder would get a traceback, or an empty model after a night."""
    with pytest.raises(MissingCorpus, match=words):
        taken(make(tmp_path))


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"sources": ["midi_folder"]}, "data.path"),
        ({"sources": ["midi_folder", "thai_letters"]}, "data.paths.midi_folder"),
        ({"sources": ["midi_folder", "thai_letters"], "path": "midi"}, "data.path"),
        ({"sources": ["midi_folder"], "paths": {"essen": "x", "midi_folder": "y"}}, "data.paths.essen"),
        ({"sources": ["midi_folder"], "path": "x", "paths": {"midi_folder": "y"}}, "data.path"),
        ({"sources": ["composer"], "path": "x"}, "data.path"),
        ({"sources": []}, "data.sources"),
        ({"sources": ["esen"]}, "data.sources: esen"),
        ({"sources": ["essen", "essen"]}, "data.sources: essen"),
        ({"pieces": 3}, "data.pieces=3"),
        ({"pieces_seed": 3}, "data.pieces_seed=3"),
        ({"sources": ["composer"], "pieces": 0}, "data.pieces=0"),
        ({"sources": ["composer"], "pieces_seed": -1}, "data.pieces_seed=-1"),
        ({"download": True}, "data.download=true"),
        ({"held_out": 0.5}, "data.held_out=0.5"),
        ({"held_out": 0.0}, "data.held_out=0.0"),
        ({"min_notes": 1}, "data.min_notes=1"),
        ({"workers": -1}, "data.workers=-1"),
        ({"workers": 5000}, "data.workers=5000"),
        ({"name": ""}, "data.name=''"),
        ({"name": "../../x"}, "data.name='../../x'"),
        ({"name": ".."}, "data.name='..'"),
        ({"name": "a\n"}, "data.name='a\\n'"),
        ({"name": "ก" * 40}, f"data.name='{'ก' * 40}'"),
        ({"file_seconds": 0.0}, "data.file_seconds=0.0"),
        ({"file_seconds": float("inf")}, "data.file_seconds=inf"),
        ({"file_megabytes": 1}, "data.file_megabytes=1"),
        ({"file_megabytes": -1}, "data.file_megabytes=-1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_their_keys(settings: dict[str, object], key: str) -> None:
    """A run would start, and only its result would show that a setting meant nothing."""
    with pytest.raises(InvalidConfig) as refused:
        CorpusConfig(**settings)
    assert refused.value.where == key


@pytest.fixture
def abc_corpus(tmp_path: Path) -> CorpusConfig:
    """A collection of two volumes, and a single file of another."""
    files = {
        "essenFolksong/han1.abc": ABC,
        "essenFolksong/altdeu1.abc": ABC,
        "miscFolk/one.abc": ABC,
    }
    folder_of(tmp_path / "corpus", {name: text.encode() for name, text in files.items()})
    return CorpusConfig(
        sources=["misc", "essen", "han"],
        path=str(tmp_path / "corpus"),
        cache=str(tmp_path / "cache"),
        workers=1,
    )


def test_a_collection_of_abc_files_is_found_in_a_fixed_order_under_its_sources(abc_corpus: CorpusConfig) -> None:
    """Chinese and German songs would be one source, and the ids of tunes would change from machine to machine."""
    units, licence = find_units(abc_corpus)
    assert [unit.id for unit in units] == ["misc/one", "essen/altdeu1", "han/han1"]
    assert source_names(abc_corpus, units) == ["misc", "essen", "han"]
    assert "non-commercial" in licence


def test_every_tune_of_a_file_is_read_or_refused_under_an_id_of_its_own(abc_corpus: CorpusConfig) -> None:
    """Two tunes of one number would be taken for one, or a broken tune would take its whole file with it."""
    units, _ = find_units(abc_corpus)
    readings = read_unit(units[1], min_notes=8)
    assert [(reading.id, reading.defect) for reading in readings] == [
        ("essen/altdeu1/1", None),
        ("essen/altdeu1/1-2", None),
        ("essen/altdeu1/2", Defect.TOO_SHORT),
        ("essen/altdeu1/3", Defect.BAD_NOTATION),
    ]
    titles = [reading.phrase.title for reading in readings if reading.phrase is not None]
    assert titles == ["The Rolling Hills", "Its Other Setting"]
    assert all(reading.phrase is None or reading.phrase.source == "essen" for reading in readings)


def test_folk_tunes_go_from_their_files_into_a_store(abc_corpus: CorpusConfig) -> None:
    """The default corpus could not be prepared at all."""
    store = taken(abc_corpus)
    assert (store.report["found"], store.report["accepted"], len(store)) == (12, 6, 6)
    assert store.sources == ("misc", "essen", "han")
    assert store.families.tolist() == [0, 1, 0, 1, 0, 1]
    assert store.phrase(0).onset[0] == -12  # the pickup
    assert (store.phrase(0).velocity == -1).all()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_file_whose_name_is_no_text_is_read_or_refused_under_a_name_that_can_be_printed(tmp_path: Path) -> None:
    """Archives of the nineties have Thai names in an older code: one of them would end the run in a traceback.

    Fails: not one tune of such a folder can be taken in.
    """
    folder = folder_of(tmp_path / "midi", {"plain.mid": midi_bytes(wander(0))})
    for name, data in ((b"\xb4\xe9.mid", midi_bytes(wander(1))), (b"\xb4\xed.mid", b"")):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(data)
    store = taken(of_midi(folder))
    assert sorted(store.id(tune) for tune in range(2)) == ["\\udcb4\\udce9.mid", "plain.mid"]
    (refusal,) = store.report["refusals"]
    assert refusal["id"] in refusal["reason"]
    assert refusal["reason"].endswith(r"\udcb4\udced.mid: is empty. Export it again from the program that made it.")
    assert taken(of_midi(folder)).folder == store.folder


def test_a_file_without_a_tune_is_named_too(tmp_path: Path) -> None:
    """A page of words called .abc was missing from the report without a word. Fails: a player looks for it in vain."""
    folder = folder_of(tmp_path / "abc", {"tunes.abc": ABC.encode(), "words.abc": b"nothing to be played\n"})
    store = taken(CorpusConfig("mine", ["abc_folder"], path=str(folder), cache=str(tmp_path), workers=1))
    (refusal,) = [refusal for refusal in store.report["refusals"] if refusal["defect"] == Defect.EMPTY]
    assert refusal["id"] == "words.abc"
    assert "words.abc: holds no tune (no line begins with X:). Check what kind" in refusal["reason"]
