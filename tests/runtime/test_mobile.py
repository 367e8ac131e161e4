"""A program for phones against torch: the same logits, the same notes; and what ExecuTorch itself makes of the file."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("executorch", reason='executorch is not installed: pip install "phin[mobile]"')

from phin.cli.engine import open_engine
from phin.errors import InvalidCheckpoint, InvalidConfig, PhinError
from phin.evaluation.equalities import (
    SAMPLERS,
    TOLERANCE,
    WINDOW,
    agreement,
    drawn_alike,
    known,
    replayed,
    taught,
    told_from_their_end,
)
from phin.generation.exported import INPUTS, Precision
from phin.generation.given import Given, Use, kept_to
from phin.generation.mobile import export_mobile
from phin.generation.mobile_file import METHOD, MOST_STREAMS, SUFFIX, read_program, write_program
from phin.generation.play import play
from phin.generation.request import SamplerConfig, Style, TuneRequest
from phin.generation.wishes import Wishes
from phin.runtime.executorch_engine import ExecutorchEngine, Runtime
from tests.runtime.exported import ENGINE, IDENTITY, MODEL
from tests.tiny import PHRASE, identity_for, item, melodies, tiny_model
from tests.unchecked import unchecked

pytestmark = pytest.mark.slow
LEARNED = ENGINE.about.learned_fields
ITEMS = known([item(PHRASE), *(item(tune) for tune in melodies(3, num_notes=30))], LEARNED)
Files = Mapping[Precision, Path]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("phone")
    made = {each: folder / f"{each.value}{SUFFIX}" for each in Precision}
    with unchecked():
        for precision, path in made.items():
            export_mobile(MODEL, IDENTITY, path, precision)
    return made


@pytest.fixture(scope="session")
def phone(files: Files) -> ExecutorchEngine:
    return ExecutorchEngine(files[Precision.FP32])


@pytest.mark.parametrize("window", [None, WINDOW])
@pytest.mark.parametrize("begins", ["at the start", "after unlike beginnings", "told from their end"])
def test_a_phone_finds_every_note_as_likely_as_torch(phone: ExecutorchEngine, begins: str, window: int | None) -> None:
    """Fails: what was measured of a model is not what its program for phones plays."""
    items = told_from_their_end(ITEMS) if "end" in begins else ITEMS
    unlike = {"at the start": 1, "after unlike beginnings": 4, "told from their end": 0}[begins]
    lengths = [unlike + number if unlike > 1 else unlike or each.encoded.given + 1 for number, each in enumerate(items)]
    whole = [taught(MODEL, each, window) for each in items]
    said = replayed(phone.step(len(items), SamplerConfig(), (), window), items, lengths)
    assert agreement("phone", items, whole, said, LEARNED).largest <= TOLERANCE


LAI = TuneRequest(lines=1, lai="yai", source="han")
ASKED = {
    "as it comes": (TuneRequest(lines=2), Wishes(), None),
    "two streams": (replace(LAI, guidance=2.0), Wishes(), None),
    "three streams": (
        replace(LAI, guidance=1.5, blend=0.4, other=Style(source="essen", tempo=150.0)),
        Wishes(),
        None,
    ),
    "bound": (LAI, Wishes(lai=True, tonic=True, tuning="E-A-E", most_notes=6.0), None),
    "over a drone, without loops": (LAI, Wishes(drone=True, motif=2.0, pitch=1.0), None),
    "played on": (TuneRequest(lines=1), Wishes(), Use.CONTINUE),
    "rewritten": (TuneRequest(), Wishes(), Use.REWRITE),
}


@pytest.mark.parametrize("seed", [3, 8])
@pytest.mark.parametrize("case", ASKED)
def test_a_phone_plays_the_tunes_that_torch_plays(phone: ExecutorchEngine, case: str, seed: int) -> None:
    """Fails: a seed that a player shares is another tune on the phone, or a wish holds at the desk alone."""
    request, wishes, use = ASKED[case]
    material = Given(melodies(2)[1], use, (1, 2) if use is Use.REWRITE else None) if use else None
    asked = material.request(request) if material else request
    bound = {
        "constraints": kept_to(wishes, asked, material),
        "begins": material.beginning(IDENTITY.tokenizer) if material else None,
    }
    for sampler in SAMPLERS:
        alike = drawn_alike(case, ENGINE, phone, asked, sampler, 2, seed, TOLERANCE, **bound)
        assert alike.is_equal, alike
        assert alike.rows > 5
        ours, its = (play(engine, asked, 2, seed, sampler, **bound) for engine in (ENGINE, phone))
        if alike.other == 0:
            assert [each.phrase.rows.tolist() for each in ours] == [each.phrase.rows.tolist() for each in its]
            assert [each.log_probability for each in its] == pytest.approx(
                [each.log_probability for each in ours], abs=1e-2
            )


@pytest.mark.parametrize("precision", Precision)
def test_a_tune_is_the_same_alone_and_among_others(files: Files, precision: Precision) -> None:
    """Fails: a program remembers one tune while it plays another."""
    engine = ExecutorchEngine(files[precision])
    many = play(engine, TuneRequest(lines=2), 5, 5)
    for number, among in enumerate(many):
        (alone,) = play(engine, TuneRequest(lines=2), [number], 5)
        assert alone.phrase.rows.tolist() == among.phrase.rows.tolist()


def test_eight_bits_are_smaller_and_nearly_the_same(files: Files) -> None:
    """Fails: the small program is the large one under another name, or plays something else."""
    assert files[Precision.INT8].stat().st_size < files[Precision.FP32].stat().st_size
    whole = [taught(MODEL, each) for each in ITEMS]
    engine = ExecutorchEngine(files[Precision.INT8])
    assert engine.about.precision == Precision.INT8.value
    said = replayed(engine.step(len(ITEMS), SamplerConfig(), ()), ITEMS, [1] * len(ITEMS))
    found = agreement("int8", ITEMS, whole, said, LEARNED)
    assert 0 < abs(found.bits - found.reference_bits) < 0.1 * found.reference_bits


def test_a_model_with_a_bias_by_beats_plays_on_a_phone(tmp_path: Path) -> None:
    """Fails: of the models that can be trained, only those like the default can be handed on to a phone."""
    model = tiny_model(num_layers=1, beat_lag_bias=True, intervals=False).float()
    with unchecked():
        export_mobile(model, identity_for(model), tmp_path / "model.pte")
    items = known([item(PHRASE)], [True] * len(LEARNED))
    said = replayed(ExecutorchEngine(tmp_path / "model.pte").step(1, SamplerConfig(), ()), items, [3])
    assert agreement("bias", items, [taught(model, items[0])], said, [True] * len(LEARNED)).largest <= TOLERANCE


def test_an_app_loads_the_file_as_it_is_and_the_cache_is_not_copied(files: Files) -> None:
    """Fails: an app must cut the manifest off before ExecuTorch reads the file; or every note costs the whole tune."""
    program = Runtime.get().load_program(files[Precision.FP32])
    assert program.method_names == {METHOD}
    told = program.metadata(METHOD)
    caches = range(len(INPUTS), told.num_inputs())
    assert len(caches) == 2 * MODEL.config.num_layers
    for number in caches:
        given = told.input_tensor_meta(number)
        assert not given.is_memory_planned(), "the program has a place of its own for it"
        assert given.sizes()[0] == MOST_STREAMS
        *_, length, _ = told.output_tensor_meta(number - len(INPUTS) + 2).sizes()
        assert length == 1, "only the row's own keys and values come out"


def test_a_tune_longer_than_a_program_can_hold_is_refused_in_one_line(files: Files) -> None:
    """Fails: a long tune ends in an error of the runtime's."""
    engine = ExecutorchEngine(files[Precision.FP32])
    engine.about = replace(engine.about, most_slots=64)
    long = known([item(melodies(1, num_notes=90)[0])], LEARNED)
    with pytest.raises(PhinError, match="the tune: is longer than the 64 notes that a program for a phone can hold"):
        replayed(engine.step(1, SamplerConfig(), ()), long, [1])
    replayed(engine.step(1, SamplerConfig(), (), window=WINDOW), long, [1])  # in a window there is always room


def test_what_is_no_program_of_executorch_is_refused_in_one_line(files: Files, tmp_path: Path) -> None:
    """Fails: a file that another version wrote ends in a traceback, or a crash."""
    program, manifest = read_program(files[Precision.FP32])
    broken = b"\0" * 64 + program[64:]
    write_program(broken, replace(manifest, sha256={"program": sha256(broken).hexdigest()}), tmp_path / "x.pte")
    with pytest.raises(InvalidCheckpoint, match="cannot be loaded by this version of executorch"):
        ExecutorchEngine(tmp_path / "x.pte")


def test_a_program_is_opened_by_its_name(files: Files) -> None:
    """Fails: phin-generate takes a program for a checkpoint of torch's, or a precision is asked for in vain."""
    engine = open_engine(str(files[Precision.INT8]), None)
    assert isinstance(engine, ExecutorchEngine)
    assert np.array_equal(play(engine, LAI, 1, 2)[0].phrase.rows, play(engine, LAI, 1, 2)[0].phrase.rows)
    with pytest.raises(InvalidConfig, match="precision=int8: means nothing for a program for phones"):
        open_engine(str(files[Precision.INT8]), "int8")
