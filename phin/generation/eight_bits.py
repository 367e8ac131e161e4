"""A graph whose matrices are in eight bits, each tune of it as if it were alone.

ONNX Runtime's own dynamic quantisation has one scale for all that is multiplied at a time, so that a tune hears those
beside it. Here each row has its own, its largest number, and each column of a matrix too; both are symmetric:

    x @ w  =  largest(x) * (round(127 * x / largest(x)) @ round(w / scale)) * scale / 127

which is six operations for one. They are small, and the product of whole numbers is exact, in any order and company.
"""

from pathlib import Path

import numpy as np
import onnx
from jaxtyping import Float, Int8
from onnx import helper, numpy_helper

MICROSOFT = "com.microsoft"
"""Where ONNX Runtime keeps its own operations."""
LARGEST = 127
ZERO = 128
"""What is multiplied has no sign (the fast kernels want it so): this stands for nothing."""
FEWEST = 8
"""Columns: with fewer a product is sooner done as it is."""
_SHARED = {
    "eight_bits.last_axis": np.array([-1], np.int64),
    "eight_bits.unit": np.array(1 / LARGEST, np.float32),
    "eight_bits.zero": np.array(ZERO, np.uint8),
    "eight_bits.weight_zero": np.array(0, np.int8),
}


def write_eight_bits(fp32: Path, int8: Path) -> None:
    """Writes the graph anew, with every matrix that rows are multiplied with in eight bits."""
    model = onnx.load(fp32)
    graph = model.graph
    matrices = {each.name: numpy_helper.to_array(each) for each in graph.initializer if len(each.dims) == 2}
    nodes, made = list[onnx.NodeProto](), dict(_SHARED)
    for node in graph.node:
        is_product = node.op_type in ("MatMul", "Gemm") and node.input[1] in matrices
        if not is_product or min(matrices[node.input[1]].shape) < FEWEST:
            nodes.append(node)
            continue
        rows, name, *bias = node.input
        settings = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        weight = matrices[name].T if settings.pop("transB", 0) else matrices[name]
        assert {"alpha": 1, "beta": 1, "transA": 0} | settings == {"alpha": 1, "beta": 1, "transA": 0}, settings
        made[f"{name}.eight_bits"], made[f"{name}.scale"] = in_eight_bits(weight)
        product = f"{node.output[0]}.without_bias" if bias else node.output[0]
        nodes += _product(rows, name, product)
        nodes += [helper.make_node("Add", [product, *bias], node.output)] if bias else []
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in made.items())
    used = {name for node in nodes for name in node.input}
    kept = [each for each in graph.initializer if each.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    if MICROSOFT not in {each.domain for each in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    onnx.save(model, int8)


def in_eight_bits(weight: Float[np.ndarray, "row column"]) -> tuple[Int8[np.ndarray, "row column"], np.ndarray]:
    """A matrix in whole numbers from -127 to 127, and the scale of each column."""
    scale = np.maximum(np.abs(weight).max(axis=0), np.finfo(np.float32).tiny) / LARGEST
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def _product(rows: str, matrix: str, result: str) -> list[onnx.NodeProto]:
    """The six operations. A row of nothing but zeros, 0 / 0, comes out as some number, and is multiplied by 0."""
    part = {name: f"{result}.{name}" for name in ("size", "largest", "even", "whole", "product")}
    weight = [f"{matrix}.eight_bits", "eight_bits.unit", f"{matrix}.scale", "eight_bits.zero", "eight_bits.weight_zero"]
    return [
        helper.make_node("Abs", [rows], [part["size"]]),
        helper.make_node("ReduceMax", [part["size"], "eight_bits.last_axis"], [part["largest"]], keepdims=1),
        helper.make_node("Div", [rows, part["largest"]], [part["even"]]),
        helper.make_node("QuantizeLinear", [part["even"], "eight_bits.unit", "eight_bits.zero"], [part["whole"]]),
        helper.make_node("MatMulIntegerToFloat", [part["whole"], *weight], [part["product"]], domain=MICROSOFT),
        helper.make_node("Mul", [part["product"], part["largest"]], [result]),
    ]
