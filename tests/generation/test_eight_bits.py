"""Products in eight bits: what the formula says, row by row, whatever the other rows are."""

import numpy as np
import onnx
import onnxruntime
import pytest
from jaxtyping import Float
from onnx import TensorProto, helper, numpy_helper

from phin.generation.eight_bits import BLOCK, FEWEST, ZERO, in_eight_bits, write_eight_bits

RNG = np.random.default_rng(0)
SIZE = BLOCK + 30
WEIGHT = RNG.normal(size=(SIZE, 9)).astype(np.float32) * np.logspace(-2, 2, 9, dtype=np.float32)
BIAS = np.array([-np.inf, *range(8)], np.float32)
ROWS = RNG.normal(size=(5, SIZE)).astype(np.float32) * np.logspace(-3, 3, 5, dtype=np.float32)[:, None]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> onnxruntime.InferenceSession:
    """A graph of a product, one with a bias, one of two inputs, and one of few columns; the last two stay."""
    folder = tmp_path_factory.mktemp("graphs")
    x, *results = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["row", None]) for name in ("x", *"pbif"))
    two = helper.make_tensor_value_info("two", TensorProto.FLOAT, [SIZE, 2])
    constants = {"w": WEIGHT, "turned": WEIGHT.T.copy(), "bias": BIAS, "few": WEIGHT[:, : FEWEST - 1].copy()}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Gemm", ["x", "turned", "bias"], ["b"], transB=1),
        helper.make_node("MatMul", ["x", "two"], ["i"]),
        helper.make_node("MatMul", ["x", "few"], ["f"]),
    ]
    made = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "products", [x, two], results, made)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    onnx.save(model, folder / "fp32.onnx")
    write_eight_bits(folder / "fp32.onnx", folder / "int8.onnx")
    names = {each.name for each in onnx.load(folder / "int8.onnx").graph.initializer}
    assert not names & {"w", "turned"}, "the large matrix is not kept beside the small one"
    return onnxruntime.InferenceSession((folder / "int8.onnx").read_bytes(), providers=["CPUExecutionProvider"])


def product(
    session: onnxruntime.InferenceSession, rows: Float[np.ndarray, "row size"], which: str = "p"
) -> Float[np.ndarray, "row column"]:
    return np.asarray(session.run([which], {"x": rows, "two": WEIGHT[:, :2]})[0])


def naive_product(row: Float[np.ndarray, " size"]) -> Float[np.ndarray, " 9"]:
    """One row's, as it is defined."""
    total = np.zeros(9)
    for begin in range(0, SIZE, BLOCK):
        mine, weight = row[begin : begin + BLOCK], WEIGHT[begin : begin + BLOCK]
        of_row, of_column = np.abs(mine).max() / 127, np.abs(weight).max(axis=0) / 127
        total += of_row * of_column * (np.rint(mine / of_row) @ np.rint(weight / of_column))
    return total


def test_a_product_is_what_the_formula_says(session: onnxruntime.InferenceSession) -> None:
    """Fails: the small graph plays another model."""
    found, expected = product(session, ROWS), np.stack([naive_product(row) for row in ROWS])
    size = np.linalg.norm(ROWS, axis=1)[:, None] * np.linalg.norm(WEIGHT, axis=0)
    assert (np.abs(found - expected) < 1e-5 * size).all()
    assert (np.abs(found - ROWS @ WEIGHT) < 0.01 * size).all()
    assert (np.abs(found - ROWS @ WEIGHT) > 1e-4 * size).any(), "eight bits are no identity"


def test_a_bias_is_added_and_what_cannot_be_drawn_stays_so(session: onnxruntime.InferenceSession) -> None:
    """Fails: symbols that are no notes are drawn in eight bits."""
    found = product(session, ROWS, "b")
    assert np.isneginf(found[:, 0]).all()
    assert found == pytest.approx(product(session, ROWS) + BIAS, rel=1e-5, abs=1e-5)


def test_a_row_is_multiplied_the_same_alone_and_among_others(session: onnxruntime.InferenceSession) -> None:
    """Fails: a tune hangs on the tunes that are drawn beside it, as under one scale for all."""
    for which in "pb":
        together = product(session, ROWS, which)
        for row, expected in zip(ROWS, together, strict=True):
            assert np.array_equal(product(session, row[None], which)[0], expected)


def test_a_row_of_nothing_stays_nothing(session: onnxruntime.InferenceSession) -> None:
    """Fails: 0 / 0 goes on through the network, and a tune ends in what is no number."""
    found = product(session, np.concatenate([ROWS[:1], 0 * ROWS[:1]]))
    assert (found[1] == 0).all()
    assert (found[0] != 0).all()


def test_what_is_not_to_be_rounded_is_not(session: onnxruntime.InferenceSession) -> None:
    """Fails: attention is quantised, where nothing is known beforehand, or what is slower so."""
    assert product(session, ROWS, "i") == pytest.approx(ROWS @ WEIGHT[:, :2], rel=1e-4, abs=1e-4)
    assert product(session, ROWS, "f") == pytest.approx(ROWS @ WEIGHT[:, : FEWEST - 1], rel=1e-4, abs=1e-4)


def test_every_block_of_a_column_has_its_own_scale_and_reaches_127() -> None:
    """Fails: a column of small numbers is rounded to nothing beside a column of large ones."""
    whole, scale = in_eight_bits(WEIGHT)
    whole, scale = whole.astype(np.int64) - ZERO, scale.reshape(9, 2, 1)
    assert (np.abs(whole).max(axis=2) == 127).all()
    assert (whole[:, 1, SIZE - BLOCK :] == 0).all(), "what is filled up counts nothing"
    rounded = (whole * scale).reshape(9, -1)[:, :SIZE].T
    assert (np.abs(rounded - WEIGHT) <= np.repeat(scale[..., 0], BLOCK, axis=1)[:, :SIZE].T * 0.501).all()
    assert (in_eight_bits(np.zeros((3, 2), np.float32))[0] == ZERO).all()
