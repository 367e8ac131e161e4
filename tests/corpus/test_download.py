"""Public repositories: nothing is fetched unasked, what is fetched is what was pinned, and nothing stays half-done."""

import io
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from phin.corpus import sources
from phin.corpus.download import CHECKSUM, content_checksum, fetched, wanted
from phin.corpus.files import find_units
from phin.corpus.intake import prepare
from phin.corpus.settings import CorpusConfig
from phin.corpus.sources import SOURCES, Repository, Source
from phin.errors import MissingCorpus
from phin.music.midi import midi_bytes
from tests.tunes import wander

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SONG = '{"title": "%s", "sections": [{"name": "ท่อน 1", "bars": [["---ล", "-ด-ร", "-ม-ซ", "-ล-%s"]]}]}'
SONGS = {
    f"thai_music_data/songs/ลาว/{title}/json/{title}{version}.json": SONG % (title, last)
    for title, version, last in (
        ("ลาวหนึ่ง", "_full", "ด"),
        ("ลาวหนึ่ง", "_manual", "ซ"),
        ("สอง", "_clean", "ร"),
    )
} | {"README.md": "not a song"}


def archive(place: Path, files: dict[str, str], commit: str = COMMIT, name: str = COMMIT) -> str:
    """An archive as a repository's server hands it out; the address of the repository."""
    (place / "archive").mkdir(exist_ok=True)
    path = place / "archive" / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": commit}) as tar:
        for file, text in files.items():
            member = tarfile.TarInfo(f"repository-{commit}/{file}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return place.as_uri()


def source_at(url: str, name: str = "thai_songs", **settings: object) -> Source:
    """A source of the registry, its repository elsewhere."""
    source = SOURCES[name]
    assert isinstance(source.origin, Repository)
    return replace(source, origin=replace(source.origin, url=url, commit=COMMIT, **settings))


def fetch(source: Source, cache: Path, download: bool = True) -> Path:
    assert isinstance(source.origin, Repository)
    return fetched(source, source.origin, cache, download, "data.path", progress=False)


def seen(downloads: Path) -> list[str]:
    """What lies in the folder of downloads, but for the empty file that processes lock."""
    return [path.name for path in downloads.iterdir() if path.name != ".thai_songs.lock"]


def test_what_was_not_asked_for_is_not_fetched_and_the_licence_is_said_first(tmp_path: Path) -> None:
    """A player would have other people's tunes on the machine without knowing whose they are."""
    source = source_at(archive(tmp_path, SONGS))
    with pytest.raises(MissingCorpus) as refused:
        fetch(source, tmp_path / "cache", download=False)
    line = str(refused.value)
    assert ".." not in line
    assert line.index("research use only") < line.index("data.download=true") < line.index("data.path=DIR")
    assert not (tmp_path / "cache").exists()


def test_a_fetched_repository_is_used_again_without_the_network(tmp_path: Path) -> None:
    """Every run would wait for a server, and fail on a train."""
    source = source_at(archive(tmp_path, SONGS))
    folder = fetch(source, tmp_path / "cache")
    (tmp_path / "archive" / f"{COMMIT}.tar.gz").unlink()
    assert fetch(source, tmp_path / "cache", download=False) == folder
    assert sorted(path.name for path in folder.rglob("*.json")) == ["ลาวหนึ่ง_full.json", "สอง_clean.json"]
    assert seen(folder.parent) == [folder.name]


def test_a_fetched_file_that_was_changed_is_noticed(tmp_path: Path) -> None:
    """Two people would compare figures of different music."""
    folder = fetch(source_at(archive(tmp_path, SONGS)), tmp_path / "cache")
    assert (folder / CHECKSUM).read_text() == content_checksum(folder)
    next(folder.rglob("*.json")).write_text("{}")
    with pytest.raises(MissingCorpus, match="is not as it was fetched"):
        fetch(source_at("file:///nowhere"), tmp_path / "cache")


def torn(place: Path) -> str:
    url = archive(place, SONGS)
    file = place / "archive" / f"{COMMIT}.tar.gz"
    file.write_bytes(file.read_bytes()[:-200])
    return url


def climbing(place: Path) -> str:
    return archive(place, {"../../../../out.json": "x", "thai_music_data/songs/a/../json/x.json": "y"})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda place: place.as_uri(), "could not be fetched"),
        (lambda place: archive(place, SONGS, commit=COMMIT[::-1], name=COMMIT), "not the archive of commit"),
        (torn, "could not be fetched"),
        (lambda place: archive(place, {"README.md": "nothing"}), "none of the files"),
        (climbing, "none of the files"),
    ],
    ids=["no server", "another commit", "torn", "no songs", "names that climb"],
)
def test_what_cannot_be_trusted_leaves_nothing_behind(tmp_path: Path, make: Callable[[Path], str], words: str) -> None:
    """Half a collection, or a stranger's file somewhere on the disk, would stay and be learned from."""
    place = tmp_path / "server"
    place.mkdir()
    url = make(place)
    before = {path for path in tmp_path.rglob("*")}
    with pytest.raises(MissingCorpus, match=words) as refused:
        fetch(source_at(url), tmp_path / "cache")
    assert "\n" not in str(refused.value)
    downloads = tmp_path / "cache" / "downloads"
    assert {path for path in tmp_path.rglob("*")} - before <= {downloads.parent, downloads, *downloads.glob(".*.lock")}
    assert seen(downloads) == []


def test_a_link_in_an_archive_is_not_followed_and_not_made(tmp_path: Path) -> None:
    """A stranger's archive would read the player's own files into a corpus."""
    (tmp_path / "secret.json").write_text(SONG % ("secret", "ด"))
    source = source_at(archive(tmp_path, SONGS))
    path = tmp_path / "archive" / f"{COMMIT}.tar.gz"
    with tarfile.open(path) as old:
        songs = [(member, old.extractfile(member)) for member in old]
        with tarfile.open(tmp_path / "new", "w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": COMMIT}) as tar:
            for member, content in songs:
                tar.addfile(member, content)
            for kind, name in ((tarfile.SYMTYPE, "a"), (tarfile.LNKTYPE, "b")):
                link = tarfile.TarInfo(f"repository/thai_music_data/songs/ลาว/{name}/json/{name}.json")
                link.type, link.linkname = kind, str(tmp_path / "secret.json")
                tar.addfile(link)
    (tmp_path / "new").replace(path)
    folder = fetch(source, tmp_path / "cache")
    assert sorted(path.name for path in folder.rglob("*.json")) == ["ลาวหนึ่ง_full.json", "สอง_clean.json"]


STOPPED = """
import os, signal, time
from pathlib import Path
import phin.corpus.download as download
from tests.corpus.test_download import fetch, source_at
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's & takes away
whole = download.content_checksum
def stop(folder):
    {stop}
    return whole(folder)
download.content_checksum = stop
fetch(source_at({url!r}), Path({cache!r}))
"""


def stopped_while_fetching(source: Source, cache: Path, stop: str) -> subprocess.Popen[str]:
    """Another process that fetches; when all is unpacked and nothing is in its place, it does what `stop` says."""
    assert isinstance(source.origin, Repository)
    code = STOPPED.format(stop=stop, url=source.origin.url, cache=str(cache))
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("signal", ["SIGINT", "SIGKILL"])
def test_a_download_that_was_stopped_is_no_collection_and_is_begun_anew(tmp_path: Path, signal: str) -> None:
    """Half a collection would be taken for the whole one ever after, or lie unseen on the disk for ever."""
    source, cache = source_at(archive(tmp_path, SONGS)), tmp_path / "cache"
    stopped = stopped_while_fetching(source, cache, f"os.kill(os.getpid(), signal.{signal})")
    _, said = stopped.communicate(timeout=60)
    assert stopped.returncode in (-2, -9), said
    left = seen(cache / "downloads")
    assert all(name.startswith(".") for name in left)  # what no program looks at
    assert len(left) == (signal == "SIGKILL")
    with pytest.raises(MissingCorpus, match="is not on this machine"):
        fetch(source, cache, download=False)
    folder = fetch(source, cache)
    assert len(list(folder.rglob("*.json"))) == 2
    assert seen(cache / "downloads") == [folder.name]


def test_of_two_that_fetch_at_once_the_second_waits_and_takes_what_the_first_has_fetched(tmp_path: Path) -> None:
    """The second would tidy away what the first is still unpacking, or half a gigabyte would be fetched twice."""
    source, cache, go = source_at(archive(tmp_path, SONGS)), tmp_path / "cache", tmp_path / "go"
    first = stopped_while_fetching(source, cache, f"while not os.path.exists({str(go)!r}): time.sleep(0.01)")
    desk = next(iter(waited_for(lambda: list((cache / "downloads").glob(".thai_songs-*/files")))))
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(fetch, source, cache)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)
        assert desk.is_dir()
        (tmp_path / "archive" / f"{COMMIT}.tar.gz").unlink()
        go.touch()
        folder = second.result(timeout=60)
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert len(list(folder.rglob("*.json"))) == 2
    assert seen(cache / "downloads") == [folder.name]


def waited_for(what: Callable[[], list[Path]]) -> list[Path]:
    """What there is once there is any."""
    for _ in range(6000):
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError("waited for a minute, and nothing came")


@pytest.mark.parametrize("packed", [True, False])
def test_an_archive_that_grows_and_grows_is_given_up(tmp_path: Path, packed: bool) -> None:
    """A bomb of zeros would fill the disk."""
    noise = np.random.default_rng(0).integers(33, 120, 2 * 2**20, dtype=np.uint8).tobytes().decode()
    text = noise if packed else "0" * (9 * 2**20)
    name = "thai_music_data/songs/a/b/json/c.json"
    source = source_at(archive(tmp_path, {name: text * (3 if packed else 1)}), megabytes=1)
    with pytest.raises(MissingCorpus, match="larger than"):
        fetch(source, tmp_path / "cache")


def test_a_pattern_matches_part_by_part_and_of_versions_one_is_taken() -> None:
    """A song would be in the corpus twice, and its copy held out."""
    origin = Repository("", COMMIT, ("a/*/*.json", "b/*.json"), 1, without=("b/x*",), prefer=("_full", "_clean"))
    paths = [PurePosixPath(p) for p in ("a/1/s_clean.json", "a/1/s_full.json", "a/1/s.json", "a/s.json", "b/xa.json")]
    assert wanted(paths, origin) == [PurePosixPath("a/1/s_full.json")]
    everything = replace(origin, prefer=())
    assert len(wanted(paths, everything)) == 3


def test_a_copy_of_a_collection_becomes_a_corpus_named_as_what_it_is(tmp_path: Path) -> None:
    """Thai classical tunes would be learned as Isan music."""
    for file, text in SONGS.items():
        (tmp_path / "copy" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / file).write_text(text)
    (tmp_path / "copy/thai_music_data/songs/ลาว/torn/json").mkdir(parents=True)
    (tmp_path / "copy/thai_music_data/songs/ลาว/torn/json/torn.json").write_text("{")
    config = CorpusConfig("songs", ["thai_songs"], path=str(tmp_path / "copy"), cache=str(tmp_path), min_notes=4)
    store = prepare(config, progress=False)
    assert [store.phrase(tune).source for tune in range(2)] == [sources.LAO_ACCENT, sources.THAI_CLASSICAL]
    assert [store.phrase(tune).title for tune in range(2)] == ["ลาวหนึ่ง", "สอง"]
    assert store.report["refused"] == {"unreadable": 1}
    assert "research use only" in store.licence


def test_one_song_of_both_thai_collections_is_held_out_of_both(tmp_path: Path) -> None:
    """A tune would be trained on in the one collection, and measured in the other."""
    songs, club = tmp_path / "songs", tmp_path / "club" / "short-song"
    for number, title in enumerate(("ลาวลอง", "สามทดลอง", "สี่ทดลอง")):
        file = songs / f"thai_music_data/songs/ทดลอง/{title}/json/{title}_full.json"
        file.parent.mkdir(parents=True)
        file.write_text(SONG % (f"{title} สองชั้น", "ดรม"[number]))
    club.mkdir(parents=True)
    page = '<title>ชมรม - ขลุ่ย</title>\n<div id="thm">\n(ลาวลอง_เถา)\n---4 -5-3 -5-4 -3-5\n</div>'
    (club / "a.html").write_text(page)
    paths = {"thai_songs": str(songs), "thm": str(tmp_path / "club")}
    config = CorpusConfig("thai", ["thai_songs", "thm"], paths=paths, cache=str(tmp_path), min_notes=4)
    store = prepare(config, progress=False)
    of = {store.id(tune).rpartition("/")[2]: tune for tune in range(len(store))}
    one, other = of["ลาวลอง สองชั้น"], of["ลาวลอง เถา"]
    assert store.families[one] == store.families[other]
    assert store.tunes["split"][one] == store.tunes["split"][other]
    assert len(set(store.families.tolist())) == 3
    assert store.phrase(other).source == sources.LAO_ACCENT


def test_of_two_places_the_one_that_is_missing_is_asked_for_by_its_own_name(tmp_path: Path) -> None:
    """The remedy would be refused in its turn."""
    config = CorpusConfig("thai", ["thai_songs", "thm"], paths={"thm": str(tmp_path / "gone")}, cache=str(tmp_path))
    with pytest.raises(MissingCorpus, match=r"data\.paths\.thai_songs=DIR"):
        find_units(config)
    (tmp_path / "songs").mkdir()
    with pytest.raises(MissingCorpus, match=r"Set data\.paths\.thai_songs to a copy"):
        find_units(replace(config, paths={**config.paths, "thai_songs": str(tmp_path / "songs")}))


def test_a_metre_that_nobody_wrote_is_not_learned(tmp_path: Path) -> None:
    """Every Chinese song would be said to be in 4/4, because its file says so by default."""
    songs = tmp_path / "melody-only" / "hainan"
    songs.mkdir(parents=True)
    (songs / "1_a.mid").write_bytes(midi_bytes(wander(0)))
    units, _ = find_units(CorpusConfig("a", ["anthology"], path=str(tmp_path)))
    assert [unit.id for unit in units] == ["anthology/melody-only/hainan/1_a.mid"]
    store = prepare(CorpusConfig("a", ["anthology"], path=str(tmp_path), cache=str(tmp_path)), progress=False)
    assert wander(0).metre is not None
    assert store.phrase(0).metre is None
