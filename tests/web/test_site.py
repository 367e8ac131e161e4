"""The page as a folder of files, in a real browser, from a plain file server under a path: drawn in a Worker, kept on
the device, and offline.
"""

import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from phin.checksum import sha256_of
from phin.errors import InvalidConfig, PhinError
from phin.generation.exported import Manifest
from phin.music.grid import begin_of
from phin.music.midi import midi_bytes, read_midi
from phin.music.notation import lettered_slots
from phin.web import onnxruntime_web, site
from phin.web.onnxruntime_web import runtime_files
from phin.web.refusals import SEE_SETTINGS
from phin.web.site import refuse_other
from tests.cli.commands import phin
from tests.midi_defects import good_files
from tests.model.test_checkpoint import saved
from tests.tiny import PHRASE
from tests.unchecked import unchecked
from tests.web.hosting import UNDER, Host, hosting
from tests.web.pages import ASKED, LAPTOP, MINE, PHONE, WATCH, Open, bare, letters, play, put, until, windows
from tests.web.playing import CACHE
from tests.web.sites import Write
from tests.web.sites import model as model
from tests.web.sites import root as root
from tests.web.sites import runtime as runtime
from tests.web.sites import write as write

pytestmark = pytest.mark.slow

PLAYER = """
const note = (onset, pitch = 69) => ({ onset, duration: 6, pitch, velocity: 90, technique: "plain",
                                       voice: "melody", string: 1, fret: 7 });
export class Player {
  static async open({ ort, graph, manifest, about }) {
    const session = await ort.InferenceSession.create(graph);
    return Object.assign(new Player(), { about, inputs: session.inputNames.length, drawn: 0 });
  }
  async follow(request, on, signal, ready) {
    if (request.tempo < 20) throw { where: `tempo=${request.tempo}`, reason: "is no tempo", remedy: "take 20" };
    if (request.seed === 13) throw new Error("a fault");
    on.begin({ tempo: request.tempo, metre: "2/4", begins: -18, lai: "yai", tuning: "E-A-E", seed: request.seed,
               number: 0, graph: this.about.graph });
    this.drawn = 0;
    for (; request.endless || this.drawn < 31; this.drawn++) {
      await ready();
      if (signal.aborted) return;
      on.note(note(6 * this.drawn));
    }
    const notes = Array.from({ length: this.drawn }, (_, place) => note(6 * place));
    on.tune({ title: "mine", metre: "2/4", tempo: request.tempo, lai: "yai", source: null, tuning: "E-A-E", drone: [],
              inferred: [], begins: -18, num_hong: 9, notes, letters: null, tablature: null, said: [] });
  }
  async read() {
    for (;;);
  }
  async generate({ count }) {
    if (this.drawn === 0 && count === 1) throw { where: "count", reason: "is 1", remedy: "take 2" };
    return { tunes: [], drawn: this.drawn };
  }
}
"""
"""A Player that strikes A four times a hong, and says how far it came."""


@pytest.fixture(scope="session")
def other_root(tmp_path_factory: pytest.TempPathFactory, write: Write) -> Path:
    """The same with a Player of the tests' own."""
    root = tmp_path_factory.mktemp("host")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "STATIC", shutil.copytree(site.STATIC, root / "static"))
        (site.STATIC / "js" / "play").mkdir(exist_ok=True)
        (site.STATIC / "js" / "play" / "player.js").write_text(PLAYER)
        write(root / UNDER)
    return root


@pytest.fixture(scope="module")
def host(other_root: Path) -> Iterator[Host]:
    with hosting(other_root) as host:
        yield host


@pytest.fixture
def opened(browser: Any, host: Host) -> Iterator[Open]:
    """Opens the site of the tests' own Player, or of another host, in a window of its own; a mistake in its code, or a
    word on its console, fails the test.
    """
    with windows(browser, host.base, silent=True) as opened:
        yield opened


def kept(page: Any) -> None:
    """Waits until the whole site is kept on the device."""
    until(page, "!document.getElementById('kept').hidden && navigator.serviceWorker.controller", 60)


def test_a_worker_draws_and_what_it_draws_is_heard_and_lights(opened: Open) -> None:
    """Fails: the page without a server is silent, or shows nothing."""
    page = opened()
    page.evaluate(WATCH)
    page.click("#play")
    until(page, "phin.session?.tune")
    until(page, "phin.sound.log.filter((each) => each.kind === 'melody').length > 3")
    until(page, "frames_seen.some(({ lit }) => lit.join() === '1:7')")
    assert page.evaluate("phin.session.drawn") == [6 * place for place in range(31)]
    assert page.is_hidden("#loading")


def test_the_model_itself_draws_the_letters_that_are_saved(opened: Open, root: Path, tmp_path: Path) -> None:
    """Fails: the site draws nothing, or its file is another tune than the page; the same seed gives another one."""
    on_slots = ASKED.replace("seed=3", "seed=42") + "&sampler=nucleus"  # most of what this model draws lies off them
    with hosting(root) as host:
        page = opened(on_slots, base=host.base)
        play(page)
        shown = letters(page)
        with page.expect_download() as download:
            page.click("[data-to=mid]")
        download.value.save_as(tmp_path / "tune.mid")
        phrase = read_midi(tmp_path / "tune.mid", min_notes=1).phrase
        assert shown == lettered_slots(phrase, begin_of(phrase))
        assert not phrase.is_melody.all(), "the drone that was asked for"
        drawn = page.evaluate("phin.session.drawn")
        assert drawn == sorted(set(phrase.melody.onset.tolist()))
        again = opened(page.url[page.url.index("?") :], base=host.base)
        play(again)
        assert letters(again) == shown
        again.click("#new")
        until(again, f"phin.session.tune && !location.search.includes('{page.url[page.url.index('seed=') :]}')")
        assert letters(again) != shown


@pytest.mark.long
@pytest.mark.parametrize("ending", ["txt", "tab", "html", "wav"])
def test_every_button_that_saves_gives_its_file(opened: Open, root: Path, tmp_path: Path, ending: str) -> None:
    """Fails: a button of the site gives no file, or one of another kind."""
    with hosting(root) as host:
        page = opened(base=host.base)
        play(page)
        with page.expect_download() as download:
            page.click(f"[data-to={ending}]")
        download.value.save_as(path := tmp_path / "file")
    begins = {"txt": b"title:", "tab": b"title:", "html": b"<!", "wav": b"RIFF"}[ending]
    assert download.value.suggested_filename.endswith(f".{ending}")
    assert path.read_bytes().startswith(begins)


@pytest.mark.long
def test_a_tune_of_ones_own_is_worked_on(opened: Open, root: Path) -> None:
    """Fails: a button of the site does nothing: to continue, to decorate, to suggest, to draw four."""
    with hosting(root) as host:
        page = opened(base=host.base)
        put(page, MINE)
        mine = letters(page)
        assert mine == list(MINE.replace("|", "").replace(" ", ""))
        page.click("#work summary")
        page.click("#suggest")
        page.wait_for_selector("#suggestions tbody tr")
        assert "synthetic" in page.inner_text("#suggestions-said")
        for use in ("continue", "decorate", "rhythm"):
            page.click(f"[data-use={use}]")
            until(page, f"phin.session.settings.use === '{use}' && phin.session.tune", 60)
            page.click("#back")
            assert letters(page) == mine
        page.click('[data-hong="2"]')
        page.click("#choice-rewrite")
        until(page, "phin.session.settings.use === 'rewrite' && phin.session.tune", 60)
        assert bare(letters(page))[:8] == mine[:8]
        page.click("#variations summary")
        page.click("#draw-four")
        page.wait_for_selector("#four li:nth-child(4)", timeout=60_000)


@pytest.mark.long
def test_a_file_of_each_kind_is_opened(opened: Open, root: Path, tmp_path: Path) -> None:
    """Fails: who has no server cannot choose a file of MIDI or ABC, or sees nothing of it."""
    plain, folk = good_files()["plain.mid"], b"X:1\nL:1/8\nK:Am\nABcd|efga|\n"
    files = {"sealed.mid": midi_bytes(PHRASE), "plain.midi": plain, "folk.abc": folk, "typed.txt": MINE.encode()}
    with hosting(root) as host:
        page = opened(base=host.base)
        assert page.get_attribute("#file", "accept").split(",") == [".mid", ".midi", ".txt", ".abc", ".tab"]
        page.click("#mine summary")
        for name, data in files.items():
            (path := tmp_path / name).write_bytes(data)
            page.set_input_files("#file", path)
            until(page, f"phin.session?.tune?.title === '{path.stem}'")
        (broken := tmp_path / "broken.mid").write_bytes(b"MThd nonsense")
        page.set_input_files("#file", broken)
        page.wait_for_selector("#refusal:not([hidden])")
        assert page.inner_text("#refusal").startswith("broken.mid")


@pytest.mark.long
def test_what_a_worker_refuses_is_said_and_its_faults_are_named(opened: Open) -> None:
    """Fails: a setting that cannot be leaves the page waiting for ever."""
    page = opened(ASKED.replace("tempo=200", "tempo=5"))
    page.click("#play")
    page.wait_for_selector("#refusal:not([hidden])")
    assert page.inner_text("#refusal p") == "tempo=5: is no tempo. Take 20."
    again = opened(ASKED.replace("seed=3", "seed=13"))
    again.click("#play")
    again.wait_for_selector("#refusal:not([hidden])")
    assert "a fault" in again.inner_text("#refusal p")
    again.mistakes.clear()  # which the page says on its console as well


@pytest.mark.long
def test_a_tune_without_end_is_drawn_no_faster_than_it_is_heard_and_stops(opened: Open) -> None:
    """Fails: a phone draws until its battery is empty, also after another tune was asked for."""
    page = opened(ASKED.replace("lines=1", "lines=endless"))
    page.click("#play")
    ahead = "import('./static/js/local.js').then(({ generate }) => generate({ count: 2 })).then(({ drawn }) => drawn)"
    until(page, "phin.session?.notes.length > 700")
    page.click("#play")
    until(page, "phin.session.horizon - phin.sound.restsAt > 120 / phin.sound.pace", 60)
    page.wait_for_timeout(1200)  # in which 16 notes would be heard, if it did not rest
    far = page.evaluate("phin.session.drawn.filter((step) => step > phin.sound.restsAt + 120 / phin.sound.pace).length")
    assert far == 1
    assert page.evaluate(ahead) <= page.evaluate("phin.session.notes.length") + 9
    page.check("[name=lines][value='1']")
    page.click("#new")
    until(page, "phin.session?.tune")
    assert page.evaluate(ahead) == 31, "the endless one draws no more"


@pytest.mark.long
def test_a_model_that_cannot_be_loaded_is_said_and_tried_again(opened: Open, host: Host) -> None:
    """Fails: who opens the page where the line is bad must know to load it again."""
    page = opened(service_workers="block")
    until(page, "phin.notices.state.opened")
    page.context.route("**/step.onnx", lambda route: route.abort())
    page.reload()
    until(page, "window.phin?.notices?.state.failed")
    page.click("#play")
    page.wait_for_selector("#refusal:not([hidden])")
    said = "phin: the model cannot be loaded. See that you are connected, then press again."
    assert page.inner_text("#refusal p") == said
    assert page.is_hidden("#loading")
    page.context.unroute("**/step.onnx")
    page.click("#play")
    until(page, "phin.session?.tune")
    page.mistakes.clear()  # the browser's own words on what was not brought


@pytest.mark.long
def test_a_file_that_takes_too_long_is_given_up_and_the_page_goes_on(opened: Open) -> None:
    """Fails: a strange file holds the page for ever, and nothing that is pressed does anything."""
    page = opened()
    until(page, "phin.notices.state.opened")
    page.evaluate("phin.about.limits.read_seconds = 0.5")
    page.set_input_files("#file", {"name": "long.mid", "mimeType": "audio/midi", "buffer": b"MThd"})
    page.wait_for_selector("#refusal:not([hidden])")
    said = "the file: takes longer than 0.5 s to read. Send a smaller tune, or export it again from the program that"
    assert page.inner_text("#refusal p") == f"{said} made it."
    page.click("[data-language=th]")
    assert "ใช้เวลาอ่านเกิน 0.5 วินาที" in page.inner_text("#refusal p")
    page.click("#play")
    until(page, "phin.session?.tune")


def test_how_far_the_model_is_loaded_is_said_in_the_language_of_the_page(opened: Open) -> None:
    """Fails: on a slow line the page looks dead."""
    page = opened()
    until(page, "phin.notices.state.opened")
    page.evaluate("phin.notices.state = { done: 13e6, all: 26e6 }; phin.notices.show()")
    assert page.inner_text("#loading-said") == "Loading the model, 26 MB…"
    assert page.evaluate("document.getElementById('loading-share').value") == 0.5
    page.click("[data-language=th]")
    assert page.inner_text("#loading-said") == "กำลังโหลดโมเดล 26 MB…"


@pytest.mark.long
def test_it_asks_nobody_but_its_host_and_goes_on_without_it(opened: Open, other_root: Path) -> None:
    """Fails: a phone on a train, or in a village without a net, has a blank page."""
    with hosting(other_root) as host:
        page = opened(base=host.base)
        kept(page)
        assert [url for url in page.requests if not url.startswith(host.base)] == []
        listed = json.loads((other_root / UNDER / "site.json").read_text())
        assert not set(listed["files"]) - set(host.asked) - {"index.html"}
    page.reload()
    until(page, "window.phin?.work")
    page.click("#play")
    until(page, "phin.session?.tune", 60)
    until(page, "phin.sound.log.filter((each) => each.kind === 'melody').length > 3")


@pytest.mark.long
def test_a_newer_site_takes_the_place_of_the_old_one_whole_when_it_is_asked_for(
    opened: Open, other_root: Path, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: a phone keeps the first page for ever, or has a page that is half of one and half of another."""
    shutil.copytree(other_root, tmp_path, dirs_exist_ok=True)
    style = tmp_path / "static" / "style.css"
    style.write_text(style.read_text() + "\nbody { --age: new; }\n")
    age = "getComputedStyle(document.body).getPropertyValue('--age')"
    cache = "caches.keys().then((names) => caches.open(names[0]))"
    keys = f"{cache}.then((cache) => cache.keys()).then((all) => all.length)"
    with hosting(tmp_path) as host:
        page = opened(base=host.base)
        kept(page)
        before = page.evaluate(keys)
        monkeypatch.setattr(site, "STATIC", style.parent)
        write(tmp_path / UNDER)
        host.asked.clear()
        page.reload()
        page.wait_for_selector("#newer:not([hidden])", timeout=60_000)
        assert page.evaluate(age) == "", "what is open stays as it was"
        assert sorted(set(host.asked)) == ["static/style.css", "sw.js"], "only what has changed is fetched"
        with page.expect_navigation():
            page.click("#take-newer")
        until(page, "window.phin?.work")
        assert page.evaluate(age) == "new"
        assert page.is_hidden("#newer")
        assert page.evaluate(keys) == before, "nothing of the old one is kept"


@pytest.mark.long
@pytest.mark.parametrize("window", [PHONE, LAPTOP], ids=["phone", "laptop"])
@pytest.mark.parametrize("language", ["en-GB", "th-TH"])
def test_it_fits_the_screen(opened: Open, window: dict, language: str) -> None:
    """Fails: the page slides sideways on a phone while the model is loaded."""
    page = opened(viewport=window, locale=language)
    until(page, "phin.notices.state.opened")
    page.evaluate("phin.notices.newer = {}; phin.notices.isKept = true")
    page.evaluate("phin.notices.state = { done: 13e6, all: 26e6 }; phin.notices.show()")
    for summary in page.query_selector_all("summary"):
        if not summary.evaluate("node => node.parentElement.open"):
            summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]


def test_it_can_be_installed(browser: Any, root: Path, host: Host) -> None:
    """Fails: a phone offers no way to put it on its first screen, or shows a torn icon there."""
    told = json.loads((root / UNDER / "manifest.webmanifest").read_text(encoding="utf-8"))
    for icon in told["icons"]:
        if icon["type"] == "image/png":
            pixels = matplotlib.image.imread(BytesIO((root / UNDER / icon["src"]).read_bytes()))
            assert "x".join(str(each) for each in pixels.shape[1::-1]) == icon["sizes"]
            is_cut = icon["purpose"] == "any"
            assert (pixels[0, 0, 3] == 0) == is_cut, "a maskable one fills its corners"
            light = (pixels[..., :3] > 0.9).all(axis=2) & (pixels[..., 3] > 0.5)
            middle = np.abs(np.argwhere(light) / len(pixels) - 0.5).max()
            assert middle < (0.4 if not is_cut else 0.5)
    page = browser.new_page()
    page.goto(host.base)
    session = page.context.new_cdp_session(page)
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    amiss = [error["errorId"] for error in session.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert amiss == ["in-incognito"], "as every window of a test is"
    page.close()


def test_it_points_to_nothing_that_only_a_server_has(root: Path) -> None:
    """Fails: who asks for what cannot be is sent to a page that a folder of files does not have."""
    told = json.loads((root / UNDER / "about.json").read_text(encoding="utf-8"))
    assert told["play"]["words"]["see"] == SEE_SETTINGS
    assert "/docs" not in json.dumps(told)


def test_it_is_the_model_that_was_asked_for(root: Path, exported_folder: Path) -> None:
    """Fails: a link that is opened elsewhere says that another model drew it, or the licence is missing."""
    told = json.loads((root / UNDER / "about.json").read_text(encoding="utf-8"))
    assert told["graph"] == Manifest.read(exported_folder).sha256["step.onnx"]
    assert (root / UNDER / "step.onnx").read_bytes() == (exported_folder / "step.onnx").read_bytes()
    assert Manifest.read(root / UNDER) == Manifest.read(exported_folder)
    licences = (root / UNDER / "licences.txt").read_text(encoding="utf-8")
    assert told["licence"] in licences
    assert "Microsoft" in licences
    assert "MIT License" in licences


def test_it_is_written_over_nothing_else(root: Path, write: Write, runtime: dict[str, Path], tmp_path: Path) -> None:
    """Fails: out=~/tunes removes the tunes; or a build that breaks off leaves half a site."""
    (tunes := tmp_path / "tunes").mkdir()
    (tunes / "mine.mid").write_bytes(b"mine")
    with pytest.raises(InvalidConfig, match="holds something else than a site"):
        write(tunes)
    write(out := tmp_path / "site")
    (out / "CNAME").write_text("mine.example")
    with pytest.raises(InvalidConfig, match="CNAME"):
        write(out)
    (out / "CNAME").unlink()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    with pytest.raises(PhinError):
        write(out, runtime={**runtime, onnxruntime_web.WASM: tmp_path / "none"})
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "tunes"]
    write(out)
    assert {path.name for path in out.iterdir()} == {path.name for path in (root / UNDER).iterdir()}


def test_what_npm_brings_is_held_to_its_hash(
    runtime: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: another program than the one that was tried runs on everybody's phone."""
    shutil.copytree(next(iter(runtime.values())).parent, copied := tmp_path / "onnxruntime-web-1.30.0")
    (copied / onnxruntime_web.WASM).write_bytes(b"another")
    with pytest.raises(PhinError, match=r"is not what onnxruntime-web@1\.30\.0 has"):
        runtime_files(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PhinError, match="there is no npm"):
        runtime_files(tmp_path / "empty")


def test_the_command_writes_a_site_and_refuses_what_means_nothing(
    exported_folder: Path, runtime: dict, tmp_path: Path
) -> None:
    """Fails: the site cannot be had by one line, or a port that was typed is not heard."""
    out = tmp_path / "site"
    said = phin("web", f"checkpoint={exported_folder}", f"out={out}", f"cache={CACHE}", "precision=int8").out
    assert "the model in int8" in said
    assert (out / "step.onnx").read_bytes() == (exported_folder / "step-int8.onnx").read_bytes()
    about = json.loads((out / "about.json").read_text(encoding="utf-8"))
    assert (about["precision"], about["graph"]) == ("int8", Manifest.read(exported_folder).sha256["step-int8.onnx"])
    assert "port=1: means nothing" in phin("web", f"checkpoint={exported_folder}", f"out={out}", "port=1").complaint


@pytest.mark.long
def test_a_checkpoint_is_exported_for_its_site(runtime: dict, tmp_path: Path) -> None:
    """Fails: who trained a model must know of exporting before its page can be put anywhere."""
    saved(checkpoint := tmp_path / "good.ckpt")
    with unchecked():
        told = phin("web", f"checkpoint={checkpoint}", f"out={tmp_path / 'site'}", f"cache={CACHE}", "precision=int8")
    assert told.status == 0, told.err
    assert "ONNX fp32, side by side" in told.out, "what it was tried on is shown"
    manifest = Manifest.read(tmp_path / "site")
    assert manifest.sha256["step-int8.onnx"] == sha256_of(tmp_path / "site" / "step.onnx")
    assert json.loads((tmp_path / "site" / "about.json").read_text(encoding="utf-8"))["name"] == "good.ckpt"


def test_a_site_is_written_through_a_link(write: Write, tmp_path: Path) -> None:
    """Fails: the folder that a host serves stays as it was, and the new site lies where nobody looks."""
    (real := tmp_path / "served").mkdir()
    (link := tmp_path / "site").symlink_to(real)
    write(link)
    write(link)
    assert link.is_symlink()
    assert (real / "index.html").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["served", "site"]


def test_what_is_no_site_is_not_walked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: out=/ goes through the whole disk before it is refused."""
    (tmp_path / "mine.txt").write_text("mine")
    monkeypatch.setattr(Path, "rglob", lambda *_: pytest.fail("it was walked through"))
    with pytest.raises(InvalidConfig, match="holds something else than a site of phin"):
        refuse_other(tmp_path)
