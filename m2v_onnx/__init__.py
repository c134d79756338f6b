"""Static embedding models distilled from Sentence Transformers, run by onnxruntime.

>>> from m2v_onnx import StaticModel
>>> model = StaticModel.from_pretrained("my-model")  # doctest: +SKIP
>>> model.encode(["It's dangerous to go alone!"]).shape  # doctest: +SKIP
(1, 256)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from m2v_onnx.version import __version__

if TYPE_CHECKING:
    from m2v_onnx.classifier import Classifier
    from m2v_onnx.errors import M2vOnnxError
    from m2v_onnx.runtime.text_graph import TextGraph
    from m2v_onnx.static_model import StaticModel
__all__ = ["Classifier", "M2vOnnxError", "StaticModel", "TextGraph", "__version__"]

_HOMES = {
    "Classifier": "m2v_onnx.classifier",
    "M2vOnnxError": "m2v_onnx.errors",
    "StaticModel": "m2v_onnx.static_model",
    "TextGraph": "m2v_onnx.runtime.text_graph",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # what a module attribute is, only its home knows
    """Import a public name when it is first used, so that `import m2v_onnx` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'm2v_onnx' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
