"""Products in eight bits: what the formula says, row by row, whatever the other rows are."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from jaxtyping import Float
from onnx import TensorProto, helper, numpy_helper

from phin.generation.eight_bits import in_eight_bits, write_eight_bits

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(48, 9)).astype(np.float32) * np.logspace(-2, 2, 9, dtype=np.float32)
ROWS = RNG.normal(size=(5, 48)).astype(np.float32) * np.logspace(-3, 3, 5, dtype=np.float32)[:, None]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> onnxruntime.InferenceSession:
    """A graph of one product, and of a product of two inputs, which stays as it is."""
    folder = tmp_path_factory.mktemp("graphs")
    x, y, z = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["row", None]) for name in "xyz")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("MatMul", ["x", "v"], ["z"])]
    v = helper.make_tensor_value_info("v", TensorProto.FLOAT, [48, 2])
    graph = helper.make_graph(nodes, "products", [x, v], [y, z], [numpy_helper.from_array(WEIGHT, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    onnx.save(model, folder / "fp32.onnx")
    write_eight_bits(folder / "fp32.onnx", folder / "int8.onnx")
    names = {each.name for each in onnx.load(folder / "int8.onnx").graph.initializer}
    assert "w" not in names, "the large matrix is not kept beside the small one"
    return onnxruntime.InferenceSession(Path(folder / "int8.onnx").read_bytes(), providers=["CPUExecutionProvider"])


def product(session: onnxruntime.InferenceSession, rows: Float[np.ndarray, "row 48"]) -> Float[np.ndarray, "row 9"]:
    return np.asarray(session.run(["y"], {"x": rows, "v": np.zeros((48, 2), np.float32)})[0])


def naive_product(row: Float[np.ndarray, " 48"]) -> Float[np.ndarray, " 9"]:
    """One row's, as it is defined."""
    largest, scale = np.abs(row).max(), np.abs(WEIGHT).max(axis=0) / 127
    return largest / 127 * (np.rint(127 * row / largest) @ np.rint(WEIGHT / scale)) * scale


def test_a_product_is_what_the_formula_says(session: onnxruntime.InferenceSession) -> None:
    """Fails: the small graph plays another model."""
    found, expected = product(session, ROWS), np.stack([naive_product(row) for row in ROWS])
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)
    size = np.linalg.norm(ROWS, axis=1)[:, None] * np.linalg.norm(WEIGHT, axis=0)
    assert (np.abs(found - ROWS @ WEIGHT) < 0.01 * size).all()
    assert not np.allclose(found, ROWS @ WEIGHT, rtol=1e-4), "eight bits are no identity"


def test_a_row_is_multiplied_the_same_alone_and_among_others(session: onnxruntime.InferenceSession) -> None:
    """Fails: a tune hangs on the tunes that are drawn beside it, as under one scale for all."""
    together = product(session, ROWS)
    for row, expected in zip(ROWS, together, strict=True):
        assert np.array_equal(product(session, row[None])[0], expected)


def test_a_row_of_nothing_stays_nothing(session: onnxruntime.InferenceSession) -> None:
    """Fails: 0 / 0 goes on through the network, and a tune ends in what is no number."""
    found = product(session, np.concatenate([ROWS[:1], 0 * ROWS[:1]]))
    assert (found[1] == 0).all()
    assert (found[0] != 0).all()


def test_a_product_of_two_inputs_stays_as_it_is(session: onnxruntime.InferenceSession) -> None:
    """Fails: attention is quantised, where nothing is known beforehand."""
    v = RNG.normal(size=(48, 2)).astype(np.float32)
    assert session.run(["z"], {"x": ROWS, "v": v})[0] == pytest.approx(ROWS @ v, rel=1e-4)


def test_every_column_has_its_own_scale_and_reaches_127() -> None:
    """Fails: a column of small numbers is rounded to nothing beside a column of large ones."""
    whole, scale = in_eight_bits(WEIGHT)
    assert (np.abs(whole).max(axis=0) == 127).all()
    assert whole * scale == pytest.approx(WEIGHT, abs=float(scale.max()) / 2 + 1e-6)
    assert (np.abs(whole * scale - WEIGHT) <= scale / 2 * 1.001).all()
    assert not in_eight_bits(np.zeros((3, 2), np.float32))[0].any()
