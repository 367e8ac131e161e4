"""A graph whose matrices are in eight bits, each tune of it as if it were alone.

ONNX Runtime's dynamic quantisation has one scale for all that is multiplied at a time, so that a tune hears those
beside it. Its MatMulNBits has a scale for each BLOCK of numbers of each row, and for each of each column of a matrix:

    x @ w  =  sum over blocks of  scale(x) * scale(w) * (round(x / scale(x)) @ round(w / scale(w)))

where a scale is the largest number of the block over 127. It is one operation for one, adds the bias too, and a row
comes out the same to the bit whatever stands beside it (with 128 numbers a block it would not).
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
from jaxtyping import Float, UInt8
from onnx import helper, numpy_helper

BLOCK = 64
LARGEST = 127
ZERO = 128
"""Whole numbers are kept without a sign: this stands for nothing."""
EIGHT_BIT_ROWS = 4
"""The accuracy level at which rows are rounded too; at others matrices would be unpacked at every step."""
MICROSOFT = "com.microsoft"
"""Where ONNX Runtime keeps its own operations."""
FEWEST = 8
"""Columns: with fewer a product is sooner done as it is."""


def write_eight_bits(fp32: Path, int8: Path, but: Collection[str] = ()) -> list[str]:
    """Writes the graph anew, with every matrix that rows are multiplied with in eight bits, `but` some by name; the
    names of those that are.
    """
    model = onnx.load(fp32)
    graph = model.graph
    matrices = {each.name: numpy_helper.to_array(each) for each in graph.initializer if len(each.dims) == 2}
    nodes, made, written = list[onnx.NodeProto](), dict[str, np.ndarray](), list[str]()
    for node in graph.node:
        is_product = node.op_type in ("MatMul", "Gemm") and node.input[1] in matrices
        if not is_product or node.input[1] in but or min(matrices[node.input[1]].shape) < FEWEST:
            nodes.append(node)
            continue
        rows, name, *bias = node.input
        written.append(name)
        settings = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        weight = matrices[name].T if settings.pop("transB", 0) else matrices[name]
        assert {"alpha": 1, "beta": 1, "transA": 0} | settings == {"alpha": 1, "beta": 1, "transA": 0}, settings
        made[f"{name}.eight_bits"], made[f"{name}.scale"] = in_eight_bits(weight)
        given = [rows, f"{name}.eight_bits", f"{name}.scale", *(["", "", *bias] if bias else [])]
        sizes = {"K": weight.shape[0], "N": weight.shape[1], "bits": 8, "block_size": BLOCK}
        settings = {**sizes, "accuracy_level": EIGHT_BIT_ROWS}
        nodes.append(helper.make_node("MatMulNBits", given, node.output, node.name, domain=MICROSOFT, **settings))
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
    return written


def in_eight_bits(
    weight: Float[np.ndarray, "row column"],
) -> tuple[UInt8[np.ndarray, "column block 64"], Float[np.ndarray, " scale"]]:
    """A matrix in whole numbers, columns first, in blocks (the last is filled up); and the scale of each block."""
    blocks = np.pad(weight.T, [(0, 0), (0, -len(weight) % BLOCK)]).reshape(weight.shape[1], -1, BLOCK)
    scale = np.maximum(np.abs(blocks).max(axis=2), np.finfo(np.float32).tiny) / LARGEST
    whole = np.rint(blocks / scale[..., None]) + ZERO
    return whole.astype(np.uint8), scale.astype(np.float32).reshape(-1)
