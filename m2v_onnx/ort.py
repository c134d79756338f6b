"""What onnxruntime raises: classes without a common base of their own, and messages of many lines."""

from onnxruntime.capi import onnxruntime_pybind11_state as _state

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
