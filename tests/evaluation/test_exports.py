"""An exported folder is tried before it is handed on: it is the model, and what eight bits cost is told and borne."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from phin.errors import PhinError
from phin.evaluation import equalities, exports
from phin.evaluation.exports import export_proven, held_out_or_drawn, prove
from phin.generation.eight_bits import write_eight_bits
from phin.generation.export import write_eight_bits_but
from phin.generation.exported import GRAPHS, Manifest, Precision
from phin.model.checkpoint import MODEL_PREFIX, PHIN_KEY
from phin.runtime.onnx_engine import OnnxEngine
from tests.runtime.exported import ENGINE, IDENTITY, MODEL

TUNES, SAID = held_out_or_drawn(ENGINE, None)
FEW = TUNES[:6]


@pytest.fixture
def folder(exported_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(exported_folder, tmp_path / "exported"))


@pytest.mark.long
@pytest.mark.slow
def test_what_was_found_is_told_and_kept_with_the_model(folder: Path) -> None:
    """Fails: who gets a model cannot know whether it is the one that was trained."""
    proof = prove(ENGINE, FEW, SAID, folder)
    proof.refuse_unequal()
    assert proof.largest < 1e-4
    assert 0 < proof.same < 1
    told = Manifest.read(folder)
    assert told.proof == {
        "tunes": SAID,
        "largest_fp32": proof.largest,
        "int8_cost_bits": proof.cost,
        "int8_same": proof.same,
    }
    assert "no held-out tune is here" in SAID
    assert f"In eight bits: {proof.cost:+.4f} bits a note, {proof.same:.2%} of rows drawn the same" in str(proof)


@pytest.mark.slow
def test_a_graph_that_is_not_the_model_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a model is handed on that plays something else."""
    monkeypatch.setattr(equalities, "TOLERANCE", 0.0)
    proof = prove(ENGINE, FEW, SAID, folder)
    with pytest.raises(PhinError, match="ONNX fp32, side by side, unlike beginnings: is not what the whole forward"):
        proof.refuse_unequal()


@pytest.mark.slow
def test_a_folder_that_is_not_the_model_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: phin-export finds that the graph plays something else, and hands it on all the same."""
    run, said = tmp_path / "run.ckpt", list[str]()
    weights = {MODEL_PREFIX + name: weight for name, weight in MODEL.state_dict().items()}
    torch.save({PHIN_KEY: IDENTITY.to_dict(), "state_dict": weights}, run)
    monkeypatch.setattr(equalities, "TOLERANCE", 0.0)
    with pytest.raises(PhinError, match="is not what the whole forward says"):
        export_proven(str(run), str(tmp_path / "cache"), tmp_path / "out", said.append)
    assert len(said) == 1, "what was found is told"
    assert [file.name for file in tmp_path.iterdir()] == [run.name]


def test_eight_bits_cost_something_and_nothing_where_all_stays_as_it_is(folder: Path) -> None:
    """Fails: the cost that is told is that of another graph."""
    cost = exports._cost(FEW, folder)
    assert cost != 0
    names = write_eight_bits(*(folder / GRAPHS[each] for each in (Precision.FP32, Precision.INT8)))
    assert write_eight_bits_but(folder, names).in_fp32 == tuple(names)
    assert exports._cost(FEW, folder) == 0
    assert OnnxEngine(folder, Precision.INT8).about.in_fp32 == tuple(names), "and the folder opens"


def test_the_dearest_matrices_stay_in_fp32_and_no_more_than_it_takes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: eight bits that read much worse are handed on, or all of them are given up."""
    graphs = [folder / GRAPHS[each] for each in (Precision.FP32, Precision.INT8)]
    names = write_eight_bits(*graphs)
    of_name = dict(zip(names, np.random.default_rng(0).permutation(len(names)) / 100, strict=True))

    def cost(items: list, folder: Path) -> float:
        return float(sum(of_name[name] for name in names if name not in Manifest.read(folder).in_fp32))

    monkeypatch.setattr(exports, "_cost", cost)
    whole = cost([], folder)
    by_cost = sorted(names, key=lambda name: -of_name[name])
    monkeypatch.setattr(exports, "MOST_COST", whole - of_name[by_cost[0]] - of_name[by_cost[1]] / 2)
    found, kept = exports._mended(FEW, folder, whole)
    assert list(kept) == by_cost[:2]
    assert found == pytest.approx(whole - of_name[by_cost[0]] - of_name[by_cost[1]])
    assert exports._mended(FEW, folder, exports.MOST_COST) == (exports.MOST_COST, ())
    monkeypatch.setattr(exports, "MOST_COST", -1.0)
    assert set(exports._mended(FEW, folder, whole)[1]) == set(names), "where nothing else helps"
