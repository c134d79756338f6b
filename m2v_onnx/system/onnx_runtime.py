"""onnxruntime as this project opens it, and what it raises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as _state

from m2v_onnx.errors import FolderError

# Classes without a common base of their own.
ORT_ERRORS = (
    _state.EPFail,
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.NoSuchFile,
    _state.NotImplemented,
    _state.RuntimeException,
)


def first_line(error: Exception) -> str:
    """Give the first line of an error's message, which says what is wrong."""
    return str(error).strip().split("\n")[0]


def open_session(path: Path, *, table: npt.NDArray[Any] | None = None) -> onnxruntime.InferenceSession:
    """Load a static model's graph.

    Args:
        path: the ONNX file.
        table: what the graph takes its table from when that lies in another file; None lets onnxruntime
            read that file.

    Raises:
        FolderError: when the file is damaged.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # two threads are slower than one at this work
    options.log_severity_level = 3  # the optional input is meant: no warning for it
    if table is not None:
        options.add_external_initializers(["table"], [onnxruntime.OrtValue.ortvalue_from_numpy(table)])
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except ORT_ERRORS as error:
        raise FolderError(
            f"expected an ONNX graph in {path}, found a damaged one ({first_line(error)}): "
            "write the folder again with `m2v-onnx export`"
        ) from error
