"""The model in the box: packed from a run, played where no other is named; and the one that is in it."""

import json
import re
from pathlib import Path

import pytest
import torch

from experiments.pretrained.pack import GRAPH, pack
from experiments.pretrained.reference import reference_bits, reference_tunes
from phin import pretrained
from phin.checksum import sha256_of
from phin.cli.engine import open_engine
from phin.errors import InvalidCheckpoint
from phin.evaluation.equalities import agreement, known, replayed, taught
from phin.evaluation.exports import MOST_COST
from phin.generation.exported import MANIFEST, Manifest, Precision
from phin.generation.request import SamplerConfig
from phin.generation.torch_engine import TorchEngine
from phin.model.checkpoint import MODEL_PREFIX, PHIN_KEY, find, load
from phin.pretrained import FOLDER, MADE, PRETRAINED, WEIGHTS
from phin.runtime.onnx_engine import OnnxEngine
from tests.cli.commands import phin
from tests.runtime.exported import IDENTITY, MODEL

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, packed from what a finished run leaves."""
    run, folder = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("box")
    (run / "checkpoints").mkdir()
    weights = {MODEL_PREFIX + name: weight for name, weight in MODEL.state_dict().items()}
    torch.save({PHIN_KEY: IDENTITY.to_dict(), "state_dict": weights}, run / "checkpoints" / "best.ckpt")
    (run / "config.yaml").write_text("seed: 5\n")
    row = {"source": "all", "bits": 3.0, "markov": 4.0}
    told = {"git": None, "machine": {}, "corpus": {}, "steps": 6, "seconds_training": 1.0, "test": [row]}
    report = {**told, "finished": True, "checkpoint": "checkpoints/best.ckpt", "validation_bits_per_note": 3.0}
    (run / "report.json").write_text(json.dumps(report))
    pack(run, folder, cache=str(folder / "cache"))
    return folder


@pytest.fixture
def in_the_box(box: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small model, as if it came with phin."""
    monkeypatch.setattr(pretrained, "FOLDER", box)
    return box


@pytest.mark.long
def test_what_is_packed_is_the_model_in_half_precision_and_in_eight_bits(box: Path) -> None:
    """Fails: what comes with phin is another model than the one whose figures stand on its card."""
    model, identity = load(box / WEIGHTS)
    assert identity == IDENTITY
    for name, weight in MODEL.state_dict().items():
        assert torch.equal(model.state_dict()[name], weight.half().float())
    assert sorted(file.name for file in box.iterdir()) == sorted([WEIGHTS, GRAPH, MANIFEST, MADE])
    made = json.loads((box / MADE).read_text())
    assert made["sha256"] == {name: sha256_of(box / name) for name in (WEIGHTS, GRAPH)}
    assert made["settings"] == {"seed": 5}
    assert made["reference_bits_per_note"] == reference_bits(model, reference_tunes(identity.tokenizer))
    assert made["proof"] == Manifest.read(box).proof


@pytest.mark.long
def test_it_plays_where_no_model_is_named(in_the_box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who has installed phin, and trained nothing, hears nothing."""
    monkeypatch.chdir(tmp_path)
    told = phin("generate", "count=1", "lines=1", "seed=5", "formats=[mid]")
    assert told.status == 0, told.err
    named = phin("generate", f"checkpoint={PRETRAINED}", "precision=int8", "count=1", "lines=1", "seed=5", "out=again")
    assert named.status == 0, named.err
    assert Path("tunes/tune-5-1.mid").read_bytes() == Path("again/tune-5-1.mid").read_bytes()


@pytest.mark.long
def test_it_plays_in_eight_bits_unless_the_weights_are_asked_for(
    in_the_box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: it plays slowly; or, where ONNX Runtime is not installed, not at all."""
    assert isinstance(engine := open_engine(PRETRAINED, None), OnnxEngine)
    assert engine.precision is Precision.INT8
    assert isinstance(open_engine(PRETRAINED, "int8"), OnnxEngine)
    assert isinstance(open_engine(PRETRAINED, "fp32"), TorchEngine)
    assert find(PRETRAINED) == in_the_box / WEIGHTS
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    assert isinstance(open_engine(PRETRAINED, None), TorchEngine)


def test_an_empty_box_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: whoever has the code without the model is told of a file they never named."""
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    for opened in (lambda: find(PRETRAINED), lambda: open_engine(PRETRAINED, None)):
        with pytest.raises(InvalidCheckpoint, match=r"checkpoint=pretrained: is not in this copy of phin\. Make it"):
            opened()
    monkeypatch.chdir(tmp_path)
    Path("pretrained").touch()
    assert find("./pretrained") == Path("pretrained")


def test_what_is_in_the_box_is_what_was_packed() -> None:
    """Fails: a file was changed, or only one of them made anew."""
    made = json.loads((FOLDER / MADE).read_text())
    assert made["sha256"] == {name: sha256_of(FOLDER / name) for name in (WEIGHTS, GRAPH)}
    assert set(made["sha256"].values()) >= set(Manifest.read(FOLDER).sha256.values())


def test_the_card_says_what_was_measured() -> None:
    """Fails: the card promises other figures than the model in the box has."""
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for row in json.loads((FOLDER / MADE).read_text())["test"]:
        read = [f"{row[key]:.3f}" for key in ("step", "pitch", "duration", "bits")]
        beside = [f"{low:.3f}-{high:.3f}" for low, high in (row["interval"], row["markov_interval"])]
        cells = [row["source"], f"{row['tunes']:,}", *read, beside[0], f"{row['markov']:.3f}", beside[1]]
        assert f"| {' | '.join(cells)} |\n" in card
    measured = (ROOT / "experiments" / "pretrained" / "measures.txt").read_text(encoding="utf-8")
    told = re.findall(r"^\| (\w+): .*? \| (.*) \|$", card, re.MULTILINE)
    assert len(told) == 5
    for name, cells in told:
        (line,) = re.findall(rf"^{name} (.*)$", measured, re.MULTILINE)
        mean, low, high, _, real, real_low, real_high = re.findall(r"-?[\d.]+", line)[:7]
        assert cells.split(" | ") == [mean, f"{low}-{high}", real, f"{real_low}-{real_high}"]


@pytest.mark.slow
def test_what_is_in_the_box_reads_held_out_tunes_as_well_as_it_is_said_to() -> None:
    """Fails: the program has changed so that the model no longer says what it said; or its eight bits do not."""
    made = json.loads((FOLDER / MADE).read_text())
    model, identity = load(find(PRETRAINED))
    items = reference_tunes(identity.tokenizer)
    assert reference_bits(model, items) == pytest.approx(made["reference_bits_per_note"], abs=1e-4)
    some = known(items[:8], identity.learned_fields)
    engine = OnnxEngine(FOLDER, Precision.INT8)
    said = replayed(engine.step(len(some), SamplerConfig(), ()), some, [1] * len(some))
    found = agreement("", some, [taught(model, each) for each in some], said, identity.learned_fields)
    assert found.bits - found.reference_bits <= MOST_COST
