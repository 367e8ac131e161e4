"""What is installed: the wheel holds the program, its settings, splits and detector, and nothing of the tests."""

from pathlib import Path
from zipfile import ZipFile

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_the_settings_and_the_split_lists(tmp_path: Path) -> None:
    """Fails: whoever installs phin from a wheel has commands that find neither their settings nor their benchmark."""
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
    settings = {f"phin/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "phin").rglob("*.py")}
    page = {str(path.relative_to(ROOT)) for path in (ROOT / "phin" / "web" / "static").rglob("*") if path.is_file()}
    assert len(page) > 10
    assert settings
    assert settings | modules | page | {"phin/corpus/splits/folk.json", "phin/model/detector.safetensors"} <= held
    assert not [name for name in held if name.startswith(("tests", "experiments"))]
