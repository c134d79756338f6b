"""ONNX models whose large tensors are kept apart, so that writing them copies nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from m2v_onnx.system.row_blocks import row_blocks

# Field numbers of onnx.proto.
_MODEL_GRAPH, _GRAPH_INITIALIZER, _TENSOR_RAW_DATA = 7, 5, 9


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
        """Write the model without some large tensors, which lie in another file of the same folder."""
        model = onnx.ModelProto()
        model.CopyFrom(self.proto)
        for name, array in self.large.items():
            tensor = model.graph.initializer.add()
            tensor.CopyFrom(_header(name, array))
            place = external.get(name)
            if place is None:
                tensor.raw_data = array.tobytes()
                continue
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (
                ("location", place.file_name),
                ("offset", place.offset),
                ("length", place.n_bytes),
            ):
                tensor.external_data.add(key=key, value=str(value))
        path.write_bytes(_serialize(model))


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
