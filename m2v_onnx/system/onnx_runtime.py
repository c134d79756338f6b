"""onnxruntime as this project opens it, and what it raises: every module imports it from here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy.typing as npt

from m2v_onnx.errors import FolderError

# onnxruntime 1.32 for Linux keeps a number of the machine, names of models and texts of errors, and sends
# them, unless it finds this at its import. Whoever has set it to something else keeps that.
NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1"}
os.environ.update({**NO_TELEMETRY, **os.environ})

import onnxruntime as onnxruntime  # noqa: E402, PLC0414  # also for those who import it from here
from onnxruntime.capi import onnxruntime_pybind11_state as _state  # noqa: E402

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
