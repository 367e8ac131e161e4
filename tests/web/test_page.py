"""The page in a real browser, against a real server over a tiny model: what is heard, seen, written and shared."""

import base64
import json
import re
import time
import zlib
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phin.cli.web import samplers
from phin.generation.request import SamplerConfig
from phin.music.fretboard import DEFAULT, FRETS
from phin.music.grid import BEAT, STEPS_PER_SLOT, begin_of
from phin.music.letters import Letter
from phin.music.midi import read_midi
from phin.music.notation import lettered_slots
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG
from tests.web.pages import (
    ASKED,
    LAPTOP,
    MINE,
    PHONE,
    Open,
    after_strokes,
    bare,
    colour,
    letters,
    play,
    put,
    strokes,
    until,
)
from tests.web.serving import Served, serving, serving_all

DRONE_LIT = "document.querySelector('.light.on.accompaniment')?.dataset.place"
LIKE_NO_TUNE = base64.urlsafe_b64encode(
    zlib.compress(b'["",0,0,null,null,null,[],0,1,5,[[0,6,69,90,"plain",0,1,7]]]')[2:-4]
).decode()
"""What a link holds of a tune that was inflated and read, and cannot be shown: what was inferred of it is a number."""
STRUCK = "phin.session.notes.filter((note) => note.technique === 'drone').map((note) => note.onset)"

pytestmark = pytest.mark.slow


def of_the_tune(page: Any, count: int) -> list[dict[str, Any]]:
    """Strokes of the tune's notes of either voice, once there are so many."""
    until(page, f"phin.sound.log.filter((each) => each.step !== null).length >= {count}")
    return [stroke for stroke in page.evaluate("phin.sound.log") if stroke["step"] is not None]


@pytest.mark.long
def test_a_pause_darkens_the_neck_and_a_loop_that_is_set_in_it_is_seen(opened: Open) -> None:
    """Fails: a fret stays lit that nobody plucks, or one cannot see what will be repeated."""
    page = opened()
    put(page, MINE)
    page.click("#practice summary")
    page.click("#play")
    page.wait_for_selector(".light.on")
    page.click("#play")
    assert page.evaluate("!phin.sound.playing && document.querySelectorAll('.light.on').length") == 0
    page.click('[data-hong="1"]')
    drawn = "document.getElementById('roll').toDataURL()"
    before = page.evaluate(drawn)
    page.check("#loop")
    looped = page.evaluate(drawn)
    assert looped != before
    page.click('[data-hong="2"]')
    assert page.evaluate(drawn) not in (before, looped), "another loop"
    page.uncheck("#loop")
    assert page.evaluate(drawn) == before


def test_who_wishes_for_less_motion_sees_the_roll_page_by_page(opened: Open) -> None:
    """Fails: a roll that never rests makes somebody ill."""
    page = opened(reduced_motion="reduce")
    put(page, MINE)
    page.evaluate("phin.roll.show(phin.session, phin.session.begins + 30, null, null)")
    left = "document.getElementById('roll').getContext('2d').getImageData(36, 0, 1, 150).data.join()"
    before = page.evaluate(left)
    page.evaluate("phin.roll.show(phin.session, phin.session.begins + 50, null, null)")
    assert page.evaluate(left) == before, "only the moment moves"
    assert page.evaluate("getComputedStyle(document.querySelector('.light, .hong')).transitionDuration") == "0s"


def test_the_letters_that_are_shown_are_those_of_the_midi_that_is_saved(opened: Open, tmp_path: Path) -> None:
    """Fails: who learns from the page plays another tune than the file has."""
    page = opened()
    play(page)
    with page.expect_download() as download:
        page.click("[data-to=mid]")
    download.value.save_as(tmp_path / "tune.mid")
    phrase = read_midi(tmp_path / "tune.mid").phrase
    assert letters(page) == lettered_slots(phrase, begin_of(phrase))
    assert not phrase.is_melody.all(), "the drone that was asked for"


@pytest.mark.parametrize("ending", ["txt", "tab", "html", "wav"])
def test_a_tune_is_saved_in_every_form(opened: Open, tmp_path: Path, ending: str) -> None:
    """Fails: a button gives no file, or an empty one, or one of another kind."""
    page = opened()
    play(page)
    with page.expect_download() as download:
        page.click(f"[data-to={ending}]")
    download.value.save_as(path := tmp_path / "file")
    begins = {"txt": b"title:", "tab": b"title:", "html": b"<!", "wav": b"RIFF"}[ending]
    assert download.value.suggested_filename.endswith(f".{ending}")
    assert path.read_bytes().startswith(begins)


def test_a_drone_is_struck_in_the_sound_file_of_a_tune_that_has_none_alone(opened: Open, tmp_path: Path) -> None:
    """Fails: with the settings that the page opens with, a box is ticked and the sound is refused for it."""
    page = opened()
    assert page.is_disabled("#wav-drone"), "of nothing there is no sound"
    play(page)
    assert page.is_disabled("#wav-drone")
    assert page.inner_text("#wav-drone-hint") == "this one has a drone or chords already"
    put(page, MINE)
    until(page, "!document.getElementById('wav-drone').disabled")
    assert page.inner_text("#wav-drone-hint") == ""
    sounds = []
    for path in (tmp_path / "plain.wav", tmp_path / "droned.wav"):
        with page.expect_download() as download:
            page.click("[data-to=wav]")
        download.value.save_as(path)
        sounds.append(path.read_bytes())
        page.check("#wav-drone")
    assert sounds[0] != sounds[1]
    page.evaluate("phin.take({ ...phin.session.tune, lai: null })")
    until(page, "document.getElementById('wav-drone').disabled")
    assert not page.is_checked("#wav-drone")
    assert "names no lai" in page.inner_text("#wav-drone-hint")


@pytest.mark.long
def test_the_same_link_gives_the_same_tune_and_another_seed_another(opened: Open) -> None:
    """Fails: a tune that was sent to somebody is another one there."""
    page = opened("?lai=se&lines=1")
    play(page)
    link = page.url
    assert all(f"{name}=" in link for name in ("lai", "seed", "tempo", "tuning", "graph"))
    shown = letters(page)
    again = opened(link[link.index("?") :])
    play(again)
    assert letters(again) == shown
    again.click("#new")
    until(again, f"phin.session.tune && !location.search.includes('{link[link.index('seed=') :]}')")
    assert letters(again) != shown


@pytest.mark.long
def test_a_link_holds_every_setting(opened: Open) -> None:
    """Fails: who opens a link draws another tune, since something that was set is not in it."""
    page = opened("")
    before = page.evaluate("({ ...phin.settings })")
    page.click("#more summary")
    page.click("label:has(> [name=lai][value=noi])")
    page.click("label:has(> [name=lines][value='4'])")
    page.uncheck("#drone")  # before another lai is said: between two there is none
    chosen = {"density": "3", "source": "essen", "sampler": "nucleus", "other-lai": "se", "other-source": "han"}
    for name, value in chosen.items():
        page.select_option(f"#{name}", value)
    page.select_option("#tuning", "A-D-A")
    for name, value in {"tempo": 133, "techniques": 0.35, "blend": 0.45, "seed": 77, "other-tempo": 91}.items():
        page.fill(f"#{name}", str(value))
        page.dispatch_event(f"#{name}", "change")
    asked = page.evaluate("({ ...phin.settings })")
    alike = {name for name in asked if asked[name] == before[name]}
    assert alike == {"number", "use", "rewrite"}, "of which others tell: variations and what is made of a tune"
    play(page)
    page.click("#copy")
    link = page.input_value("#link")
    again = opened(link[link.index("?") :])
    assert again.evaluate("({ ...phin.settings })") == asked
    play(again)
    assert again.asked[-1] == page.asked[-1]
    assert letters(again) == letters(page)


@pytest.mark.long
@pytest.mark.parametrize(
    ("sampler", "shown"),
    [
        (SamplerConfig(temperature=0.9, top_p=0.5), "as the server is set"),
        (SamplerConfig(**samplers()["greedy"]), "the likeliest note"),
    ],
)
def test_the_page_draws_as_its_server_is_set_until_another_way_is_chosen(
    opened: Open, sampler: SamplerConfig, shown: str
) -> None:
    """Fails: who starts a server with sampler=greedy hears the page draw otherwise; a link to it is another tune."""
    with serving_all(sampler=sampler) as served:
        page = opened(base=str(served.client.base_url))
        assert page.evaluate("document.getElementById('sampler').selectedOptions[0].text") == shown
        play(page)
        assert page.asked[-1]["sampler"] == asdict(sampler)
        page.click("#more summary")
        page.select_option("#sampler", "plain")
        page.click("#new")
        until(page, "phin.before.length && phin.session?.tune")
        assert page.asked[-1]["sampler"] == samplers()["plain"]
        page.click("#back")
        assert page.evaluate("document.getElementById('sampler').selectedOptions[0].text") == shown
    elsewhere = opened(page.url[page.url.index("?") :])
    play(elsewhere)
    assert elsewhere.asked[-1]["sampler"] == asdict(sampler), "of another server, which is set otherwise"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("graph=0000", "This link was made with another model: its tune may be another one."),
        ("given=torn", "The tune inside this link is torn; the settings are kept."),
        ("given=torn&use=continue&graph=0000", "The tune inside this link is torn; the settings are kept."),
        pytest.param(f"given={LIKE_NO_TUNE}", "The tune inside this link is torn; the settings are kept.", id="broken"),
    ],
)
def test_what_is_amiss_with_a_link_is_said_and_its_settings_are_kept(opened: Open, asked: str, said: str) -> None:
    """Fails: a link gives another tune than it was sent for, or nothing, and does not say so."""
    page = opened(f"{ASKED}&{asked}")
    assert page.inner_text("#status") == said
    assert page.evaluate("[phin.settings.seed, phin.settings.tempo]") == [3, 200]
    assert page.evaluate("[phin.given, phin.session]") == [None, None]
    play(page)


def test_what_means_nothing_in_a_link_is_as_usual(opened: Open) -> None:
    """Fails: a link that was typed by hand is refused for a length that no button of the page shows."""
    page = opened("?lines=abc&tempo=abc&techniques=&blend=x&seed=3&lai=yai")
    wanted = {"lines": "2", "tempo": 100, "techniques": 0, "blend": 0, "seed": 3, "lai": "yai"}
    assert page.evaluate("phin.settings").items() >= wanted.items()
    assert page.is_checked("[name=lines][value='2']")
    assert page.input_value("#tempo") == "100"


@pytest.mark.long
def test_a_tune_that_is_too_long_for_a_link_is_not_said_to_be_in_one(opened: Open) -> None:
    """Fails: what somebody sends to a friend opens as another tune, or as an error."""
    page = opened()
    rng = np.random.default_rng(0)
    notes = [
        {"onset": 6 * place - 18, "duration": int(rng.integers(1, 7)), "pitch": DEFAULT.open_pitch(1) + FRETS[fret],
         "velocity": int(rng.integers(1, 128)), "technique": str(rng.choice(["plain", "slide", "bend", "mute"])),
         "voice": "melody", "string": 1, "fret": fret}
        for place, fret in enumerate(rng.integers(len(FRETS), size=1000).tolist())
    ]  # fmt: skip
    tune = {"title": "long", "metre": "2/4", "tempo": 200, "lai": "yai", "source": None, "tuning": "E-A-E", "drone": []}
    page.evaluate("tune => phin.take(tune)", tune | {"inferred": [], "begins": -18, "num_hong": 250, "notes": notes})
    for use in ("", "continue"):
        if use:
            page.click("#work summary")
            page.click(f"[data-use={use}]")
            until(page, f"phin.session.settings.use === '{use}' && phin.session.tune")
        assert "given=" not in page.url
        assert "use=" not in page.url
        page.click("#copy")
        assert page.inner_text("#status") == "This tune is too long for a link: save it as a file instead."
        assert page.is_hidden("#link")
    page.click("[data-language=th]")
    page.click("#copy")
    assert page.inner_text("#status") == "ทำนองนี้ยาวเกินกว่าจะใส่ในลิงก์ ให้บันทึกเป็นไฟล์แทน"


def test_no_request_leaves_the_machine(opened: Open, served: Served) -> None:
    """Fails: a font or script is fetched from a host that the player never asked, or the page is dead offline."""
    page = opened()
    play(page)
    page.click("#more summary")
    page.click("#practice summary")
    assert len(page.requests) > 10
    assert [url for url in page.requests if not url.startswith(str(served.client.base_url))] == []
    with serving(origins=["*"]) as other:  # one that would answer
        asked = f"fetch('{other.client.base_url}/api/health').then((answer) => answer.ok)"
        assert page.context.new_page().evaluate(asked), "a page without a rule is answered"
        with pytest.raises(pytest.importorskip("playwright.sync_api").Error, match="Failed to fetch"):
            page.evaluate(asked)
    assert "default-src 'self'" in page.get_attribute("meta[http-equiv]", "content")


def test_a_stream_that_breaks_goes_on_after_the_last_event(opened: Open, served: Served) -> None:
    """Fails: on a train the tune stops in a tunnel, or the notes before it are played twice."""
    page = opened(ASKED.replace("lines=1", "lines=4"))
    heard_from: list[str | None] = []

    def break_off(route: Any) -> None:
        heard_from.append(route.request.headers.get("last-event-id"))
        if len(heard_from) > 2:
            return route.continue_()
        path = re.sub(r"^https?://[^/]+", "", route.request.url)
        last = None if heard_from[-1] is None else int(heard_from[-1])
        events = served.heard(path, last, most=4)
        body = "".join(f"id: {each.number}\nevent: {each.kind}\ndata: {json.dumps(each.data)}\n\n" for each in events)
        # the last one is cut off in its middle, as a connection is
        return route.fulfill(body=body[:-20], headers={"Content-Type": "text/event-stream"})

    page.route("**/events", break_off)
    page.click("#play")
    until(page, "phin.session?.tune")
    assert heard_from[:3] == [None, "2", "5"]
    onsets = page.evaluate("phin.session.drawn")
    notes = page.evaluate("phin.session.tune.notes.filter((each) => each.voice === 'melody').map((each) => each.onset)")
    assert onsets == notes


def test_what_the_server_refuses_is_said_in_its_words(opened: Open) -> None:
    """Fails: a button does nothing, and nobody knows why."""
    page = opened(ASKED.replace("tempo=200", "tempo=5"))
    page.click("#play")
    page.wait_for_selector("#refusal:not([hidden])")
    assert page.inner_text("#refusal p") == "tempo=5.0: is no tempo to play at. Take 20 to 400 hong a minute."
    assert page.get_attribute("#refusal", "role") == "alert"
    page.click("#refusal-close")
    assert page.is_hidden("#refusal")


@pytest.mark.parametrize(("where", "language"), [("stage", "en-GB"), ("lines", "en-GB"), ("noLetters", "th-TH")])
def test_what_the_server_refuses_is_not_taken_for_a_word_of_the_page(opened: Open, where: str, language: str) -> None:
    """Fails: a server that is full says "The tune: 8 players at once are the most", and a link with a wrong length says
    nothing before its colon.
    """
    page = opened(locale=language)
    said = {"where": where, "reason": "play", "remedy": "pause"}
    page.route("**/api/streams", lambda route: route.fulfill(status=422, json=said))
    page.click("#play")
    page.wait_for_selector("#refusal:not([hidden])")
    assert page.inner_text("#refusal p") == f"{where}: play. Pause."


def test_a_server_that_is_gone_is_said(opened: Open) -> None:
    """Fails: the page waits for ever, without a word."""
    page = opened()
    page.route("**/api/streams", lambda route: route.abort())
    page.click("#play")
    page.wait_for_selector("#refusal:not([hidden])")
    assert "the server cannot be reached" in page.inner_text("#refusal")


@pytest.mark.parametrize("window", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_the_keyboard_alone_chooses_plays_and_stops(opened: Open, window: dict) -> None:
    """Fails: who cannot use a pointer cannot play, or does not see what has the focus: the transport lies over it."""
    page = opened(viewport=window)

    def tab_to(selector: str, most: int = 40) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            assert not page.evaluate(COVERED), page.evaluate("document.activeElement.outerHTML")
            if page.evaluate(f"document.activeElement.matches({selector!r})"):
                outline = page.evaluate(
                    "getComputedStyle(document.activeElement.nextElementSibling?.tagName === 'SPAN'"
                    " ? document.activeElement.nextElementSibling : document.activeElement).outlineStyle"
                )
                assert outline == "solid", "where the focus is can be seen"
                return
        pytest.fail(f"{selector} is not reached by the tab key")

    tab_to("#play")
    tab_to("[name=lai]:checked")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("phin.settings.lai") == "noi"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.focus("#play")
    page.keyboard.press("Enter")
    until(page, "phin.sound.playing && phin.session.tune")
    page.keyboard.press("Space")
    until(page, "!phin.sound.playing")
    page.focus("#skip, .skip")
    tab_to(".hong")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.inner_text("#choice-said") == "Hong 2 chosen"
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    tab_to("#copy", 80)


COVERED = """(() => {
    const { activeElement } = document;
    const transport = document.querySelector(".transport");
    if (activeElement === document.body || transport.contains(activeElement)) return false;
    const [its, bar] = [activeElement, transport].map((node) => node.getBoundingClientRect());
    return its.bottom > bar.top && its.top < bar.bottom && its.right > bar.left && its.left < bar.right;
})()"""
"""Whether what has the focus lies behind the buttons that stay in sight."""


@pytest.mark.parametrize("language", ["en-GB", "th-TH"])
def test_everything_that_can_be_pressed_has_a_name_and_news_are_told(opened: Open, language: str) -> None:
    """Fails: a screen reader says "button", or nothing when the tune is there."""
    page = opened(locale=language)
    play(page)
    for summary in page.query_selector_all("summary"):
        if not summary.evaluate("node => node.parentElement.open"):
            summary.click()
    page.check("#tap")
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, input, select, textarea, summary, [role=button]")]
        .filter((node) => node.offsetParent !== null || node instanceof SVGElement)
        .filter((node) => !(node.getAttribute("aria-label") || node.textContent.trim()
                            || [...(node.labels ?? [])].some((label) => label.textContent.trim())))
        .map((node) => node.outerHTML)"""
    )
    assert nameless == []
    untranslated = page.evaluate("[...document.querySelectorAll('[data-t]')].filter((node) => !node.textContent)")
    assert untranslated == []
    assert page.get_attribute("#status", "aria-live") == "polite"
    live = page.eval_on_selector_all("output", "nodes => nodes.map((node) => node.getAttribute('aria-live'))")
    assert set(live) == {"off"}, "a slider tells its value itself"
    assert page.inner_text("#status").startswith("8 hong in" if language == "en-GB" else "8 ห้อง")
    assert page.get_attribute("html", "lang") == language[:2]


@pytest.mark.long
@pytest.mark.parametrize("window", [PHONE, LAPTOP], ids=["phone", "laptop"])
@pytest.mark.parametrize("language", ["en-GB", "th-TH"])
def test_all_fits_the_screen_and_is_large_enough_for_fingers(opened: Open, window: dict, language: str) -> None:
    """Fails: the page slides sideways on a phone, or the play button is below the fold, or too small to hit."""
    page = opened(viewport=window, locale=language)
    play(page)
    box = page.locator("#play").bounding_box()
    assert box["y"] + box["height"] <= window["height"]
    for summary in page.query_selector_all("summary"):
        if not summary.evaluate("node => node.parentElement.open"):
            summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]
    small = page.evaluate(
        """[...document.querySelectorAll("button, select, summary, .chip, .check, input[type=range]")]
        .filter((node) => node.offsetParent !== null && node.getBoundingClientRect().height < 43.5)
        .map((node) => node.outerHTML)"""
    )
    assert small == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(opened: Open, scheme: str) -> None:
    """Fails: in the sun, or with weak eyes, the page cannot be read (WCAG 2.2, 1.4.3: 4.5 to 1)."""
    page = opened(color_scheme=scheme)
    pairs = [("ink", "paper"), ("ink", "card"), ("ink", "tint"), ("muted", "paper"), ("muted", "card")]
    pairs += [("muted", "tint"), ("on-accent", "accent"), ("on-accent", "drone"), ("accent", "card"), ("bad", "card")]
    for words, behind in pairs:
        assert contrast(colour(page, words), colour(page, behind)) >= 4.5, (words, behind)
    shapes = [("focus", "paper"), ("line-strong", "paper"), ("line-strong", "card"), ("line-strong", "board")]
    shapes += [("accent", "board"), ("drone", "board")]
    for shape, behind in shapes:
        assert contrast(colour(page, shape), colour(page, behind)) >= 3, (shape, behind)


def test_no_colour_alone_tells_a_tonic_or_a_drone(opened: Open) -> None:
    """Fails: who does not tell red from grey sees neither where the tonic lies nor which light is the drone's."""
    page = opened()
    size = "node => Number(node.getAttribute('r'))"
    tonics, others = (
        {page.evaluate(size, node) for node in page.query_selector_all(which)}
        for which in ("circle.hint.tonic", "circle.hint:not(.tonic)")
    )
    assert min(tonics) > max(others)
    page.evaluate("""() => phin.neck.show([
        { string: 1, fret: 0, pitch: 64, voice: "accompaniment", since: 0 },
        { string: 2, fret: 2, pitch: 59, voice: "melody", since: 0 },
    ], null)""")
    ring = "which => getComputedStyle(document.querySelector(`.light.on.${which} .ring`)).stroke"
    assert page.evaluate(ring, "melody") == "none"
    assert page.evaluate(ring, "accompaniment") != "none"


def contrast(one: list[int], other: list[int]) -> float:
    """As WCAG 2.2 defines it."""

    def luminance(rgb: list[int]) -> float:
        shares = [value / 255 for value in rgb]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.long
def test_practice_is_slower_repeats_and_strikes_the_cymbals_on_slot_four(opened: Open) -> None:
    """Fails: who learns a phrase cannot slow it down, or has the ching beside the beat."""
    page = opened()
    put(page, MINE)
    page.click("#practice summary")
    page.fill("#speed", "50")
    page.check("#ching")
    page.click('[data-hong="1"]')
    page.click('[data-hong="2"]')
    page.click("#choice-loop")
    page.evaluate("phin.sound.log.length = 0")
    page.click("#choice-play")
    rung = after_strokes(page, 4, "ching")
    melody = strokes(page)
    page.click("#play")
    hong = 60 / (200 * 0.5)
    both = sorted([stroke["began"] for stroke in rung + strokes(page, "chap")])
    assert all(later - sooner == pytest.approx(hong, abs=2 / 44_100) for sooner, later in pairwise(both))
    begins = page.evaluate("phin.session.begins")
    for stroke in melody:
        after_slot_four = ((stroke["step"] - begins - 18) % 24) / 24
        beats = (stroke["began"] - both[0]) / hong - after_slot_four
        assert beats == pytest.approx(round(beats), abs=1e-3)
    assert {(stroke["step"] - begins) // 24 for stroke in melody} <= {1, 2}
    assert len(melody) > len({stroke["step"] for stroke in melody}), "it came round again"


def test_where_nothing_drones_none_can_be_played_along_with(opened: Open) -> None:
    """Fails: a box is ticked and nothing is heard; or the drone breaks off, and nobody says why."""
    page = opened()
    page.click("#practice summary")
    page.check("#drone-alone")
    after_strokes(page, 1, "drone")
    until(page, f"{DRONE_LIT} === '2:0'")
    silent = page.evaluate(
        "phin.about.lai.map(({ name }) => name).find((lai) => phin.whyNoDrone({ lai, tuning: 'E-A-E' }))"
    )
    page.check(f"#lai input[value='{silent}']")
    assert page.is_disabled("#drone-alone")
    assert not page.is_checked("#drone-alone")
    assert page.inner_text("#drone-alone-hint") == "no lai is chosen that an open string of this tuning drones under"
    assert page.evaluate("phin.sound.droneTimer") is None
    assert not page.query_selector(".light.on")
    page.check("#lai input[value='yai']")
    assert page.is_enabled("#drone-alone")
    assert page.inner_text("#drone-alone-hint") == ""


def test_a_count_a_drone_and_another_concert_pitch_are_heard(opened: Open) -> None:
    """Fails: one cannot come in together, or play along with an instrument that is not at 440 Hz."""
    page = opened()
    put(page, MINE)
    page.click("#practice summary")
    page.check("#drone-alone")
    assert after_strokes(page, 1, "drone")[0]["pitch"] == 57
    page.uncheck("#drone-alone")
    page.check("#count-in")
    page.fill("#concert", "27")
    assert page.inner_text("#concert-said") == "A = 446.9 Hz, +27 cents"
    page.click("#play")
    first = after_strokes(page, 1)[0]
    rung = strokes(page, "ching", "chap")
    assert [first["began"] - stroke["began"] for stroke in rung] == pytest.approx(
        [4 * 0.3, 3 * 0.3, 2 * 0.3, 0.3], abs=1e-4
    )
    assert first["pitch"] == 69
    assert first["hertz"] == pytest.approx(446.91, abs=0.01)


@pytest.mark.long
@pytest.mark.parametrize(
    "asked",
    [
        "lai=&source=&density=2",
        "lai=noi&tuning=A-D-A&techniques=0.8",
        "blend=0.5&otherSource=essen&otherTempo=80",
        "blend=1&otherLai=noi",
        "lai=po+sai&drone=1",
    ],
)
def test_what_can_be_set_can_be_drawn(opened: Open, asked: str) -> None:
    """Fails: a setting of the page is one that the server refuses."""
    page = opened(f"?seed=3&lines=1&tempo=200&{asked}")
    play(page)
    if "techniques" in asked:
        assert page.evaluate("phin.session.notes.some((note) => note.technique)")


def test_letters_that_are_typed_are_played_continued_and_rewritten(opened: Open) -> None:
    """Fails: a player's own tune cannot be put in, or is changed where it was to stay."""
    page = opened()
    put(page, MINE)
    mine = letters(page)
    assert mine == list(MINE.replace("|", "").replace(" ", ""))
    page.click("#work summary")
    page.click("[data-use=continue]")
    until(page, "phin.session.tune?.num_hong > 8")
    assert bare(letters(page))[:28] == mine[:28]
    page.click("#back")
    assert letters(page) == mine
    page.click('[data-hong="2"]')
    page.click('[data-hong="3"]')
    page.click("#choice-rewrite")
    until(page, "phin.session.settings.use === 'rewrite' && phin.session.tune")
    rewritten = letters(page)
    assert bare(rewritten)[:8] == mine[:8]
    assert bare(rewritten)[16:] == mine[16:]
    assert bare(rewritten) != mine
    again = opened(page.url[page.url.index("?") :])
    play(again)
    assert letters(again) == rewritten, "the link holds the tune that it was made of"


@pytest.mark.long
@pytest.mark.parametrize("use", ["continue", "decorate", "rhythm", "rewrite"])
def test_a_tune_over_its_drone_is_worked_on_and_the_whole_has_one_anew(opened: Open, use: str) -> None:
    """Fails: with the settings that the page opens with, what is made of a tune that it drew is refused."""
    page = opened()
    play(page)
    assert page.evaluate(STRUCK), "a drone is under the tune that is given"
    if use == "rewrite":
        page.click('[data-hong="0"]')
        page.click('[data-hong="3"]')
    page.click("#work summary")
    page.click(f"[data-use={use}]")
    until(page, f"phin.session.settings.use === '{use}' && phin.session.tune")
    struck, last = page.evaluate(STRUCK), page.evaluate("phin.session.notes.at(-1).onset")
    assert len(struck) == len(set(struck)), "one drone, not two"
    assert max(struck) > last - 2 * 24, "under what is new too"


def test_under_chords_no_drone_is_struck_and_the_page_says_so(opened: Open) -> None:
    """Fails: a tune with chords cannot be played on, or the drone that is ticked is missing without a word."""
    page = opened()
    put(page, MINE)
    page.evaluate(
        """phin.take({ ...phin.session.tune, notes: phin.session.notes.flatMap((note) => note.onset % 96 ? [note]
        : [{ ...note, pitch: 52, voice: "accompaniment" }, note]) })"""
    )
    until(page, "phin.before.length")
    page.click("#work summary")
    page.click("[data-use=continue]")
    until(page, "phin.session.settings.use === 'continue' && phin.session.tune")
    assert page.inner_text("#said li >> nth=0").startswith("No drone was put under it")
    page.click("[data-language=th]")
    assert page.inner_text("#said li >> nth=0").startswith("ไม่ได้ใส่เสียงเสพ")
    assert page.evaluate("phin.session.notes.some((note) => note.pitch === 52 && note.voice === 'accompaniment')")


@pytest.mark.long
def test_a_new_tune_is_new_and_what_goes_on_from_another_says_so(opened: Open) -> None:
    """Fails: once a tune was played on, every new one plays on the same for ever, and nobody sees why."""
    page = opened()
    play(page)
    assert page.is_hidden("#from")
    page.click("#work summary")
    page.click("[data-use=continue]")
    until(page, "phin.session.settings.use === 'continue' && phin.session.tune")
    assert page.inner_text("#from-said") == "Goes on from phin 3-1"
    assert page.locator("#from").bounding_box()["y"] < page.locator("#letters").bounding_box()["y"], "in sight"
    page.click("[data-language=th]")
    assert page.inner_text("#from-said") == "เล่นต่อจาก phin 3-1"
    went_on = page.url
    page.click("#new")
    until(page, "!phin.session.settings.use && phin.session.tune")
    assert page.evaluate("phin.session.tune.num_hong") < 12, "one line, with its pickup; two went on"
    assert page.is_hidden("#from")
    again = opened(went_on[went_on.index("?") :])
    until(again, "!document.querySelector('#from').hidden")  # before it is played
    again.click("#let-go")
    assert again.is_hidden("#from")
    play(again)
    assert again.evaluate("phin.session.tune.num_hong") < 12, "one line, with its pickup; two went on"


def test_a_seed_that_is_typed_is_that_of_the_new_tune_and_of_no_other(opened: Open) -> None:
    """Fails: a teacher says "seed 7", and everybody who types it gets a tune of their own."""
    page = opened()
    play(page)
    page.click("#more summary")
    page.fill("#seed", "7")
    page.click("#new")
    until(page, "phin.session.tune?.title === 'phin 7-1'")
    page.click("#new")
    until(page, "phin.session.settings.seed !== 7 && phin.session.tune")


@pytest.mark.long
@pytest.mark.parametrize("typed", ["-5", "1.5", "--5", "1e16"])
def test_what_is_no_seed_is_marked_and_draws_nothing(opened: Open, typed: str) -> None:
    """Fails: a slip of the finger draws a tune of a seed that nobody typed."""
    page = opened()
    play(page)
    page.click("#more summary")
    page.locator("#seed").select_text()
    page.keyboard.type(typed)
    asked = len(page.requests)
    for button in ("#new", "#play", "#draw-four"):
        until(page, "!phin.sound.playing")
        if button == "#draw-four":
            page.click("#variations summary")
        page.click(button)
        page.wait_for_selector("#refusal:not([hidden])")
        assert page.inner_text("#refusal p").startswith("Seed: it is no whole number")
        page.click("#refusal-close")
    assert page.requests[asked:] == []
    assert page.get_attribute("#seed", "aria-invalid") == "true"
    assert "no whole number" in page.inner_text("#seed-bad")
    page.click("[data-language=th]")
    assert "ไม่ใช่จำนวนเต็ม" in page.inner_text("#seed-bad")
    assert page.input_value("#seed") in (typed, ""), "what was typed stays to be mended; a browser gives no --5"
    page.fill("#seed", "5")
    page.click("#new")
    until(page, "phin.session.tune?.title === 'phin 5-1'")
    assert page.get_attribute("#seed", "aria-invalid") == "false"
    assert page.is_hidden("#seed-bad")


@pytest.mark.long
@pytest.mark.parametrize(
    ("typed", "named"),
    [("---ล | -ด-ร\n---Q | -ด-ร", "2"), ("---Q", "1"), ("title: mine\n---ล | ---Q", "2")],
)
def test_a_mistake_in_letters_is_named_by_the_line_that_was_typed(opened: Open, typed: str, named: str) -> None:
    """Fails: the page names line 4 to somebody who typed one."""
    page = opened()
    page.click("#mine summary")
    page.fill("#typed", typed)
    page.click("#use-typed")
    page.wait_for_selector("#refusal:not([hidden])")
    assert page.inner_text("#refusal-reason").startswith(f"My own tune:{named}: ")


def test_a_file_is_opened_and_a_broken_one_is_named(opened: Open, tmp_path: Path) -> None:
    """Fails: a player's MIDI file cannot be used, or rubbish is met with silence."""
    page = opened()
    play(page)
    with page.expect_download() as download:
        page.click("[data-to=mid]")
    download.value.save_as(path := tmp_path / "mine.mid")
    shown = letters(page)
    page.click("#new")
    until(page, "phin.session.tune && phin.before.length && phin.session !== phin.before.at(-1)")
    assert letters(page) != shown
    page.click("#mine summary")
    page.set_input_files("#file", path)
    until(page, "phin.before.length > 1 && phin.session !== phin.before.at(-1)")
    assert letters(page) == shown
    (broken := tmp_path / "broken.mid").write_bytes(b"MThd nonsense")
    page.set_input_files("#file", broken)
    page.wait_for_selector("#refusal:not([hidden])")
    assert page.inner_text("#refusal").startswith("broken.mid")


def test_a_file_is_headed_by_what_it_says_itself(opened: Open, tmp_path: Path) -> None:
    """Fails: a tune of somebody's own is shown under a lai, a tuning and a seed that it never had."""
    page = opened()
    play(page)
    assert page.inner_text("#caption").endswith("E-A-E · 3")
    (bare := tmp_path / "good.txt").write_text(MINE)
    (told := tmp_path / "told.txt").write_text(f"lai: noi\ntuning: A-D-A\n\n{MINE}")
    page.click("#mine summary")
    for file, caption in ((bare, "good"), (told, "told · lai noi · A-D-A")):
        page.set_input_files("#file", file)
        until(page, f"phin.session.tune?.title === '{file.stem}'")
        assert page.inner_text("#caption") == caption
    page.fill("#typed", MINE)
    page.click("#use-typed")
    until(page, "phin.session.tune?.title === 'My own tune'")
    assert page.inner_text("#caption") == "My own tune · lai yai · E-A-E"


@pytest.mark.long
@pytest.mark.parametrize("typed", ["", " \n"])
def test_an_empty_box_says_what_to_do(opened: Open, typed: str) -> None:
    """Fails: the button does nothing, and who has never seen letters is left alone."""
    page = opened(locale="th-TH")
    page.click("#mine summary")
    page.fill("#typed", typed)
    page.click("#use-typed")
    page.wait_for_selector("#refusal:not([hidden])")
    assert "พิมพ์โน้ต" in page.inner_text("#refusal p")
    page.click("[data-language=en]")
    page.click("#use-typed")
    page.wait_for_selector("#refusal:not([hidden])")
    assert page.inner_text("#refusal-remedy").startswith("Type letters, as ---ล | -ด-ร")
    assert page.evaluate("phin.session") is None


@pytest.mark.long
@pytest.mark.parametrize("done", ['[data-hong="1"]', "#suggest", "#again"])
def test_what_to_do_first_is_no_longer_said_when_something_is_done(opened: Open, done: str) -> None:
    """Fails: "choose hong first" stands there while hong are chosen, and one looks for what is still amiss."""
    page = opened()
    play(page)
    page.click("#work summary")
    page.click("[data-use=rewrite]")
    assert page.inner_text("#status").startswith("Choose hong on the page first")
    page.click(done)
    until(page, "!document.getElementById('status').textContent.startsWith('Choose hong')")


def test_the_neck_can_be_tapped_into_letters(opened: Open) -> None:
    """Fails: who knows no letters cannot put a tune in."""
    page = opened(viewport=PHONE)
    page.click("#mine summary")
    page.check("#tap")
    for fret in ("A3", "C4", "D4"):
        pitch = {"A3": 57, "C4": 60, "D4": 62}[fret]
        page.dispatch_event(f'.place[data-string="2"][data-pitch="{pitch}"]', "click")
    until(page, "document.getElementById('typed').value.includes('ร')")
    assert page.input_value("#typed") == "| -ลฺ-ด | -ร-- |"
    assert [stroke["pitch"] for stroke in after_strokes(page, 3, "touch")] == [57, 60, 62]
    page.click("#untap")
    assert page.input_value("#typed") == "| -ลฺ-ด |"


@pytest.mark.long
def test_one_of_four_variations_is_kept_and_its_link_gives_it_again(opened: Open) -> None:
    """Fails: the one that was liked is lost."""
    page = opened()
    page.click("#variations summary")
    page.click("#draw-four")
    page.wait_for_selector("#four li:nth-child(4)")
    page.click("#four li:nth-child(2) button:nth-of-type(2)")
    until(page, "phin.session?.tune")
    kept = letters(page)
    until(page, "location.search.includes('number=1') || location.search.includes('given=')")
    again = opened(page.url[page.url.index("?") :])
    again.click("#play")
    until(again, "phin.session?.tune")
    assert letters(again) == kept


@pytest.mark.long
def test_a_variation_that_is_kept_ends_what_is_drawn_and_heard(opened: Open, served: Served) -> None:
    """Fails: under the tune that was kept another one sounds on, and the server draws it for nobody; or the one that is
    listened to falls silent because it is liked.
    """
    page = opened(ASKED.replace("lines=1", "lines=endless"))
    page.click("#play")
    of_the_tune(page, 1)
    page.click("#variations summary")
    page.click("#draw-four")
    page.wait_for_selector("#four li:nth-child(4)")
    page.click("#four li:nth-child(1) button:nth-of-type(2)")
    until(page, "phin.session.tune && !phin.sound.playing")
    assert page.inner_text("#play-word") == "Play"
    until_free(served)
    page.click("#four li:nth-child(2) button:nth-of-type(1)")
    until(page, "phin.sound.playing")
    page.click("#four li:nth-child(2) button:nth-of-type(2)")
    until(page, "phin.session === phin.sound.session")
    assert page.evaluate("phin.sound.playing")


@pytest.mark.long
def test_techniques_are_suggested_with_what_they_were_learned_from(opened: Open) -> None:
    """Fails: somebody takes rules of ours for what a player of the phin does."""
    page = opened()
    page.click("#more summary")
    assert "synthetic" in page.inner_text("#techniques-hint")
    play(page)
    page.click("#work summary")
    page.click("#suggest")
    page.wait_for_selector("#suggestions tbody tr")
    assert "synthetic" in page.inner_text("#suggestions-said")
    melody = page.evaluate("phin.session.notes.filter((note) => note.voice === 'melody').length")
    assert page.locator("#suggestions tbody tr").count() == melody
    assert f"{round(0.4 * melody)} of {melody} notes" in page.inner_text("#suggestions-said")
    page.click("#use-suggested")
    page.wait_for_selector("#suggestions", state="hidden")
    techniques = page.evaluate("phin.session.notes.map(({ voice, technique }) => [voice, technique])")
    assert sum(voice == "melody" and each not in (None, "plain") for voice, each in techniques) == round(0.4 * melody)


def test_a_fault_where_techniques_are_put_on_a_tune_is_said(opened: Open) -> None:
    """Fails: a button does nothing, and nobody knows why."""
    page = opened()
    page.evaluate("() => { phin.take = async () => { throw new Error('a fault'); }; }")
    page.dispatch_event("#use-suggested", "click")
    page.wait_for_selector("#refusal:not([hidden])")
    assert "a fault" in page.inner_text("#refusal p")


@pytest.mark.long
def test_what_stands_there_is_said_anew_in_the_other_language(opened: Open) -> None:
    """Fails: half of the page speaks English to who has chosen Thai."""
    page = opened()
    play(page)
    page.click("#variations summary")
    page.click("#draw-four")
    page.wait_for_selector("#four li:nth-child(4)")
    page.click("#work summary")
    page.click("#suggest")
    page.wait_for_selector("#suggestions tbody tr")
    page.click("#more summary")
    page.fill("#seed", "-1")
    page.click("#new")
    page.wait_for_selector("#refusal:not([hidden])")
    places = ("#four button", "#suggestions-said", "#suggestions tbody td:last-child", "#refusal-reason", "#status")

    def words() -> list[str]:
        return [page.locator(place).first.inner_text() for place in places]

    english = words()
    page.click("[data-language=th]")
    thai = words()
    assert all(re.search("[ก-๙]", each) or not each for each in thai), thai
    page.click("[data-language=en]")
    assert words() == english


@pytest.mark.long
def test_a_tune_without_end_goes_on_until_it_is_stopped(opened: Open, served: Served) -> None:
    """Fails: it ends, its drone is missing, or the server draws for nobody after the page has gone on."""
    page = opened(ASKED.replace("lines=1", "lines=endless"))
    page.click("#play")
    until(page, "phin.sound.log.filter((each) => each.step !== null).length > 1")
    assert after_strokes(page, 2, "drone")[0]["pitch"] == 57
    until(page, f"{DRONE_LIT} === '2:0'")
    assert served.service.stage.num_players == 1
    page.click("#more summary")
    page.uncheck("#drone")
    assert page.evaluate("[phin.sound.underTune, phin.stale]") == [False, False], "the page strikes it, or not, at once"
    page.check("[name=lines][value='1']")
    page.click("#new")
    until(page, "phin.session?.tune")
    until_free(served)


@pytest.mark.long
def test_a_tune_without_end_that_rests_goes_on_from_there(opened: Open) -> None:
    """Fails: who stops to tune a string has lost the tune, hears a part of it twice, or finds it ended."""
    page = opened(ASKED.replace("lines=1", "lines=endless"))
    page.click("#play")
    heard = of_the_tune(page, 2)
    page.click("#play")
    rested = page.evaluate("phin.sound.restsAt")
    page.wait_for_timeout(700)
    page.evaluate("phin.sound.log.length = 0")
    page.click("#play")
    on = of_the_tune(page, 2)
    assert on[0]["step"] >= rested > heard[0]["step"]
    notes = page.evaluate("phin.session.notes.map((note) => note.onset)")
    assert [stroke["step"] for stroke in on] == [step for step in notes if step >= rested][: len(on)]
    assert page.evaluate("phin.session.ended") is False


@pytest.mark.long
def test_a_tune_without_end_that_rests_for_long_gives_its_place_to_others(opened: Open) -> None:
    """Fails: a page that somebody left open keeps a place of the server, or the tune ends without a word."""
    with serving_all(unheard_seconds=1.0) as served:
        page = opened(ASKED.replace("lines=1", "lines=endless"), base=str(served.client.base_url))
        page.click("#play")
        of_the_tune(page, 1)
        page.wait_for_timeout(1500)
        assert served.service.stage.num_players == 1, "it is heard"
        page.click("#play")
        until(page, "phin.session.ended")
        until_free(served)
        hong = page.evaluate("phin.session.numHong")
        said = f"It rested for long: the tune ends after hong {hong}. “Continue it” goes on from there."
        assert page.inner_text("#status") == said
        page.evaluate("phin.sound.log.length = 0")
        page.click("#play")
        of_the_tune(page, 1)
        page.click("#work summary")
        page.click("[data-use=continue]")
        until(page, f"phin.session.numHong > {hong}")


def test_a_tune_that_is_given_up_before_its_answer_came_gives_its_place_back(opened: Open) -> None:
    """Fails: who presses twice takes two places of the server, one of them for a minute and for nobody."""
    with serving_all() as served:
        page = opened(ASKED.replace("lines=1", "lines=endless"), base=str(served.client.base_url))
        places = []

        def answer(route: Any) -> None:
            made = route.fetch()
            playing = served.service.stage.num_players
            page.evaluate("phin.drawing.stop()")
            route.fulfill(response=made)
            places.append(playing)  # last: who waits for it asks playwright for nothing, and an answer would never end

        page.route("**/api/streams", answer)
        page.click("#play")
        while not places:
            page.wait_for_timeout(25)
        assert places == [1]
        until_free(served)


def test_a_tab_that_is_closed_in_a_tune_without_end_gives_its_place_back(opened: Open) -> None:
    """Fails: eight who have closed their tabs keep the ninth out for a minute."""
    with serving_all() as served:
        page = opened(ASKED.replace("lines=1", "lines=endless"), base=str(served.client.base_url))
        page.click("#play")
        of_the_tune(page, 1)
        assert served.service.stage.num_players == 1
        page.close()
        until_free(served)


def until_free(served: Served) -> None:
    """Waits until the server draws for nobody."""
    ends = time.monotonic() + 10
    while served.service.stage.num_players:
        assert time.monotonic() < ends, "it still draws"
        time.sleep(0.02)


STRING = """async ([frequency, bend]) => {
    const { Strikes } = await import("/static/js/performance.js");
    const { instrument } = await import("/static/js/instrument.js");
    const context = new OfflineAudioContext(1, 44100, 44100);
    const strings = await instrument(context, () => null);
    const strike = new Strikes(44100).of(frequency, 80);
    strings({ strokes: [{ time: 0, frequency, seconds: 2, bend, gain: 1, strike }] });
    await new Promise((done) => setTimeout(done, 100));
    const sound = (await context.startRendering()).getChannelData(0).slice(15000, 15000 + 16384);
    return [...sound];
}"""


@pytest.mark.long
@pytest.mark.parametrize(("pitch", "bend"), [(52, None), (69, None), (88, None), (69, [0, 0, 0.15, 2])])
def test_a_string_is_in_tune_and_bends_as_far_as_it_should(opened: Open, pitch: int, bend: list | None) -> None:
    """Fails: the page plays beside the instrument of who plays along."""
    page = opened()
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    sound = np.array(page.evaluate(STRING, [frequency, bend]))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 2**19))
    hertz = np.fft.rfftfreq(2**19, 1 / 44_100)
    wanted = frequency * 2 ** ((bend[-1] if bend else 0) / 12)
    near = (hertz > 0.9 * wanted) & (hertz < 1.1 * wanted)
    found = hertz[near][spectrum[near].argmax()]
    assert 1200 * np.log2(found / wanted) == pytest.approx(0, abs=3)
    assert np.abs(sound).max() > 0.01
    assert np.abs(sound).max() < 1


KNOWN = """async () => {
    const { HONG, SLOT, BEAT, HONG_PER_LINE, letterOf, bareLetter } = await import("/static/js/music.js");
    const pitches = Array.from({ length: 128 }, (_, pitch) => pitch);
    return [[HONG, SLOT, BEAT, HONG_PER_LINE], pitches.map(letterOf), pitches.map(bareLetter)];
}"""


def test_the_page_counts_and_names_notes_as_phin_does(opened: Open) -> None:
    """Fails: a letter, or the box that it stands in, is another on the page than in the file that is saved."""
    counts, letters, bare = opened().evaluate(KNOWN)
    assert counts == [STEPS_PER_HONG, STEPS_PER_SLOT, BEAT, HONG_PER_LINE]
    known = [Letter.of_pitch(pitch) for pitch in range(128)]
    assert letters == [letter and letter.written() for letter in known]
    assert bare == [letter and letter.written() for letter in known[60:72] * 11][:128]


LETTERED = """async ([onsets]) => {
    const { lettered } = await import("/static/js/music.js");
    const notes = onsets.map((onset, place) => ({ onset, voice: "melody", pitch: [62, 64, 65][place] }));
    return lettered(notes, 0, 1)[0][0];
}"""


def test_letters_off_halves_and_thirds_of_a_slot_all_stand_there(opened: Open) -> None:
    """Fails: a note is heard, and is in no box: what a model draws lies off the slots at times."""
    page = opened()
    parts = {
        (0, 3): ["ร", "ม"],
        (0, 2, 4): ["ร", "ม", "ฟ"],
        (0, 1): ["ร", "ม", "-"],
        (0, 2, 3): ["ร", "ม", "ฟ"],
        (0, 1, 2): ["ร", "มฟ", "-"],
        (4, 5): ["-", "-", "รม"],
    }
    assert {onsets: page.evaluate(LETTERED, [list(onsets)]) for onsets in parts} == parts


LAST_LINES = """async ([count, apart]) => {
    const { lastLines } = await import("/static/js/music.js");
    const notes = Array.from({ length: count }, (_, place) => ({ onset: -24 + place * apart, pitch: place }));
    const tune = { notes, begins: -42, num_hong: Math.ceil((count * apart) / 24) + 1 };
    const last = lastLines(tune, phin.about.play.drawing);
    return [last === tune, last.num_hong, last.notes.length, last.notes.at(-1), tune.num_hong, tune.notes.at(-1)];
}"""


def test_of_a_tune_that_is_too_long_to_be_continued_the_last_lines_are(opened: Open) -> None:
    """Fails: who has listened to a tune without end, and would go on from there, is refused for its length."""
    page = opened()
    assert page.evaluate(LAST_LINES, [1000, 6])[0]
    for count, apart in ((4096, 6), (600, 24)):
        is_whole, hong, notes, last, hong_before, last_before = page.evaluate(LAST_LINES, [count, apart])
        assert not is_whole
        assert (hong_before - hong) % 8 == 0, "whole lines are left out"
        assert last == {"onset": last_before["onset"] - 24 * (hong_before - hong), "pitch": last_before["pitch"]}
        assert 200 < notes < 600, "about half of what can be given: there is room to go on"
        assert hong <= 252


def test_the_neck_is_played_by_keys(opened: Open) -> None:
    """Fails: who has no mouse can tap one place of forty-eight."""
    page = opened()
    page.click("#mine summary")
    page.check("#tap")
    page.focus(".place[tabindex='0']")
    page.keyboard.press("ArrowDown")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").endswith("string 2, fret 2")
    page.keyboard.press("Enter")
    assert page.input_value("#typed") == "| -ทฺ-- |"
    assert page.locator(".place[tabindex='0']").count() == 1
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.dataset.string") == "1", "beyond the last string there is none"


def test_the_neck_keeps_its_focus_where_it_is_drawn_anew_and_speaks_the_language_of_the_page(opened: Open) -> None:
    """Fails: who plays by keys is thrown out of the neck when the window turns, or told of it in another tongue."""
    page = opened()
    page.click("#mine summary")
    page.check("#tap")
    page.focus(".place[tabindex='0']")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    held = "document.activeElement.getAttribute('aria-label')"
    english = page.evaluate(held)
    assert english.endswith("string 2, fret 2")
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(100)
    page.evaluate("phin.changed('lai')")
    assert page.evaluate(held) == english
    page.dispatch_event("[data-language=th]", "click")
    assert page.evaluate(held).endswith("สาย 2 เฟรต 2")
    assert page.locator(".place[tabindex='0']").count() == 1
    page.keyboard.press("ArrowRight")
    assert page.evaluate(held).endswith("สาย 2 เฟรต 3")


def test_the_page_is_reached_and_spoken_in_either_view(opened: Open) -> None:
    """Fails: who hears the page is told letters where it shows frets; or the tab key finds no box of a long tune."""
    page = opened()
    put(page, MINE)
    assert page.get_attribute("[data-hong='1']", "aria-label") == "Hong 2: – ด – ร"
    page.click("[data-view='tablature']")
    said = page.get_attribute("[data-hong='1']", "aria-label")
    assert re.fullmatch(r"Hong 2: –; string \d, fret \d+; –; string \d, fret \d+", said), said
    page.click("[data-hong='1']")
    page.click("#choice-none")
    assert page.evaluate("document.activeElement.dataset.hong") == "1", "the focus is not lost with the button"
    page.evaluate("() => Object.defineProperty(phin.session, 'numHong', { value: 8 * 70 })")
    page.evaluate("() => phin.display.show()")
    assert page.locator("#letters [data-hong='0']").count() == 0, "of a long tune the last lines are shown"
    assert page.locator("#letters [tabindex='0']").count() == 1


SETTINGS = ":is(#lai, #lines, #more) :is(input, select), #tempo"


def test_what_would_mean_nothing_cannot_be_set(opened: Open) -> None:
    """Fails: a slider is moved and nothing changes, or the server says so in the words of its API."""
    page = opened()
    page.click("#more summary")

    def disabled() -> set[str]:
        nodes = "nodes => nodes.filter((node) => node.disabled).map((node) => node.id || node.name)"
        return set(page.eval_on_selector_all(SETTINGS, nodes))

    assert disabled() == {"blend"}
    assert "Say another style first" in page.inner_text("#blend-hint")
    page.fill("#other-tempo", "5000")
    page.press("#other-tempo", "Tab")
    assert page.input_value("#other-tempo") == "400"
    assert page.input_value("#blend") == "0.5", "what is said is heard"
    assert disabled() == set()
    page.fill("#blend", "0")
    assert disabled() == {"other-lai", "other-source", "other-tempo"}
    assert "Move the slider" in page.inner_text("#blend-hint")
    page.fill("#blend", "1")
    assert disabled() == {"density", "source"}
    assert "is played alone" in page.inner_text("#lean-hint")
    page.fill("#blend", "0.5")
    page.select_option("#other-lai", "noi")
    assert disabled() == {"drone"}
    assert page.inner_text("#drone-hint") == "between two lai there is none"
    page.select_option("#other-lai", "")
    page.check("#lines input[value='endless']")
    assert disabled() == {"techniques"}
    assert "A tune without end has none" in page.inner_text("#techniques-hint")
    put(page, MINE)
    for use, off in {
        "continue": {"techniques"},
        "decorate": {"lines"},
        "rhythm": {"lines"},
        "rewrite": {"lines"},
    }.items():
        page.evaluate("use => { Object.assign(phin.settings, { use, rewrite: '1-2' }); phin.controls.show(); }", use)
        assert disabled() == off, use
        assert page.is_visible("#lines-hint") == ("lines" in off)
    page.evaluate("() => phin.letGo()")
    assert disabled() == {"techniques"}


DEAF = """() => {
    const asked = () => JSON.stringify(phin.requestOf(phin.settings));
    const before = asked(), settings = { ...phin.settings }, deaf = []; // prettier-ignore
    for (const field of document.querySelectorAll("SETTINGS")) {
        if (field.disabled || (field.type === "radio" && field.checked)) continue;
        if (field.type === "radio" || field.type === "checkbox") field.click();
        else {
            if (field.matches("select")) field.selectedIndex = (field.selectedIndex + 1) % field.length;
            else if (field.type === "range") field.value = field.value === field.max ? field.min : field.max;
            else field.value = "91";
            for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind));
        }
        if (asked() === before) deaf.push(field.id || `${field.name} ${field.value}`);
        Object.assign(phin.settings, settings);
        phin.controls.show();
    }
    return deaf;
}""".replace("SETTINGS", SETTINGS)


@pytest.mark.parametrize(
    "asked",
    ["", "otherTempo=90&blend=0.5", "otherLai=noi&blend=0.5", "otherSource=han", "otherSource=essen&blend=1", "lai="],
)
def test_what_can_be_set_changes_what_is_asked_for(opened: Open, asked: str) -> None:
    """Fails: a control is moved, and the new tune that it promises is the same one."""
    assert opened(f"?seed=3&{asked}").evaluate(DEAF) == []


def test_a_tune_is_out_of_date_only_where_another_would_be_asked_for(opened: Open) -> None:
    """Fails: the page promises a new tune and draws the same one again, instead of playing it."""
    page = opened()
    play(page)
    page.click("#more summary")
    page.select_option("#other-lai", "noi")
    assert page.inner_text("#status").startswith("Settings changed")
    page.select_option("#other-lai", "")  # the slider stays where it went
    assert page.evaluate("phin.settings.blend") == 0.5
    assert page.inner_text("#status") == ""
    assert page.locator("#new.due").count() == 0
    page.click("#again")
    page.click("#play")
    page.click("#play")
    until(page, "phin.sound.playing")
    assert len(page.asked) == 1


@pytest.mark.parametrize("blend", ["0.5", "1"])
@pytest.mark.parametrize("use", ["continue", "decorate"])
def test_a_tune_is_worked_on_in_another_style(opened: Open, use: str, blend: str) -> None:
    """Fails: half of another style is asked for, and what is made of a tune hears nothing of it, or is refused."""
    page = opened(f"{ASKED}&blend={blend}&otherSource=essen&otherTempo=80")
    put(page, MINE)
    page.click("#work summary")
    page.click(f"[data-use={use}]")
    until(page, f"phin.session.settings.use === '{use}' && phin.session.tune")
    asked = page.asked[-1]
    assert (asked["use"], asked["blend"], asked["other"]["source"]) == (use, float(blend), "essen")
    assert page.url.count("blend=") == 1, "its link gives it again"


def test_what_leans_a_tune_is_not_taken_for_what_binds_it(opened: Open) -> None:
    """Fails: who chose few notes, and hears many, takes the page for broken."""
    page = opened()
    page.click("#more summary")
    for control in ("density", "source"):
        assert page.get_attribute(f"#{control}", "aria-describedby") == "lean-hint"
    assert page.inner_text("#lean-hint") == "These two lean a tune; they do not bind it."
    page.click("[data-language=th]")
    assert "ไม่ได้บังคับ" in page.inner_text("#lean-hint")


def test_a_browser_asks_whether_the_page_is_still_the_same(served: Served) -> None:
    """Fails: after an update a module of the new page meets one of the old."""
    for path in ("/", "/static/js/app.js", "/static/style.css"):
        first = served.client.get(path)
        assert first.headers["Cache-Control"] == "no-cache"
        again = served.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == (304 if path.startswith("/static") else 200)
