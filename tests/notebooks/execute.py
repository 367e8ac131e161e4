"""Runs notebooks as a reader does: for the test, and in place for `make notebooks`."""

import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
ROOT = NOTEBOOKS.parent
SECONDS = 180
"""For a cell: on a slow machine that does other work too."""
COLOURS = 256
"""Of a picture that is kept: as many as the eye tells apart in it, at half of the bytes."""


@contextmanager
def reader(ipython: Path) -> Iterator[None]:
    """One thread, this copy of phin, and no settings of whoever runs it."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    ours = {"OMP_NUM_THREADS": "1", "PYTHONPATH": path, "IPYTHONDIR": str(ipython)}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a run in `folder`, where its caches and files go. Raises what a cell raises."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as ipython, reader(Path(ipython)):
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        )
        return client.execute()


def smaller(png: str) -> str:
    """The same picture in few colours; both in base64."""
    kept = BytesIO()
    picture = Image.open(BytesIO(b64decode(png))).convert("RGB")
    few = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(kept, format="PNG", optimize=True)
    return b64encode(kept.getvalue()).decode()


def main() -> None:
    """Those named, or all: each is written over with the outputs of its own run."""
    for path in map(Path, sys.argv[1:] or sorted(NOTEBOOKS.glob("*.ipynb"))):
        with TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
            if png := output.get("data", {}).get("image/png"):
                output.data["image/png"] = smaller(png)
        notebook.metadata = {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
