"""Encoding with onnxruntime: needs nothing beyond the base install."""

from m2v_onnx.runtime.encoder import Encoder

__all__ = ["Encoder"]
