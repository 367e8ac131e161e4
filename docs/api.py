"""Writes the API documentation from the docstrings, a page a module; `make api` does. A warning ends it.

    python docs/api.py [FOLDER]        # docs/api/, unless said

What runs on phones needs a package that is large and that nothing else needs: where it is missing, its module is read
without it.
"""

import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import MagicMock

import pdoc
from pdoc.render import configure

ONLY_FOR_PHONES = "executorch", "executorch.runtime", "executorch.extension.pybindings.portable_lib"


def write(folder: Path) -> None:
    """All pages, with an index and a search. Raises what an import raises, and what pdoc warns of."""
    if find_spec("executorch") is None:
        sys.modules |= {name: MagicMock() for name in ONLY_FOR_PHONES}
    configure(docformat="markdown", show_source=False, footer_text="phin")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # models of requests are made of dataclasses (phin/web/asked.py), and pdoc finds no source of their fields
        warnings.filterwarnings("ignore", r"Cannot determine where phin\.web\.asked\.")
        # pydantic's type of JSON names itself, by a name that is known inside pydantic alone
        warnings.filterwarnings("ignore", r"Error parsing type annotation .* phin\.web\.asked\.A_PAGE\..*'JsonValue'")
        # Optuna 2.10, the last that Hydra's plugin takes, asks SQLAlchemy 1.4 for what its 2.0 has no more
        warnings.filterwarnings("ignore", r"Deprecated API features detected! .*SQLAlchemy 2\.0")
        pdoc.pdoc("phin", output_directory=folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("api"))
