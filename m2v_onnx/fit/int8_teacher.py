"""A teacher whose products with weights run on whole numbers: half the time, and nearly the same vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from m2v_onnx.model.vectors import Vectors

if TYPE_CHECKING:
    import onnx  # an extra

# A teacher in int8 is used where its vectors are so near to its own, in the mean of some sequences.
LEAST_COSINE = 0.985
# Processors with AVX2 and no VNNI add two products in 16 bits: 2 x 255 x 63 fits, 2 x 255 x 127 is cut off.
_LARGEST_CODE = np.float32(63)


def quantize_products(path: Path, output: Path) -> int:
    """Write a teacher's ONNX file with the weights of its products in int8.

    Each column of a weight has its own scale; activations are quantised while the teacher runs, each tensor
    by its own range ("dynamic quantisation"). Everything else stays in float32.

    Args:
        path: an ONNX file with float32 weights.
        output: where to write it, and beside it a file of weights.

    Returns:
        The number of products; 0 where there is none with float32 weights, and then nothing is written.
    """
    import onnx  # an extra

    model = onnx.load(path)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    products = [node for node in model.graph.node if _is_product(node, weights)]
    if not products:
        return 0
    shared = {name for node in model.graph.node if node not in products for name in node.input}
    quantized = {name for node in products for name in node.input[1:]}
    if quantized & shared:  # a weight with another use stays as it is
        products = [node for node in products if node.input[1] not in shared]
        quantized -= shared
    for name in sorted(quantized):
        _quantize(model.graph, weights[name])
    _replace_products(model.graph, products)
    # Beside the file: in it, a message of more than 2 GB could not be written.
    onnx.save(model, output, save_as_external_data=True, location=f"{output.name}.data")
    return len(products)


def mean_row_cosine(vectors: Vectors, others: Vectors) -> float:
    """Give the mean cosine of unit vectors, row by row.

    >>> mean_row_cosine(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    0.5
    """
    return float(np.einsum("nd,nd->n", vectors, others).mean())


def _is_product(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> bool:
    if node.op_type != "MatMul" or node.input[1] not in weights:
        return False
    weight = weights[node.input[1]]
    return len(weight.dims) == 2 and weight.data_type == weight.FLOAT


def _quantize(graph: onnx.GraphProto, weight: onnx.TensorProto) -> None:
    """Turn a (k, n) weight into int8 codes, and add the scales of its n columns."""
    from onnx import numpy_helper  # an extra

    values = numpy_helper.to_array(weight)
    scale = np.abs(values).max(axis=0) / _LARGEST_CODE
    scale[scale == 0] = 1
    codes = np.rint(values / scale).astype(np.int8)
    graph.initializer.append(numpy_helper.from_array(scale, f"{weight.name}_scale"))
    weight.CopyFrom(numpy_helper.from_array(codes, weight.name))


def _replace_products(graph: onnx.GraphProto, products: list[onnx.NodeProto]) -> None:
    """Put in place of each product: quantise what comes in, multiply whole numbers, scale.

    onnxruntime fuses these standard operators into its fast ones.
    """
    import onnx  # an extra
    from onnx import helper

    names = {node.output[0] for node in products}
    nodes: list[onnx.NodeProto] = []
    quantized_inputs: set[str] = set()
    for node in graph.node:
        if node.output[0] not in names:
            nodes.append(node)
            continue
        value, weight = node.input
        out = node.output[0]
        codes, scale, zero = (f"{value}_{part}" for part in ("codes", "scale", "zero"))
        if value not in quantized_inputs:
            quantized_inputs.add(value)
            nodes.append(helper.make_node("DynamicQuantizeLinear", [value], [codes, scale, zero]))
        nodes += [
            helper.make_node("MatMulInteger", [codes, weight, zero], [f"{out}_sums"]),
            helper.make_node("Cast", [f"{out}_sums"], [f"{out}_float"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [scale, f"{weight}_scale"], [f"{out}_scale"]),
            helper.make_node("Mul", [f"{out}_float", f"{out}_scale"], [out]),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
