"""Encoding: needs nothing beyond the base install."""

from m2v_onnx.runtime.encoder import Batching, Encoder

__all__ = ["Batching", "Encoder"]
