"""Export a transformer to ONNX with optimum, and compare the two: `python -m … FOLDER OUTPUT`.

A program of its own, so that torch never enters the process that distils. One description of the graph serves
every architecture: token ids and their mask in, hidden states out; the model's own code makes the positions,
token types and causal masks.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from optimum.exporters.onnx import export
from optimum.exporters.onnx.config import TextEncoderOnnxConfig
from optimum.utils import NormalizedTextConfig

from m2v_onnx.errors import M2vOnnxError, TeacherError
from m2v_onnx.folder.names import CONFIG_NAME
from m2v_onnx.system.onnx_runtime import ORT_ERRORS
from m2v_onnx.system.text_files import read_json
from m2v_onnx.teacher.exporter import parse_child_arguments
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.session import TeacherSession

# Exports differ from torch by 2e-6 of the largest value; anything near this bound is a wrong graph.
_TOLERANCE = 1e-3
# Shorter and longer than the 16 positions that optimum traces with, so that a length that it froze shows.
_CHECKED_SHAPES = ((4, 3), (2, 24))
# AutoModel would give encoder and decoder.
_ENCODER_CLASSES = {"mt5": "MT5EncoderModel", "t5": "T5EncoderModel", "umt5": "UMT5EncoderModel"}
_WEIGHT_PATTERNS = ("*.safetensors", "*.bin")
_LAST_RESORT = "put an ONNX file of it at onnx/model.onnx in its folder"
# What transformers, optimum and a model's own code raise where they cannot go on.
_FOREIGN_ERRORS = (
    *(AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    *ORT_ERRORS,
)


@dataclass(frozen=True)
class _Transformer:
    """A torch model, and the names of what its graph takes and gives."""

    model: Any
    input_names: list[str]
    output_names: list[str]


def main() -> None:
    """Export, check, and print the largest difference."""
    arguments = parse_child_arguments(__doc__)
    try:
        transformer = _load_transformer(arguments.folder, trust_remote_code=arguments.trust_remote_code)
        export(transformer.model, _TextGraph(transformer), arguments.output)
        difference = _largest_difference(transformer, arguments.output)
    except M2vOnnxError as error:
        sys.exit(str(error))
    except _FOREIGN_ERRORS as error:
        message = " ".join(str(error).split())
        sys.exit(f"{type(error).__name__}: {message[:500]}; if that cannot be mended, {_LAST_RESORT}")
    if not difference < _TOLERANCE:
        sys.exit(
            f"expected an ONNX graph that agrees with torch, found a difference of {difference:.2g} of the "
            f"largest value where less than {_TOLERANCE:g} is usual: {_LAST_RESORT}"
        )
    print(f"exported to ONNX: {difference:.2g} of the largest value off torch at most")  # noqa: T201  # its parent logs it


def _load_transformer(folder: Path, *, trust_remote_code: bool) -> _Transformer:
    loaded = _model_class(folder, trust_remote_code=trust_remote_code).from_pretrained(
        folder, trust_remote_code=trust_remote_code, output_loading_info=True
    )
    # NomicBERT's own code gives the model alone.
    model, loading = loaded if isinstance(loaded, tuple) else (loaded, {"missing_keys": []})
    taken = inspect.signature(model.forward).parameters
    if "input_ids" not in taken:
        raise TeacherError(
            f"expected a text model, which takes input_ids, found {type(model).__name__}, which takes "
            f"{model.main_input_name}: name a Sentence Transformer"
        )
    missing = dict(model.named_parameters()).keys() & set(loading["missing_keys"])
    return _Transformer(
        model.float().eval(),
        input_names=[name for name in ("input_ids", "attention_mask") if name in taken],
        output_names=["last_hidden_state", *_pooler_names(model, missing)],
    )


def _model_class(folder: Path, *, trust_remote_code: bool) -> Any:  # noqa: ANN401  # transformers has no types
    """Give the class that loads a folder; refuse, in words of our own, what transformers would refuse."""
    settings = read_json(folder / CONFIG_NAME, dict)
    model_type = str(settings.get("model_type"))
    own_code = (settings.get("auto_map") or {}).get("AutoModel")
    if model_type not in transformers.CONFIG_MAPPING and not (own_code and trust_remote_code):
        known = f"a model_type in {CONFIG_NAME} that transformers {transformers.__version__} knows"
        if own_code:
            raise TeacherError(
                f"expected {known}, found {model_type!r}, which needs the repository's own code, {own_code}: "
                "read that code, and pass --trust-remote-code (trust_remote_code=True) to run it"
            )
        raise TeacherError(f"expected {known}, found {model_type!r}: {_LAST_RESORT}")
    if not any(path for pattern in _WEIGHT_PATTERNS for path in folder.glob(pattern)):
        raise TeacherError(
            f"expected weights ({' or '.join(_WEIGHT_PATTERNS)}) beside {CONFIG_NAME}, found none: fetch the "
            "whole model"
        )
    return getattr(transformers, _ENCODER_CLASSES.get(model_type, "AutoModel"))


def _pooler_names(model: Any, missing: Collection[str]) -> list[str]:  # noqa: ANN401
    """Name the pooler's output where there is a pooler with weights; refuse a model that misses others."""
    others = sorted(name for name in missing if not name.startswith("pooler."))
    if others:
        raise TeacherError(
            f"expected the weights of a {type(model).__name__}, found none for {len(others)} of its "
            f"parameters ({', '.join(others[:3])} …): fetch the whole model, or, if it has code of its own, "
            "pass --trust-remote-code"
        )
    return [] if missing or getattr(model, "pooler", None) is None else ["pooler_output"]


class _TextGraph(TextEncoderOnnxConfig):  # type: ignore[misc]  # optimum has no types
    """What optimum wants to know of a graph: its inputs and outputs, and which of their axes are dynamic."""

    NORMALIZED_CONFIG_CLASS = NormalizedTextConfig

    def __init__(self, transformer: _Transformer) -> None:
        super().__init__(transformer.model.config, task="feature-extraction")
        self._transformer = transformer

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        return {name: {0: "batch_size", 1: "sequence_length"} for name in self._transformer.input_names}

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        axes = {
            "last_hidden_state": {0: "batch_size", 1: "sequence_length"},
            "pooler_output": {0: "batch_size"},
        }
        return {name: axes[name] for name in self._transformer.output_names}


def _largest_difference(transformer: _Transformer, path: Path) -> float:
    """Give the largest difference of the outputs, torch against ONNX, as a share of the largest value."""
    session = TeacherSession(path, Execution(provider="cpu"))
    run = {"last_hidden_state": session.hidden_states, "pooler_output": session.pooler_output}
    random = np.random.default_rng(0)
    differences = []
    for shape in _CHECKED_SHAPES:
        input_ids = random.integers(0, transformer.model.config.vocab_size, shape)
        arrays = {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)}
        with torch.inference_mode():
            expected = transformer.model(
                **{name: torch.from_numpy(arrays[name]) for name in transformer.input_names}
            )
        for name in transformer.output_names:
            states = expected[name].numpy()
            differences.append(np.abs(run[name](input_ids) - states).max() / np.abs(states).max())
    return float(np.max(differences))


if __name__ == "__main__":
    main()
