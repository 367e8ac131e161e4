"""A blank page in Chromium with the modules that draw without a server, and onnxruntime-web; nothing else is there."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phin.errors import PhinError
from phin.web.about import about
from phin.web.app import STATIC
from phin.web.onnxruntime_web import MODULE, WASM, runtime_files
from phin.web.service import Service
from tests.web.serving import Served

CACHE = Path(__file__).parents[2] / "cache"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
SCRIPT = """
window.opened = async (folder, graph) => {
  window.ort ??= await import("/ort/MODULE");
  ort.env.wasm.wasmPaths = { wasm: new URL("/ort/WASM", location.href).href };
  ort.env.wasm.numThreads = 1;
  const told = async (name) => (await fetch(`/${folder}/${name}`)).json();
  const { Player } = await import("/play/player.js");
  const [manifest, about] = await Promise.all([told("manifest.json"), told("about.json")]);
  const bytes = await (await fetch(`/${folder}/${graph}`)).arrayBuffer();
  return Player.open({ ort, graph: bytes, manifest, about });
};
window.base64 = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
};
window.bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
window.answered = async (make) => {
  try {
    return await make();
  } catch (error) {
    if (error.remedy === undefined) throw error;
    return { refused: { where: error.where, reason: error.reason, remedy: error.remedy } };
  }
};
""".replace("MODULE", MODULE).replace("WASM", WASM)
ASK_ALL = "([player, call, sources]) => Promise.all(sources.map((each) => answered(() => window[player][call](each))))"
PAGE = (
    f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>play</title><script>{SCRIPT}</script>'
)


def packed(array: np.ndarray) -> str:
    """An array's bytes in base64, as the page's `bytes` takes them."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def unpacked(text: str, kind: Any, *shape: int) -> np.ndarray:
    """What the page's `base64` says of an array."""
    return np.frombuffer(base64.b64decode(text), kind).reshape(shape or -1)


def npm_files() -> dict[str, Path]:
    """The two files of onnxruntime-web, as a site has them; skips where npm does not bring them."""
    try:
        return runtime_files(CACHE)
    except PhinError as error:
        pytest.skip(f"what a page draws with is not tried: {error} (apt install npm)")


class _Files(BaseHTTPRequestHandler):
    """Hands out what lies in folders by name, and texts."""

    protocol_version = "HTTP/1.1"

    def __init__(self, folders: dict[str, Path], texts: dict[str, str], *args: Any) -> None:
        self.folders, self.texts = folders, texts
        super().__init__(*args)

    def do_GET(self) -> None:
        folder, _, name = self.path[1:].partition("?")[0].partition("/")
        path = self.folders.get(folder, Path()) / name
        found = self.texts.get(f"{folder}/{name}", "").encode()
        if not found and folder in self.folders and path.is_file():
            found = path.read_bytes()
        self.send_response(200 if found else 404)
        suffix = Path(self.path.partition("?")[0].rstrip("/")).suffix
        self.send_header("Content-Type", KINDS.get(suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        self.wfile.write(found)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Playground:
    """A page over exported folders, by name, each with what a build writes beside it (`about` of a service)."""

    def __init__(self, page: Any, folders: dict[str, Path], services: dict[str, Service]) -> None:
        self.strange = list[str]()
        self.page = page
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: self.strange.append(str(error)))
        texts = {
            f"{name}/about.json": about(service.model, service.limits).model_dump_json()
            for name, service in services.items()
        }
        places = {**folders, "ort": npm_files()[MODULE].parent, "play": STATIC / "js" / "play"}
        handler = partial(_Files, places, {**texts, "page.html/": PAGE})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{self.server.server_address[1]}/page.html/")

    def run(self, script: str, *told: Any) -> Any:
        """What an async function of the page makes of what it is told, an array."""
        made = self.page.evaluate(script, list(told))
        assert not self.strange, self.strange
        return made

    def opens(self, name: str, folder: str, graph: str) -> None:
        """Makes a Player of a folder, which is called so in the page."""
        self.run("async ([name, ...of]) => { window[name] = await opened(...of); }", name, folder, graph)

    def generate(self, player: str, **asked: Any) -> Any:
        """The answer of a player, or what it refuses."""
        return self.run("([name, asked]) => answered(() => window[name].generate(asked))", player, asked)

    def close(self) -> None:
        self.page.close()
        self.server.shutdown()
        self.server.server_close()


def both(ground: Playground, drawer: Served, call: str, sources: list[dict[str, Any]]) -> list[Any]:
    """Asks the page and the server the same, and holds the answers to each other; what the server answered."""
    answers = []
    for source, told in zip(sources, ground.run(ASK_ALL, "player", call, sources), strict=True):
        answer = drawer.post(call, **source)
        answers.append(answer.json() if answer.is_success else {"refused": answer.json()})
        assert told == answers[-1], source
    return answers


@contextmanager
def playground(browser: Any, folders: dict[str, Path], services: dict[str, Service]) -> Iterator[Playground]:
    made = Playground(browser.new_page(), folders, services)
    try:
        yield made
    finally:
        made.close()
