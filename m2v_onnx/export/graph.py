"""ONNX models put together from parts, with large tensors kept apart so that writing them copies nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.system.row_blocks import row_blocks
from m2v_onnx.version import __version__

# What onnxruntime 1.15 and everything later load.
OPSET = 17
IR_VERSION = 8

# Field numbers of onnx.proto.
_MODEL_GRAPH, _GRAPH_INITIALIZER, _TENSOR_RAW_DATA = 7, 5, 9


@dataclass(frozen=True)
class Part:
    """A stretch of a graph.

    Attributes:
        nodes: its nodes, in an order in which they can run.
        constants: the small tensors that they need, by name.
        large: the large ones, contiguous.
    """

    nodes: list[onnx.NodeProto]
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    large: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def renamed(self, names: dict[str, str]) -> Part:
        """Give a copy whose values have other names."""
        nodes = []
        for original in self.nodes:
            node = onnx.NodeProto()
            node.CopyFrom(original)
            for values in (node.input, node.output):
                values[:] = [names.get(name, name) for name in values]
            nodes.append(node)
        return Part(nodes, self.constants, self.large)

    def __add__(self, other: Part) -> Part:
        """Give both, one after the other; constants of one name are the same constant."""
        return Part(self.nodes + other.nodes, self.constants | other.constants, self.large | other.large)


@dataclass(frozen=True)
class ExternalTensor:
    """Where a tensor's bytes lie: a file beside the graph's own, an offset, and a length in bytes."""

    file_name: str
    offset: int
    n_bytes: int


@dataclass(frozen=True)
class Graph:
    """An ONNX model whose large tensors lie beside it.

    Attributes:
        proto: the model without them.
        large: their contents by name, contiguous; initializers of the graph, too.
    """

    proto: onnx.ModelProto
    large: dict[str, npt.NDArray[Any]]

    def to_proto(self) -> onnx.ModelProto:
        """Give the whole model in memory."""
        whole = onnx.ModelProto()
        whole.CopyFrom(self.proto)
        for name, array in self.large.items():
            whole.graph.initializer.append(_header(name, array))
            whole.graph.initializer[-1].raw_data = array.tobytes()
        return whole

    def write(self, path: Path) -> None:
        """Write the whole model as one file, the large tensors straight from their arrays. Deterministic.

        The same bytes in another order as `to_proto().SerializeToString()`: protobuf allows any.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self.proto)
        model.ClearField("graph")
        graph = _serialize(self.proto.graph)
        frames = {name: _tensor_frame(name, array) for name, array in self.large.items()}
        n_bytes = len(graph) + sum(len(frames[name]) + array.nbytes for name, array in self.large.items())
        with path.open("wb") as file:
            file.write(_serialize(model) + _field(_MODEL_GRAPH, n_bytes) + graph)
            for name, array in self.large.items():
                file.write(frames[name])
                for rows in row_blocks(array):
                    file.write(array[rows].data)

    def write_without(self, external: dict[str, ExternalTensor], path: Path) -> None:
        """Write the model without its large tensors, which lie in another file of the same folder."""
        model = onnx.ModelProto()
        model.CopyFrom(self.proto)
        for name, array in self.large.items():
            tensor = model.graph.initializer.add()
            tensor.CopyFrom(_header(name, array))
            tensor.data_location = TensorProto.EXTERNAL
            place = external[name]
            for key, value in (
                ("location", place.file_name),
                ("offset", place.offset),
                ("length", place.n_bytes),
            ):
                tensor.external_data.add(key=key, value=str(value))
        path.write_bytes(_serialize(model))


def assemble(
    part: Part,
    model: StaticEmbedding,
    *,
    name: str,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    opsets: dict[str, int] | None = None,
) -> Graph:
    """Make a graph of opset 17 and IR 8 from its parts.

    Args:
        part: all nodes, constants and large tensors.
        model: what the metadata tells about.
        name: the graph's name.
        inputs: its inputs, in order.
        outputs: its outputs, in order.
        opsets: the versions of other operator sets than ONNX's own.
    """
    graph = helper.make_graph(
        part.nodes,
        f"static_model_{name}",
        inputs,
        outputs,
        [numpy_helper.from_array(array, constant) for constant, array in part.constants.items()],
    )
    proto = helper.make_model(
        graph,
        opset_imports=[
            helper.make_opsetid(domain, version) for domain, version in ({"": OPSET} | (opsets or {})).items()
        ],
        ir_version=IR_VERSION,
        producer_name="m2v-onnx",
        producer_version=__version__,
    )
    helper.set_model_props(proto, _metadata(model))
    return Graph(proto, part.large)


def _metadata(model: StaticEmbedding) -> dict[str, str]:
    recipe, teacher = model.config.recipe, model.config.teacher
    return {
        "name": f"static model of {teacher}" if teacher else "static model",
        "dim": str(model.dim),
        "recipe": recipe.name if recipe else "",
        "teacher": teacher or "",
        "m2v_onnx_version": __version__,
    }


def _tensor_frame(name: str, array: npt.NDArray[Any]) -> bytes:
    """Give all bytes of an initializer in front of its content."""
    inner = _serialize(_header(name, array)) + _field(_TENSOR_RAW_DATA, array.nbytes)
    return _field(_GRAPH_INITIALIZER, len(inner) + array.nbytes) + inner


def _header(name: str, array: npt.NDArray[Any]) -> onnx.TensorProto:
    return onnx.TensorProto(
        name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype)
    )


def _serialize(message: onnx.ModelProto | onnx.GraphProto | onnx.TensorProto) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))


def _field(number: int, n_bytes: int) -> bytes:
    """Give the tag and the length of a length-delimited protobuf field.

    >>> _field(7, 300).hex()
    '3aac02'
    """
    length = bytearray()
    while n_bytes > 0x7F:
        length.append(n_bytes & 0x7F | 0x80)
        n_bytes >>= 7
    length.append(n_bytes)
    return bytes([number << 3 | 2]) + bytes(length)
