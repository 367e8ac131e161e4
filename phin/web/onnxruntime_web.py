"""ONNX Runtime for browsers: two files of npm's package, fetched once, and held to their hashes at every use."""

import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from phin.checksum import sha256_of
from phin.errors import PhinError
from phin.whole_file import whole_folder

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
SHA256 = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""What a page needs of the package that runs graphs on the processor alone: a module, and what it is glue for."""
MODULE, WASM = SHA256
PATIENCE = 600
"""Seconds that npm may take: the package has 33 MB."""


def runtime_files(cache: str | Path, tell: Callable[[str], None] = lambda _: None) -> dict[str, Path]:
    """The files by their names in the package; npm brings them into a folder of `cache` where they are not there yet,
    which is told, for it may take a while.

    Raises PhinError where npm cannot be had, or does not bring what was published.
    """
    folder = Path(cache) / PACKAGE.replace("@", "-")
    if not folder.is_dir():
        tell(f"{PACKAGE} is fetched by npm, once")
        with tempfile.TemporaryDirectory(prefix="phin-npm-") as desk:
            packed = _pack(Path(desk))
            with whole_folder(folder) as made:
                _unpack(packed, made)
                _refuse_others(made)
    _refuse_others(folder)
    return {name: folder / name for name in SHA256}


def _pack(desk: Path) -> Path:
    """The package as npm has it, in a folder."""
    npm = shutil.which("npm")
    if npm is None:
        raise PhinError(PACKAGE, "is not here, and there is no npm that could bring it", "install npm (Node.js)")
    command = [npm, "pack", PACKAGE, "--ignore-scripts", f"--pack-destination={desk}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=desk, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise _not_brought(f"took more than {PATIENCE} s") from None
    found = sorted(desk.glob("*.tgz"))
    if done.returncode or not found:
        code = re.search(r"code (\S+)", done.stderr)
        raise _not_brought(code[1] if code else f"ended with {done.returncode}")
    return found[0]


def _unpack(packed: Path, folder: Path) -> None:
    try:
        with tarfile.open(packed) as archive:
            for name in SHA256:
                member = archive.extractfile(f"package/dist/{name}")
                assert member is not None
                (folder / name).write_bytes(member.read())
    except (tarfile.TarError, KeyError, AssertionError, EOFError) as error:
        raise _not_brought(f"its file is torn: {error}") from None


def _not_brought(why: str) -> PhinError:
    return PhinError(PACKAGE, f"is not here, and npm does not bring it ({why})", "see that npm reaches its registry")


def _refuse_others(folder: Path) -> None:
    """Raises PhinError where a file is not the one that was published."""
    for name, wanted in SHA256.items():
        path = folder / name
        found = sha256_of(path) if path.is_file() else ""
        if found != wanted:
            raise PhinError(path, f"is not what {PACKAGE} has", f"remove {folder}, and it is fetched again")
