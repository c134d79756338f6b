"""What onnxruntime raises: classes without a common base of their own."""

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
