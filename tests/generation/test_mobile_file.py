"""The file of a program for phones: what it says of itself, and a line for each broken one. No executorch is needed."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from phin.cli.export import ExportConfig
from phin.errors import InvalidCheckpoint, InvalidConfig, to_install
from phin.generation.exported import Precision
from phin.generation.mobile import export_mobile
from phin.generation.mobile_file import MAGIC, PROGRAM, MobileManifest, read_program, write_program
from tests.cli.commands import phin
from tests.runtime.exported import IDENTITY, MODEL
from tests.tiny import identity_for, tiny_model

CODE = b"what ExecuTorch would read" * 9
MANIFEST = MobileManifest(
    IDENTITY.tokenizer,
    IDENTITY.corpus,
    IDENTITY.corpus_fingerprint,
    "nobody's, but ไม่มีใคร",
    IDENTITY.learned_fields,
    num_layers=2,
    num_heads=2,
    head_width=8,
    sha256={PROGRAM: hashlib.sha256(CODE).hexdigest()},
    precision=Precision.INT8.value,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_program(CODE, MANIFEST, tmp_path / "model.pte")
    return tmp_path / "model.pte"


def test_a_program_comes_back_with_what_it_says_of_itself(path: Path) -> None:
    """Fails: a model to hand on hides its licence, or what it may draw."""
    program, told = read_program(path)
    assert program == CODE
    assert {each.name: getattr(told, each.name) for each in fields(told)} == {
        each.name: getattr(MANIFEST, each.name) for each in fields(told)
    }


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (lambda stored: stored[:-9], "is torn, or no program"),
    "empty": (lambda stored: b"", "is torn, or no program"),
    "a program of somebody else": (lambda stored: CODE, "is torn, or no program"),
    "a length that is none": (lambda stored: stored[:-16] + b"\xff" * 8 + MAGIC, "is torn, or of another version"),
    "no manifest": (lambda stored: CODE + bytes(8) + MAGIC, "is torn, or of another version"),
    "another licence": (lambda stored: stored.replace(b"nobody", b"anyone"), "it was changed"),
    "another program": (lambda stored: stored.replace(b"would", b"could"), "holds another program"),
}


@pytest.mark.parametrize(("broken", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_in_one_line(path: Path, broken: Callable[[bytes], bytes], told: str) -> None:
    """Fails: another model plays under this one's name, or a page of traceback is shown."""
    path.write_bytes(broken(path.read_bytes()))
    with pytest.raises(InvalidCheckpoint, match=told) as refused:
        read_program(path)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    """Fails: a misspelt name ends in a traceback."""
    with pytest.raises(InvalidCheckpoint, match=r"nowhere\.pte: there is no such file"):
        read_program(tmp_path / "nowhere.pte")


def test_a_precision_is_asked_of_a_program_alone() -> None:
    """Fails: whoever wants eight bits gets thirty-two, in a file that says nothing of it."""
    for out in ("model.safetensors", "exported"):
        with pytest.raises(InvalidConfig, match=r"precision=int8: is only asked of NAME\.pte"):
            ExportConfig("run", out, "int8")
    with pytest.raises(InvalidConfig, match="precision=int4: is no precision"):
        ExportConfig("run", "model.pte", "int4")


def test_without_executorch_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a page of traceback for whoever has not installed an extra."""
    monkeypatch.setitem(sys.modules, "executorch", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleNotFoundError) as missing:
        export_mobile(MODEL, IDENTITY, tmp_path / "model.pte")
    assert missing.value.name == "executorch"
    write_program(CODE, MANIFEST, tmp_path / "model.pte")
    told = phin("generate", "checkpoint=model.pte", "out=tunes")
    line = f"executorch: is not installed. Install what exported models need: {to_install('mobile')}."
    assert told.complaint == f"phin-generate: {line}"
    assert [each.name for each in tmp_path.iterdir()] == ["model.pte"]


def test_a_model_that_knows_only_so_many_places_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: a long tune ends in an error of the runtime's, from a program that cannot say why."""
    model = tiny_model(learned_positions=True, index_rotary=False, time_heads=0)
    monkeypatch.setitem(sys.modules, "executorch", sys)  # is not what this is about
    with pytest.raises(InvalidConfig, match="cannot be exported"):
        export_mobile(model, identity_for(model), tmp_path / "model.pte")
    assert list(tmp_path.iterdir()) == []
