"""Pages in a real browser: windows to open them in, and what a test does and reads there."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MISSING = 'nothing is tried: pip install playwright, and apt install chromium (or "playwright install chromium")'
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
    "--host-resolver-rules=MAP phin.test 127.0.0.1",
]
PHONE, LAPTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
MINE = "| ---ล | -ด-ร | -ม-ซ | -ล-ด | -ล-ซ | -ม-ร | -ด-ร | ---ล |"
ASKED = "?lai=yai&seed=3&lines=1&tempo=200&tuning=E-A-E&drone=1&source=han"
Open = Callable[..., Any]
WATCH = """() => {
  window.frames_seen = [];
  const { display, sound } = phin;
  const show = display.showFrame;
  display.showFrame = () => {
    const [before, time] = [sound.playing, sound.context?.currentTime];
    show.call(display);
    if (!before || !sound.playing) return;
    const lit = [...document.querySelectorAll(".light.on:not(.next)")].map((mark) => mark.dataset.place);
    const { outputLatency, baseLatency } = sound.context;
    const hong = document.querySelector(".hong.sounds")?.dataset.hong;
    frames_seen.push({ time: time - (outputLatency || baseLatency || 0), lit, hong: hong === undefined ? -1 : +hong });
  };
}"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; where there is none, a skip that says how to install it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason=MISSING)
    with sync_api.sync_playwright() as playwright:
        path = CHROMIUM or playwright.chromium.executable_path
        if not Path(path).is_file():
            pytest.skip(MISSING)
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def windows(browser: Any, base: str, silent: bool = False) -> Iterator[Open]:
    """Opens what lies at an address, each time in a window of its own; a mistake in its code fails the test, and where
    it is to be `silent` a word on its console too.
    """
    contexts, mistakes = [], []

    def open_page(asked: str = ASKED, base: str = base, **window: Any) -> Any:
        context = browser.new_context(**{"viewport": LAPTOP, "locale": "en-GB", "color_scheme": "light", **window})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        if silent:
            page.on("console", lambda said: mistakes.append(f"{said.text} {said.location}"))
        page.requests, page.asked, page.mistakes = [], [], mistakes
        context.on("request", lambda request: page.requests.append(request.url))
        page.on("request", lambda request: page.asked.append(request.post_data_json) if is_stream(request) else None)
        page.goto(base.rstrip("/") + "/" + asked)
        until(page, "window.phin?.work")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert mistakes == []


def is_stream(request: Any) -> bool:
    """Whether a request asks for a tune."""
    return request.method == "POST" and request.url.endswith("/api/streams")


def until(page: Any, holds: str, seconds: float = 15) -> None:
    """Waits until something holds. (The page's own rules forbid what playwright's wait_for_function does.)"""
    ends = time.monotonic() + seconds
    while not page.evaluate(f"Boolean({holds})"):
        assert page.is_hidden("#refusal"), page.inner_text("#refusal p")
        assert time.monotonic() < ends, f"{holds}: not in {seconds} s"
        page.wait_for_timeout(25)


def play(page: Any) -> None:
    """Presses play, and waits until the tune is there whole."""
    page.click("#play")
    until(page, "phin.session?.tune")


def put(page: Any, typed: str) -> None:
    """Types letters and puts them on the page."""
    page.click("#mine summary")
    page.fill("#typed", typed)
    page.click("#use-typed")
    until(page, "phin.session?.tune")


def bare(slots: list[str]) -> list[str]:
    """Letters without their octaves, which a page that is typed without them does not say."""
    return [re.sub("[\u0e4d\u0e3a]", "", slot) for slot in slots]


def letters(page: Any) -> list[str]:
    """What the page has in each slot."""
    return page.eval_on_selector_all("#letters .slot", "slots => slots.map((slot) => slot.textContent)")


def strokes(page: Any, *kinds: str) -> list[dict[str, Any]]:
    """What the strings began so far."""
    return [stroke for stroke in page.evaluate("phin.sound.log") if stroke["kind"] in (kinds or ("melody",))]


def after_strokes(page: Any, count: int, kind: str = "melody") -> list[dict[str, Any]]:
    until(page, f"phin.sound.log.filter((each) => each.kind === '{kind}').length >= {count}")
    return strokes(page, kind)


def colour(page: Any, name: str) -> list[int]:
    text = page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
    return [int(text[at : at + 2], 16) for at in (1, 3, 5)]
