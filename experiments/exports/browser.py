"""How fast a page without a server draws: sites in headless Chromium, in turns with the same graphs outside of it.

    phin-web checkpoint=exported out=SITE; phin-web checkpoint=exported precision=int8 out=SITE8
    python -m experiments.exports.browser exported SITE SITE8      # writes browser.csv

Needs playwright and a Chromium.
"""

import argparse
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from phin.generation.exported import Precision
from phin.generation.play import play
from phin.generation.request import SamplerConfig, TuneRequest
from phin.runtime.onnx_engine import OnnxEngine
from phin.whole_file import write_csv

RESULTS = Path(__file__).with_name("browser.csv")
COLUMNS = (
    *("form", "notes_a_second", "slowest", "fastest", "native_times", "lowest_times", "highest_times"),
    *("opened_ms", "first_note_ms"),
)
LINES, TUNES = 8, 3
ASKED = {"lines": LINES, "sampler": {"top_p": 0.95}}
OPEN = """
async ({ base }) => {
  window.worker = new Worker(new URL("static/js/worker.js", base), { type: "module" });
  const begun = performance.now();
  await new Promise((done, fail) => {
    worker.onmessage = ({ data }) => (data.opened ? done() : data.failed && fail(JSON.stringify(data.failed)));
    worker.postMessage({ open: { base } });
  });
  return performance.now() - begun;
}
"""
FIRST = """
(asked) => new Promise((done) => {
  const begun = performance.now();
  worker.onmessage = ({ data }) => {
    if (data.event) worker.postMessage({ id: data.id, took: true });
    if (data.event === "note" && window.heard !== data.id) (window.heard = data.id), done(performance.now() - begun);
  };
  worker.postMessage({ id: asked.seed + 1000, call: "follow", given: [{ ...asked, endless: true, lines: 2 }] });
}).then((took) => (worker.postMessage({ id: asked.seed + 1000, cancel: true }), took))
"""
DRAW = """
(asked) => new Promise((done, fail) => {
  const begun = performance.now();
  worker.onmessage = ({ data }) => {
    if (data.id !== asked.seed) return;
    if (!data.answer) return fail(JSON.stringify(data));
    const notes = data.answer.tunes.reduce((sum, { notes }) => sum + notes.length, 0);
    done({ notes, seconds: (performance.now() - begun) / 1000 });
  };
  worker.postMessage({ id: asked.seed, call: "generate", given: [asked] });
})
"""


@contextmanager
def hosted(site: Path) -> Iterator[str]:
    """The address of a site on loopback."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def native(engine: OnnxEngine, seed: int) -> float:
    """Notes a second of the same tunes in this process."""
    sampler, began = SamplerConfig(**ASKED["sampler"]), time.perf_counter()
    notes = sum(play(engine, TuneRequest(lines=LINES), [n], seed, sampler)[0].num_drawn for n in range(TUNES))
    return notes / (time.perf_counter() - began)


def measure(browser: Any, exported: Path, sites: dict[Precision, Path], rounds: int) -> list[dict[str, Any]]:
    """A row a precision; page and process draw in turns, the first round warms up."""
    rows = []
    for precision, site in sites.items():
        engine = OnnxEngine(exported, precision)
        with hosted(site) as base:
            page = browser.new_page()
            page.goto(f"{base}licences.txt")  # of the same origin, and nothing runs in it
            opened = page.evaluate(OPEN, {"base": base})
            inside, outside, first = list[float](), list[float](), list[float]()
            for seed in range(1 + rounds):
                drawn = page.evaluate(DRAW, {**ASKED, "count": TUNES, "seed": seed})
                outside.append(native(engine, seed))
                inside.append(drawn["notes"] / drawn["seconds"])
                first.append(page.evaluate(FIRST, {"sampler": ASKED["sampler"], "seed": seed}))
            page.close()
        times = np.array(outside[1:]) / np.array(inside[1:])
        spread = [f"{value:.0f}" for value in (np.median(inside[1:]), min(inside[1:]), max(inside[1:]))]
        spread += [f"{value:.2f}" for value in (np.median(times), times.min(), times.max())]
        values = [precision.value, *spread, f"{opened:.0f}", f"{np.median(first[1:]):.0f}"]
        rows.append(dict(zip(COLUMNS, values, strict=True)))
        print(rows[-1])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported", type=Path)
    parser.add_argument("site", type=Path, help="in fp32")
    parser.add_argument("site_in_int8", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        sites = {Precision.FP32: asked.site, Precision.INT8: asked.site_in_int8}
        write_csv(RESULTS, COLUMNS, measure(browser, asked.exported, sites, asked.rounds))
        browser.close()


if __name__ == "__main__":
    main()
