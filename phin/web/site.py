"""The page as a folder of files that any host can serve, which draws in the browser: no server of ours is asked.

It is the page that `phin-web` serves, with what the server would answer beside it: `about.json`, and instead of the
rest the exported graph and what runs it in a Worker. A service worker keeps all of it, so that it goes on without a
net. `site.json` tells what lies there, each file with its hash.
"""

import base64
import hashlib
import json
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

from phin.checksum import sha256_of
from phin.counted import counted
from phin.errors import InvalidConfig, PhinError
from phin.generation.exported import GRAPHS, MANIFEST, Precision
from phin.web.about import about
from phin.web.icons import png
from phin.web.limits import ServerLimits
from phin.web.onnxruntime_web import MODULE, PACKAGE, WASM
from phin.web.refusals import SEE_SETTINGS
from phin.web.service import Model
from phin.whole_file import whole_folder

STATIC = Path(__file__).with_name("static")
PAGE, KEEPER, LISTED = "index.html", "sw.js", "site.json"
GRAPH = "step.onnx"
RUNTIME = {MODULE: "onnxruntime/ort.js", WASM: "onnxruntime/ort.wasm"}
"""Under endings that every host knows: some serve .mjs as no script."""
ICONS = {"icon-192.png": (192, False), "icon-512.png": (512, False), "icon-maskable.png": (512, True)}
PAPER = "#faf6ef"
"""The ground of the page, as style.css has it."""
ALONE = {
    '<html lang="en">': '<html lang="en" class="alone">',
    "default-src 'self';": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval';",
    "</head>": f"""  <meta name="theme-color" content="{PAPER}" />
    <link rel="manifest" href="manifest.webmanifest" />
    <link rel="apple-touch-icon" href="icon-192.png" />
  </head>""",
}
"""What is another in the page: it says that it is alone, may run the graph, and can be installed."""
APP = {
    "name": "phin · พิณ",
    "short_name": "phin",
    "description": "New tunes for the phin, the lute of Isan and Laos",
    "start_url": ".",
    "scope": ".",
    "display": "standalone",
    "background_color": PAPER,
    "theme_color": PAPER,
    "icons": [
        {"src": "static/icon.svg", "sizes": "any", "type": "image/svg+xml"},
        *(
            {"src": name, "sizes": f"{pixels}x{pixels}", "type": "image/png", "purpose": "maskable" if mask else "any"}
            for name, (pixels, mask) in ICONS.items()
        ),
    ],
}


def write_site(
    out: str | Path, model: Model, exported: Path, limits: ServerLimits, runtime: Mapping[str, Path]
) -> dict[str, int]:
    """Writes the site into a new folder, or in place of such a site: whole, or not at all. Answers the bytes of each
    of its files, by path.

    `exported` holds the graph of `model`, and `runtime` are the files of `phin.web.onnxruntime_web`. Raises as
    `refuse_other` does, and PhinError where the licences of what is bundled are not to be found.
    """
    refuse_other(out)
    with whole_folder(out, over=True) as desk:
        shutil.copytree(STATIC, desk / "static", ignore=shutil.ignore_patterns(PAGE, KEEPER))
        (desk / PAGE).write_text(_page(), encoding="utf-8")
        known = about(model, limits, SEE_SETTINGS).model_dump()
        for name, told in {"manifest.webmanifest": APP, "about.json": known}.items():
            (desk / name).write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
        for name, (pixels, maskable) in ICONS.items():
            (desk / name).write_bytes(png(STATIC / "icon.svg", pixels, maskable))
        shutil.copyfile(exported / MANIFEST, desk / MANIFEST)
        shutil.copyfile(exported / GRAPHS[Precision(model.precision)], desk / GRAPH)
        (desk / RUNTIME[MODULE]).parent.mkdir()
        for name, path in runtime.items():
            shutil.copyfile(path, desk / RUNTIME[name])
        (desk / "licences.txt").write_text(_licences(model), encoding="utf-8")
        listed = _listed(desk)
        (desk / LISTED).write_text(json.dumps(listed, indent=1), encoding="utf-8")
        keeper = (STATIC / KEEPER).read_text(encoding="utf-8")
        (desk / KEEPER).write_text(f"const SITE = {json.dumps(listed)};\n\n{keeper}", encoding="utf-8")
        return {name: (desk / name).stat().st_size for name in (*listed["files"], LISTED, KEEPER)}


def refuse_other(out: str | Path) -> None:
    """Raises InvalidConfig where something lies that is no such site, or that somebody put beside one."""
    folder, remedy = Path(out), "name another folder, or move it"
    if folder.exists() and not folder.is_dir():
        raise InvalidConfig(f"out={out}", "is a file", "name a folder")
    if not folder.exists() or not any(folder.iterdir()):
        return
    try:
        told = json.loads((folder / LISTED).read_text(encoding="utf-8"))
        site = {*told["files"], LISTED, KEEPER} if told["site"] == "phin" else set[str]()
    except (OSError, ValueError, TypeError, KeyError):
        raise InvalidConfig(f"out={out}", "holds something else than a site of phin", remedy) from None
    held = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if strange := sorted(held - site):
        which = counted(len(strange), "file")
        raise InvalidConfig(f"out={out}", f"holds {which} that no site of phin has, such as {strange[0]}", remedy)


def _page() -> str:
    page = (STATIC / PAGE).read_text(encoding="utf-8")
    for one, other in ALONE.items():
        assert page.count(one) == 1, one
        page = page.replace(one, other)
    return page


def _listed(folder: Path) -> dict[str, Any]:
    """What lies in a folder, each file with its hash as browsers take it (Subresource Integrity), and one of all."""

    def in_base64(path: Path) -> str:
        return base64.b64encode(bytes.fromhex(sha256_of(path))).decode()

    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): f"sha256-{in_base64(path)}" for path in paths}
    version = hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:12]
    return {"site": "phin", "version": version, "files": hashes}


def _licences(model: Model) -> str:
    """Whose what is, and what may be done with it."""
    runtime = files("onnxruntime")
    try:
        texts = ((runtime / name).read_bytes() for name in ("LICENSE", "ThirdPartyNotices.txt"))
        of_runtime, of_others = (text.decode(errors="replace") for text in texts)
        ours = _own_licence()
    except OSError as error:
        raise PhinError(error.filename or "licences", "is not there", "install phin and onnxruntime again") from None
    parts = {
        "phin: the page and what it does": ours,
        f"The model ({model.name}) learned from {model.engine.about.corpus}": model.engine.about.licence,
        f"ONNX Runtime ({PACKAGE})": of_runtime,
        "What ONNX Runtime is made of, as its package for Python tells": of_others,
    }
    return "\n\n".join(f"{title}\n{'=' * len(title)}\n\n{text.strip()}" for title, text in parts.items()) + "\n"


def _own_licence() -> str:
    try:
        told = distribution("phin").read_text("licenses/LICENSE")
    except PackageNotFoundError:  # run from its folder, and not installed
        told = None
    return told or (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8")
