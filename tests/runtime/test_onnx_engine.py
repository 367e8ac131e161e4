"""An exported model against torch: the same logits, the same notes; without torch; and a line for each bad folder."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.export import Dim

from phin.errors import InvalidCheckpoint, InvalidConfig
from phin.evaluation.equalities import (
    SAMPLERS,
    TOLERANCE,
    WINDOW,
    Agreement,
    DrawnAlike,
    _Both,
    agreement,
    drawn_alike,
    equalities,
    known,
    replayed,
    taught,
    unequal,
)
from phin.generation import exported
from phin.generation.export import export_step, refuse_fixed_sizes
from phin.generation.exported import GRAPHS, MANIFEST, Manifest, Precision
from phin.generation.given import Given, Use
from phin.generation.limits import Limits
from phin.generation.play import play, start_of
from phin.generation.request import SamplerConfig, Style, TuneRequest
from phin.generation.rows import Rows, beginning
from phin.generation.torch_engine import TorchEngine
from phin.generation.wishes import Wishes
from phin.lookup import NUM_LOOKUPS
from phin.model.folded import Tables
from phin.runtime.onnx_engine import OnnxEngine
from phin.tokenizer import FIRST_IDS, NUM_FIELDS, NUM_SYMBOLS, PITCH, TECHNIQUE, VELOCITY
from tests.runtime.exported import ENGINE, IDENTITY, MODEL
from tests.tiny import PHRASE, identity_for, item, melodies, tiny_model
from tests.unchecked import unchecked

ITEMS = known([item(PHRASE), *(item(tune) for tune in melodies(5, num_notes=30))], ENGINE.about.learned_fields)


@pytest.mark.slow
def test_every_way_to_compute_a_tune_computes_the_same(exported_folder: Path) -> None:
    """Fails: what is measured is not what is played, or what is played hangs on what it is played with."""
    found = equalities(ENGINE, ITEMS, exported_folder, compile_too=False)
    assert unequal(found) == []
    assert len(found) == 21
    assert sum("guided" in each.path for each in found) == sum("one tune" in each.path for each in found) - 1 == 2
    assert sum("told from their end" in each.path for each in found) == 3
    in_eight_bits = [each for each in found if "int8" in each.path]
    assert any(isinstance(each, Agreement) and not each.is_equal for each in in_eight_bits), (
        "eight bits are no identity"
    )
    assert sum(each.other - each.ties for each in in_eight_bits if isinstance(each, DrawnAlike)) > 0


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch about itself
def test_a_compiled_step_computes_the_same() -> None:
    """Fails: the compiler is taken at its word."""
    model = tiny_model(num_layers=1).float()  # the compiler takes its time with every layer
    engine = TorchEngine(model, identity_for(model, unlearned=[TECHNIQUE, VELOCITY]))
    whole = [taught(model, each) for each in ITEMS]
    lengths = [1 + 3 * place for place in range(len(ITEMS))]
    with unchecked():
        said = replayed(engine.compiled().step(len(ITEMS), SamplerConfig(), ()), ITEMS, lengths)
    assert agreement("compiled", ITEMS, whole, said, engine.about.learned_fields).largest <= TOLERANCE


def test_what_is_compared_can_differ(onnx: OnnxEngine) -> None:
    """Fails: the comparison finds everything equal, whatever it is given."""
    whole = [taught(MODEL, each) for each in ITEMS]
    windowed = [taught(MODEL, each, window=4) for each in ITEMS]
    said = replayed(onnx.step(len(ITEMS), SamplerConfig(), ()), ITEMS, [1] * len(ITEMS))
    assert agreement("right", ITEMS, whole, said, ENGINE.about.learned_fields).is_equal
    wrong = agreement("wrong", ITEMS, windowed, said, ENGINE.about.learned_fields)
    assert not wrong.is_equal
    assert wrong.bits != pytest.approx(wrong.reference_bits, abs=1e-3)
    others = [replace(each, conditions=(each.conditions + 1) % 2) for each in ITEMS]
    said = replayed(onnx.step(len(ITEMS), SamplerConfig(), ()), others, [1] * len(ITEMS))
    assert not agreement("other conditions", ITEMS, whole, said, ENGINE.about.learned_fields).is_equal
    assert WINDOW < max(len(each.encoded.ids) for each in ITEMS), "something falls out of the window"


def test_engines_that_differ_draw_what_hung_on_no_tie() -> None:
    """Fails: whatever two engines draw, each difference is called a tie."""
    model = tiny_model(seed=1, time_heads=0, pitch_heads=1).float()
    other = TorchEngine(model, identity_for(model, unlearned=[TECHNIQUE, VELOCITY]))
    for sampler in SAMPLERS:
        found = drawn_alike("two models", ENGINE, other, TuneRequest(lines=1), sampler, 4, 0, TOLERANCE)
        assert found.rows >= found.other > found.ties + 3
        assert not found.is_equal
        same = drawn_alike("one model", ENGINE, ENGINE, TuneRequest(lines=1), sampler, 4, 0, TOLERANCE)
        assert (same.other, same.ties, same.is_equal) == (0, 0, True)


class Always:
    """A Step that finds pitches so likely as it is told, and draws one."""

    def __init__(self, pitch: int, chances: dict[int, float]) -> None:
        self.ids = np.array([[NUM_SYMBOLS + 12, NUM_SYMBOLS, NUM_SYMBOLS, pitch, NUM_SYMBOLS, NUM_SYMBOLS]])
        self.chances = np.zeros((1, FIRST_IDS[-1]), np.float32)
        for place, chance in chances.items():
            self.chances[0, FIRST_IDS[PITCH] + place] = chance

    def __call__(self, rows: Rows, noise: np.ndarray, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
        return self.ids, self.chances

    def keep(self, which: np.ndarray) -> None:
        pass


EDGES = {
    "two ids": (SamplerConfig(), {11: 0.500005, 12: 0.499995}, {11: 0.499995, 12: 0.500005}),
    "min-p": (SamplerConfig(min_p=0.01), {11: 0.9, 12: 0.0089999}, {11: 0.9, 12: 0.0090001}),
    "top-p": (SamplerConfig(top_p=0.9), {11: 0.90001, 12: 0.09999}, {11: 0.89999, 12: 0.10001}),
    "top-k": (SamplerConfig(top_k=2), {10: 0.5, 11: 0.100001, 12: 0.1}, {10: 0.5, 11: 0.1, 12: 0.100001}),
}
"""Where one of two draws 11 and the other 12, by a hair: the sampler, and what each of them finds how likely."""


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize(("near", "ties"), [(1e-4, 1), (1e-6, 0)])
def test_what_two_draw_otherwise_is_a_tie_where_it_hung_on_less_than_they_differ(
    edge: str, near: float, ties: int
) -> None:
    """Fails: ties are told too widely, and a wrong engine passes; or too narrowly, and a right one does not."""
    sampler, *chances = EDGES[edge]
    noise = np.zeros((1, FIRST_IDS[-1]), np.float32)
    if edge != "two ids":  # it would have 12, or else 11, where a filter keeps it
        noise[0, FIRST_IDS[PITCH] + np.array([11, 12])] = 30.0, 60.0
    steps = [Always(pitch, of) for pitch, of in zip((11, 12), chances, strict=True)]
    both = _Both(*steps, sampler, near)
    both(beginning([start_of(TuneRequest())], np.zeros((1, 5), np.int64)), noise, Limits(1))
    assert (both.drawn, both.differ, both.ties) == (1, 1, ties)


LAI = TuneRequest(lines=1, lai="yai", source="han")
LAI_AND_NOTHING = replace(LAI, guidance=2.0)
WISHES = {
    "as it comes": (TuneRequest(lines=3), Wishes(), None),
    "guided": (LAI_AND_NOTHING, Wishes(), None),
    "between two styles": (replace(LAI, blend=0.4, other=Style(source="essen", tempo=150.0)), Wishes(), None),
    "bound": (LAI, Wishes(lai=True, tonic=True, tuning="E-A-E", most_notes=6.0), None),
    "over a drone, without loops": (LAI, Wishes(drone=True, motif=2.0, pitch=1.0), None),
    "played on": (TuneRequest(lines=1), Wishes(), Use.CONTINUE),
    "decorated": (TuneRequest(), Wishes(), Use.DECORATE),
    "on its rhythm": (TuneRequest(), Wishes(), Use.RHYTHM),
}


@pytest.mark.parametrize(("request_", "wishes", "use"), WISHES.values(), ids=WISHES.keys())
@pytest.mark.parametrize("sampler", [SamplerConfig(1.5), SamplerConfig(2.0, top_p=0.8, min_p=0.01)], ids=["plain", "p"])
def test_the_same_notes_are_played_whatever_is_asked(
    onnx: OnnxEngine, request_: TuneRequest, wishes: Wishes, use: Use | None, sampler: SamplerConfig
) -> None:
    """Fails: a wish holds in torch alone."""
    given = Given(melodies(2)[1], use) if use else None
    asked = given.request(request_) if given else request_
    begins = given.beginning(ENGINE.about.tokenizer) if given else None
    kept = [*wishes.constraints(asked), *(given.constraints() if given else [])]
    ours, theirs = (play(engine, asked, 5, 3, sampler, constraints=kept, begins=begins) for engine in (ENGINE, onnx))
    for mine, its in zip(ours, theirs, strict=True):
        assert np.array_equal(mine.phrase.rows, its.phrase.rows)
        assert its.log_probability == pytest.approx(mine.log_probability, abs=1e-2)
        assert its.left_out == pytest.approx(mine.left_out, abs=1e-3)


@pytest.mark.parametrize("precision", Precision)
def test_one_tune_is_the_same_alone_and_among_eight(exported_folder: Path, precision: Precision) -> None:
    """Fails: the graph was made for one number of tunes; or in eight bits a tune hears those beside it."""
    engine = OnnxEngine(exported_folder, precision)
    for request in (TuneRequest(lines=4), LAI_AND_NOTHING):
        many = play(engine, request, 8, 5)
        for number, among in enumerate(many):
            (alone,) = play(engine, request, [number], 5)
            assert np.array_equal(alone.phrase.rows, among.phrase.rows)
            assert alone.log_probability == pytest.approx(among.log_probability, abs=1e-3)


def test_what_is_looked_up_adds_up_to_the_same_bits_alone_and_beside_others(tmp_path: Path) -> None:
    """Fails: a sum in another order, which is nothing in fp32, rounds otherwise to eight bits, and the tune turns."""
    generator = torch.Generator().manual_seed(0)
    tables = Tables([torch.randn(9, 192, generator=generator) for _ in range(NUM_LOOKUPS)])
    ids, free = torch.randint(9, (8, 1, NUM_LOOKUPS), generator=generator), {0: Dim.DYNAMIC}
    with unchecked():
        program = torch.onnx.export(tables.eval(), (ids,), dynamo=True, dynamic_shapes=(free,), verbose=False)
    assert program is not None
    program.save(str(tmp_path / "sum.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "sum.onnx", providers=["CPUExecutionProvider"])

    def summed(rows: torch.Tensor) -> np.ndarray:
        return np.asarray(session.run(None, {session.get_inputs()[0].name: rows.numpy()})[0])

    together = summed(ids)
    assert together == pytest.approx(tables(ids).numpy(), abs=1e-5)
    assert all(np.array_equal(summed(ids[row : row + 1])[0], together[row]) for row in range(len(ids)))


def test_eight_bits_are_smaller_and_nearly_the_same(exported_folder: Path) -> None:
    """Fails: the small graph is the large one under another name, or plays something else."""
    sizes = {each: (exported_folder / GRAPHS[each]).stat().st_size for each in Precision}
    assert sizes[Precision.INT8] < sizes[Precision.FP32]
    whole = [taught(MODEL, each) for each in ITEMS]
    said = replayed(
        OnnxEngine(exported_folder, Precision.INT8).step(len(ITEMS), SamplerConfig(), ()), ITEMS, [1] * len(ITEMS)
    )
    found = agreement("int8", ITEMS, whole, said, ENGINE.about.learned_fields)
    assert 0 < abs(found.bits - found.reference_bits) < 0.1 * found.reference_bits


def test_it_plays_where_there_is_no_torch(exported_folder: Path, tmp_path: Path) -> None:
    """Fails: whoever wants a tune must install a training framework."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from phin.cli.generate import main\n"
        f"sys.argv = ['phin-generate', 'checkpoint={exported_folder}', 'out={tmp_path}/tunes', 'count=2', 'lines=1']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 tunes" in done.stdout
    assert len(list((tmp_path / "tunes").glob("*.mid"))) == 2


def test_the_manifest_says_what_the_checkpoint_said(exported_folder: Path, onnx: OnnxEngine) -> None:
    """Fails: a model to hand on hides its licence, or draws fields that it never learned."""
    assert (onnx.about.tokenizer, onnx.about.licence, onnx.about.corpus) == (
        IDENTITY.tokenizer,
        IDENTITY.licence,
        IDENTITY.corpus,
    )
    assert onnx.about.learned_fields == IDENTITY.learned_fields
    assert len(onnx.about.learned_fields) == NUM_FIELDS
    for name, digest in Manifest.read(exported_folder).sha256.items():
        assert hashlib.sha256((exported_folder / name).read_bytes()).hexdigest() == digest


def _without_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def _torn_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text()[:40])


def _another_format(folder: Path) -> None:
    stored = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**stored, "format": 99}))


def _a_changed_manifest(folder: Path) -> None:
    stored = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**stored, "num_heads": 7}))


def _other_tables(folder: Path) -> None:
    stored = json.loads((folder / MANIFEST).read_text())
    stored["tables"]["tempo_edges"] = [60]
    del stored["seal"]
    (folder / MANIFEST).write_text(json.dumps({**stored, "seal": exported._seal(stored)}))


def _a_list(folder: Path) -> None:
    (folder / MANIFEST).write_text("[1, 2]")


def _another_graph(folder: Path) -> None:
    graph = folder / GRAPHS[Precision.FP32]
    graph.write_bytes(graph.read_bytes()[:-9])


def _without_graph(folder: Path) -> None:
    (folder / GRAPHS[Precision.FP32]).unlink()


BROKEN = {
    _without_manifest: "has no manifest.json",
    _torn_manifest: "is torn, or of another version",
    _another_format: "its format is another",
    _a_changed_manifest: "it was changed",
    _other_tables: "its vocabularies are others",
    _a_list: "is torn, or of another version",
    _another_graph: "is not the graph that manifest.json tells of",
    _without_graph: "there is no such file",
}


@pytest.mark.parametrize(("broken", "told"), BROKEN.items(), ids=lambda case: getattr(case, "__name__", ""))
def test_a_broken_folder_is_refused_in_one_line(
    exported_folder: Path, tmp_path: Path, broken: Callable[[Path], None], told: str
) -> None:
    """Fails: another model's graph plays under this one's name, or a page of traceback is shown."""
    copy = tmp_path / "copy"
    shutil.copytree(exported_folder, copy)
    broken(copy)
    with pytest.raises(InvalidCheckpoint, match=told):
        OnnxEngine(copy)


def test_a_graph_for_one_size_only_is_not_handed_on() -> None:
    """Fails: the exporter takes the number of tunes that it was shown for the only one, and nobody notices."""
    refuse_fixed_sizes({"ids": ["tune", "time", 6]}, {"ids": {0: "tune", 1: "time"}})
    with pytest.raises(RuntimeError, match="gave ids fixed sizes"):
        refuse_fixed_sizes({"ids": ["tune", 5, 6]}, {"ids": {0: "tune", 1: "time"}})


def test_a_model_that_knows_only_so_many_places_is_not_exported(tmp_path: Path) -> None:
    """Fails: a long tune ends in an error of the runtime's, from a graph that cannot say why."""
    model = tiny_model(learned_positions=True, index_rotary=False, time_heads=0)
    with pytest.raises(InvalidConfig, match="cannot be exported"):
        export_step(model, identity_for(model), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
