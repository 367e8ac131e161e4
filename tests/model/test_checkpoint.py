"""Checkpoints: what comes out is what went in, nothing is unpickled, and a mismatch is told in words."""

import json
import pickle
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from phin.errors import InvalidCheckpoint
from phin.model.checkpoint import MODEL_PREFIX, PHIN_KEY, Identity, export, find, load, read
from phin.model.transformer import Mixing, PhinTransformer
from phin.tokenizer import Tokenizer
from tests.tiny import PHRASE, TOKENIZER, batch_of, identity_for, tiny_config


def saved(path: Path, **settings: object) -> tuple[PhinTransformer, Identity]:
    """A model of odd settings in a file, as training leaves it."""
    model = PhinTransformer(tiny_config(mixing=Mixing.SUM, **settings), TOKENIZER.condition_sizes)
    identity = identity_for(model, unlearned=(2, 5))
    weights = {MODEL_PREFIX + name: weight for name, weight in model.state_dict().items()}
    torch.save({PHIN_KEY: identity.to_dict(), "state_dict": {**weights, "loss.log_variances": torch.zeros(5)}}, path)
    return model.eval(), identity


def only_primitives(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and only_primitives(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(only_primitives, value))
    return value is None or type(value) in (bool, int, float, str)


def test_a_model_read_back_says_the_same_bit_for_bit(tmp_path: Path) -> None:
    """Fails: the model that plays is not the model that was trained."""
    model, identity = saved(tmp_path / "a.ckpt")
    again, found = load(tmp_path / "a.ckpt")
    assert found == identity
    assert not again.training
    batch = batch_of(PHRASE)
    for mine, theirs in zip(model(batch)[0].fields, again(batch)[0].fields, strict=True):
        assert torch.equal(mine, theirs)


def test_an_identity_is_primitives_there_and_back() -> None:
    """Fails: a checkpoint needs this program's classes to be opened, and the next version cannot read it."""
    identity = identity_for(PhinTransformer(tiny_config(), TOKENIZER.condition_sizes), (5,))
    assert only_primitives(identity.to_dict())
    assert Identity.from_dict(identity.to_dict(), "here") == identity


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    """Fails: opening a tune model from the net can run its author's program."""

    class Program:
        def __reduce__(self) -> tuple:
            return (tmp_path.joinpath("ran").touch, ())

    path = tmp_path / "evil.ckpt"
    torch.save({PHIN_KEY: {}, "state_dict": Program()}, path)
    with pytest.raises(InvalidCheckpoint, match="cannot be read"):
        read(path)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_without_weights_says_so(tmp_path: Path) -> None:
    """Fails: the answer is a list of the names of all weights of the network."""
    path = tmp_path / "a.ckpt"
    saved(path)
    stored = torch.load(path, weights_only=True)
    torch.save({PHIN_KEY: stored[PHIN_KEY]}, path)
    with pytest.raises(InvalidCheckpoint, match="holds no weights"):
        load(path)


def test_a_runs_folder_of_checkpoints_is_understood(tmp_path: Path) -> None:
    """Fails: who names the folder that the file lies in is told that it is empty."""
    (tmp_path / "checkpoints").mkdir()
    saved(tmp_path / "checkpoints" / "best.ckpt")
    assert find(tmp_path / "checkpoints") == find(tmp_path) == tmp_path / "checkpoints" / "best.ckpt"


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """Fails: a run that broke down is scored `nan`, and plays nothing, and another seed is blamed for it."""
    path = tmp_path / "a.ckpt"
    saved(path)
    stored = torch.load(path, weights_only=True)
    name = next(name for name in stored["state_dict"] if name.startswith(MODEL_PREFIX))
    stored["state_dict"][name].view(-1)[-1] = torch.nan
    torch.save(stored, path)
    with pytest.raises(InvalidCheckpoint, match="some of its weights are no numbers"):
        load(path)


@pytest.mark.parametrize("kept", [0, 1, 1000, -1000, -1])
def test_a_torn_file_is_refused_in_one_line(tmp_path: Path, kept: int) -> None:
    """Fails: a copy that was cut short ends in a page of traceback, or in a model of half its weights."""
    whole = tmp_path / "whole.ckpt"
    saved(whole)
    torn = tmp_path / "torn.ckpt"
    torn.write_bytes(whole.read_bytes()[:kept])
    with pytest.raises(InvalidCheckpoint) as error:
        load(torn)
    assert str(torn) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", pickle.dumps({"a": 1}), b"\x80\x04K\x01."],
    ids=["empty", "text", "pickle", "a number"],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    """Fails: naming the wrong file ends in a traceback about unpickling."""
    path = tmp_path / "foreign.ckpt"
    path.write_bytes(content)
    with pytest.raises(InvalidCheckpoint) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_a_checkpoint_of_another_program_is_refused(tmp_path: Path) -> None:
    """Fails: any file that torch can open is taken for ours, and fails later."""
    torch.save({"state_dict": {}}, tmp_path / "theirs.ckpt")
    with pytest.raises(InvalidCheckpoint, match="is no checkpoint of phin"):
        load(tmp_path / "theirs.ckpt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Fails: a mistyped path ends in a traceback."""
    with pytest.raises(InvalidCheckpoint, match=r"no\.ckpt: there is no such file"):
        load(tmp_path / "no.ckpt")


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    """Fails: settings and weights that belong to two models are put together."""
    path = tmp_path / "mixed.ckpt"
    saved(path)
    stored = torch.load(path, weights_only=True)
    stored[PHIN_KEY]["model"]["dim"] = 32
    torch.save(stored, path)
    with pytest.raises(InvalidCheckpoint, match="its weights do not fit its settings"):
        load(path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"format": 99}, "format 99, not 1"),
        ({"model": {"dim": 16}}, "model settings differ in .*num_layers"),
        ({"tokenizer": {**TOKENIZER.to_dict(), "tempo_edges": [60]}}, r"vocabulary differs: tempo_edges: \[60\] there"),
        ({"tokenizer": {**TOKENIZER.to_dict(), "version": 7}}, "version: 7 there, 1 here"),
        ({"tokenizer": 3}, "says of itself what cannot be"),
        ({"learned_fields": None}, "says of itself what cannot be"),
    ],
)
def test_a_checkpoint_of_another_version_is_refused_with_what_differs(change: dict, named: str) -> None:
    """Fails: an old model plays wrong notes because an id has come to mean another pitch."""
    identity = identity_for(PhinTransformer(tiny_config(), TOKENIZER.condition_sizes))
    with pytest.raises(InvalidCheckpoint, match=named):
        Identity.from_dict({**identity.to_dict(), **change}, "old.ckpt")


def test_a_setting_that_this_version_does_not_know_is_named() -> None:
    """Fails: a newer model is loaded without what makes it newer."""
    stored = identity_for(PhinTransformer(tiny_config(), TOKENIZER.condition_sizes)).to_dict()
    stored["model"]["flux"] = True
    with pytest.raises(InvalidCheckpoint, match="flux"):
        Identity.from_dict(stored, "new.ckpt")


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"model": tiny_config(dim=32)}, "model.dim is 32 there and 16 here"),
        (
            {"tokenizer": Tokenizer(sources=("midi",))},
            r"tokenizer.sources is \['midi'\] there and \['essen', 'han'\] here",
        ),
        ({"corpus": "han"}, "corpus is han there and tiny here"),
        ({"corpus_fingerprint": "ff"}, "corpus_fingerprint is ff there and 0123456789abcdef here"),
        ({"learned_fields": (False,) * 6}, "learned_fields is .* there and .* here"),
        ({"licence": "yours"}, "licence is yours there"),
        ({"adapted_from": "han 12"}, "adapted_from is han 12 there"),
    ],
)
def test_going_on_with_another_run_is_refused_with_what_differs(other: dict[str, object], difference: str) -> None:
    """Fails: a run goes on with another model or corpus, and its log is of two runs."""
    mine = identity_for(PhinTransformer(tiny_config(), TOKENIZER.condition_sizes))
    mine.refuse_other(mine.to_dict(), "last.ckpt")
    with pytest.raises(InvalidCheckpoint, match=difference):
        mine.refuse_other(replace(mine, **other).to_dict(), "last.ckpt")


def test_every_fact_of_an_identity_is_compared() -> None:
    """Fails: a fact is added to the identity and forgotten in the comparison."""
    identity = identity_for(PhinTransformer(tiny_config(), TOKENIZER.condition_sizes))
    assert {field.name for field in fields(Identity)} <= identity.to_dict().keys()
    with pytest.raises(InvalidCheckpoint, match=r"model\.dim is missing there"):
        identity.refuse_other({}, "empty.ckpt")


def test_a_run_folder_means_its_best_checkpoint_else_its_last(tmp_path: Path) -> None:
    """Fails: phin-generate plays the last model of a run whose best one was long before."""
    with pytest.raises(InvalidCheckpoint, match="holds no checkpoint"):
        find(tmp_path)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "last.ckpt").touch()
    assert find(tmp_path) == folder / "last.ckpt"
    (folder / "best.ckpt").touch()
    assert find(tmp_path) == folder / "best.ckpt"
    assert find(folder / "last.ckpt") == folder / "last.ckpt"


# --- to hand on


def test_an_exported_model_says_the_same_bit_for_bit_and_is_what_it_was(tmp_path: Path) -> None:
    """Fails: the model that is handed on plays otherwise, or nobody knows its vocabulary or its licence."""
    model, identity = saved(tmp_path / "a.ckpt")
    export(model, identity, tmp_path / "a.safetensors")
    again, found = load(tmp_path / "a.safetensors")
    assert found == identity
    assert not again.training
    batch = batch_of(PHRASE)
    for mine, theirs in zip(model(batch)[0].fields, again(batch)[0].fields, strict=True):
        assert torch.equal(mine, theirs)
    with safe_open(tmp_path / "a.safetensors", "pt") as file:  # as anybody opens it, without phin
        assert set(file.keys()) == set(model.state_dict())
        assert json.loads(file.metadata()["phin"])["licence"] == identity.licence


@pytest.mark.parametrize("content", [b"", b"\xff" * 200, None], ids=["empty", "noise", "somebody else's"])
def test_a_file_of_safetensors_that_is_none_of_ours_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """Fails: a page about headers, or weights of another program in a phin model."""
    path = tmp_path / "a.safetensors"
    if content is None:
        save_file({"weight": torch.zeros(2)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(InvalidCheckpoint, match=r"a\.safetensors: (cannot be read|is no checkpoint of phin)"):
        load(path)
