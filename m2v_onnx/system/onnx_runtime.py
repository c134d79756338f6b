"""onnxruntime as this project opens it, and what it raises: every module imports it from here."""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path
from typing import Any

import numpy.typing as npt

from m2v_onnx.errors import FolderError
from m2v_onnx.system.text_files import check_regular, readable

# onnxruntime 1.32 for Linux keeps a number of the machine, names of models and texts of errors, and sends
# them, unless it finds this at its import. Whoever has set it to something else keeps that.
NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1"}
os.environ.update({**NO_TELEMETRY, **os.environ})

import onnxruntime as onnxruntime  # noqa: E402, PLC0414  # also for those who import it from here
from onnxruntime.capi import onnxruntime_pybind11_state as _state  # noqa: E402

# As protobuf writes them: the kind of a node, and who wrote a model.
_LOOP = re.compile(rb'"\x04(Loop|Scan)')
# Where a tensor in another file lies: a key, whose second form only a deceiver writes, and its value.
_LOCATION = re.compile(rb"\n(?:\x08|\x88\x80*\x00)location(?:\x12([\x00-\x7f]))?")
_PRODUCER = b"\x12\x08m2v-onnx"
_PRODUCER_WITHIN = 64
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


def open_session(
    path: Path, *, table: npt.NDArray[Any] | None = None, trust: bool = False
) -> onnxruntime.InferenceSession:
    """Load a static model's graph.

    Args:
        path: the ONNX file.
        table: what the graph takes its table from when that lies in another file; None lets onnxruntime
            read that file.
        trust: run a graph with loops that m2v-onnx did not write: it may never end.

    Raises:
        FolderError: when the file is damaged, or holds a stranger's loops.
    """
    check_regular(path)
    _check_content(path, trust=trust)
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
            "fetch the folder again, or write it again by `m2v-onnx export`"
        ) from error


def _check_content(path: Path, *, trust: bool) -> None:
    """Refuse loops of strangers, and tensors outside the graph's folder, which onnxruntime 1.23 reads."""
    with readable(path), path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # which cannot be mapped; onnxruntime refuses it
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _check_locations(path, content)
            has_loops = not trust and _LOOP.search(content) is not None
            if has_loops and _PRODUCER not in content[:_PRODUCER_WITHIN]:
                raise FolderError(
                    f"expected a graph of m2v-onnx in {path}, found another's with loops, which may never "
                    "end: if you trust it, use --trust-graph (trust_graph=True)"
                )


def _check_locations(path: Path, content: mmap.mmap) -> None:
    folder = path.resolve().parent
    for match in _LOCATION.finditer(content):
        name = content[match.end() : match.end() + match[1][0]] if match[1] else b""
        place = (path.parent / os.fsdecode(name)).resolve() if name and b"\0" not in name else folder
        if not place.is_relative_to(folder) or place == folder:
            raise FolderError(
                f"expected the tensors of {path} in its folder, found some at {os.fsdecode(name)!r:.100}: "
                "fetch the folder again"
            )
