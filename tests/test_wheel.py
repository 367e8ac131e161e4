"""What is installed: the wheel holds the program, its settings, splits and detector, and nothing of the tests."""

import email
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder
from omegaconf import OmegaConf

from experiments.pretrained.pack import GRAPH
from phin import errors
from phin.errors import to_install
from phin.generation.exported import MANIFEST
from phin.pretrained import MADE, WEIGHTS
from tests.settings import composed

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("dist")), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def away(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who has installed the wheel, and not the repository."""
    installed = tmp_path_factory.mktemp("installed")
    with ZipFile(wheel) as archive:
        archive.extractall(installed)
    return os.environ | {"PYTHONPATH": str(installed)}


def test_the_wheel_holds_the_settings_and_the_split_lists(wheel: Path) -> None:
    """Fails: whoever installs phin from a wheel has commands that find neither their settings nor their benchmark."""
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
    settings = {f"phin/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "phin").rglob("*.py")}
    page = {str(path.relative_to(ROOT)) for path in (ROOT / "phin" / "web" / "static").rglob("*") if path.is_file()}
    assert len(page) > 10
    assert settings
    box = {f"phin/pretrained/{name}" for name in (WEIGHTS, GRAPH, MANIFEST, MADE, "README.md", "LICENSE")}
    beside = {"phin/corpus/splits/folk.json", "phin/model/detector.safetensors", "phin/py.typed"}
    assert settings | modules | page | beside | box <= held
    assert not [name for name in held if name.startswith(("tests", "experiments"))]


def test_the_wheel_says_that_its_weights_are_for_research_only(wheel: Path) -> None:
    """Fails: who looks at the metadata alone, as a company does, takes the weights for MIT and earns money by them."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
        files = metadata.get_all("License-File")
        assert files == ["LICENSE", "NOTICE", "phin/pretrained/LICENSE"]
        terms = [archive.read(name.replace("METADATA", f"licenses/{file}")).decode() for file in files]
    assert metadata["License-Expression"] == "MIT AND LicenseRef-phin-weights"
    assert terms[0].startswith("MIT License")
    assert "research use only" in terms[1]
    assert "research use only" in terms[2]


@pytest.mark.slow
def test_what_pip_installs_plays_away_from_the_repository(wheel: Path, tmp_path: Path) -> None:
    """Fails: who installs phin, and trained nothing, has no command, or one that finds no settings or no model."""
    home, desk = tmp_path / "venv", tmp_path / "desk"
    desk.mkdir()
    venv.create(home, symlinks=True)
    python, env = home / "bin" / "python", {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], env=env, check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"))  # what phin needs, which no test may download

    def told(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=desk, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    told(home / "bin" / "phin-generate", "count=1", "lines=1", "formats=[mid]")
    assert [path.name for path in (desk / "tunes").iterdir()] == ["tune-0-1.mid"]
    asked = "from phin.config import conf_dir; from phin.pretrained import FOLDER; print(conf_dir(), FOLDER, sep='\\n')"
    settings, box = told(python, "-c", asked).splitlines()
    assert Path(settings) == packages / "phin" / "conf"
    assert Path(box) == packages / "phin" / "pretrained"


def test_what_is_installed_finds_its_settings_away_from_the_repository(away: dict[str, str], tmp_path: Path) -> None:
    """Fails: who installs the wheel, and works elsewhere, has commands without settings."""
    script = "import phin.cli.train as command; print(command.__file__); command.main()"
    asked = [sys.executable, "-c", script, "data=composer", "model=tiny", "--cfg", "job"]
    told = subprocess.run(asked, cwd=tmp_path, env=away, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(away["PYTHONPATH"])
    settings = OmegaConf.create(told.stdout.split("\n", 1)[1])
    assert settings.model.dim == composed("train", "run=r", "model=tiny").model.dim
    assert not list(tmp_path.iterdir())


def test_an_extra_is_installed_from_where_phin_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who is told to `pip install "phin[web]"` finds that no index has it."""
    assert to_install("web") == f'{sys.executable} -m pip install -e "{ROOT}[web]"'
    monkeypatch.setattr(errors, "__file__", str(tmp_path / "phin" / "errors.py"))
    assert to_install("web") == f'{sys.executable} -m pip install ".[web]" in a clone of phin'
