"""Sessions of teachers under onnxruntime: execution providers, inputs and outputs."""

from __future__ import annotations

import importlib.metadata
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import M2vOnnxError, ProviderError, TeacherError
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.onnx_file import external_data_names
from m2v_onnx.system.onnx_runtime import ORT_ERRORS, first_line, onnxruntime
from m2v_onnx.teacher.options import Execution

logger = logging.getLogger(__name__)

_PROVIDER_NAMES = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_TOKEN_OUTPUTS = ("last_hidden_state", "token_embeddings")
# What other heads give, at every position as well.
_OTHER_OUTPUTS = re.compile(r"(.*_)?logits|(present|past)[._].*|loss|scores")
_REMEDY = "export the teacher (--teacher-onnx export)"
_RUN_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")


class TeacherSession:
    """A teacher under onnxruntime. Thread-safe.

    Args:
        path: its ONNX file.
        execution: where and how to run it.
        hidden_size: what d must be; None where nothing is known.
        vocab_size: the number of token ids that it knows; None where nothing is known.

    Attributes:
        on_cpu: whether it runs on the CPU.
        width: d, the size of a hidden state.

    Raises:
        ProviderError: when the execution provider that was asked for cannot be used.
        TeacherError: when the file is damaged, or no text encoder with one token-level output of that size.
    """

    def __init__(
        self,
        path: Path,
        execution: Execution,
        *,
        hidden_size: int | None = None,
        vocab_size: int | None = None,
    ) -> None:
        self._path = path
        self._vocab_size = vocab_size
        self._session = _open_session(path, execution)
        self.on_cpu = self._session.get_providers()[0] == _PROVIDER_NAMES["cpu"]
        self._input_types = {entry.name: entry.type for entry in self._session.get_inputs()}
        if "input_ids" not in self._input_types or not self._input_types.keys() <= set(_RUN_INPUTS):
            raise TeacherError(
                f"expected a text encoder with inputs among {', '.join(_RUN_INPUTS)} "
                f"in {path}, found inputs {_list(self._input_types)}: {_REMEDY}"
            )
        self._token_output = _token_output(self._session.get_outputs(), path)
        names = [output.name for output in self._session.get_outputs()]
        self._pooler_output = "pooler_output" if "pooler_output" in names else None
        self.width = self.hidden_states(np.zeros((1, 1), np.int64)).shape[2]
        if hidden_size is not None and self.width != hidden_size:
            raise TeacherError(
                f"expected hidden states of {hidden_size} numbers, as the teacher's config.json says, in "
                f"output {self._token_output} of {path}, found {self.width}: {_REMEDY}"
            )

    def hidden_states(self, input_ids: npt.NDArray[np.int64]) -> Vectors:
        """Run (B, T) token ids without padding; give (B, T, d) float32."""
        return self._run(self._token_output, input_ids)

    def pooler_output(self, input_ids: npt.NDArray[np.int64]) -> Vectors:
        """Run (B, T) token ids without padding; give the pooler's (B, d) float32.

        Raises:
            TeacherError: when the graph has no such output.
        """
        if self._pooler_output is None:
            raise TeacherError(
                "the teacher's ONNX file has no output pooler_output, which pooling='pooler' needs: choose "
                "another pooling, or export a teacher that has a pooler (--teacher-onnx export)"
            )
        return self._run(self._pooler_output, input_ids)

    def _run(self, output: str, input_ids: npt.NDArray[np.int64]) -> Vectors:
        largest = input_ids.max(initial=0)
        if self._vocab_size is not None and largest >= self._vocab_size:  # zeros, on a GPU
            raise TeacherError(
                f"expected token ids below {self._vocab_size}, the vocab_size in the config.json of the "
                f"teacher at {self._path}, found {largest}: take tokenizer and weights from the same model; "
                "a padding or an added token is left out by --word-padding none, --added-tokens remove"
            )
        arrays = {
            "input_ids": input_ids,
            "attention_mask": np.ones_like(input_ids),
            "token_type_ids": np.zeros_like(input_ids),
            "position_ids": np.broadcast_to(np.arange(input_ids.shape[1]), input_ids.shape),
        }
        feeds = {
            name: np.ascontiguousarray(arrays[name], np.int32 if kind == "tensor(int32)" else np.int64)
            for name, kind in self._input_types.items()
        }
        try:
            result: Vectors = self._session.run([output], feeds)[0].astype(np.float32, copy=False)
        except ORT_ERRORS as error:
            raise TeacherError(
                f"expected a teacher that takes any batch of token ids, {self._path} failed on "
                f"{input_ids.shape}, ids up to {largest} ({first_line(error)}): export it again "
                "(--teacher-onnx export)"
            ) from error
        return result


def _list(names: Iterable[str]) -> str:
    """List names; a decoder has dozens."""
    first = list(names)
    return ", ".join(first[:6]) + " …" * (len(first) > 6)


def _check_data(path: Path) -> None:
    """Say which of a graph's own files are missing, where that is why it does not run."""
    try:
        missing = [name for name in external_data_names(path) if not (path.parent / name).exists()]
    except M2vOnnxError:
        return
    if missing:
        raise TeacherError(
            f"expected the weights of {path} in {', '.join(missing)} beside it, found no such file: fetch "
            "the whole model"
        )


def wanted_provider(execution: Execution) -> Literal["cpu", "cuda", "coreml"]:
    """Give where a teacher is to run; where CUDA was not asked for and does not load, it runs on the CPU."""
    if execution.provider != "auto":
        return execution.provider
    # CoreML only when it is asked for: whether it is faster at three tokens, nobody has measured.
    return "cuda" if _PROVIDER_NAMES["cuda"] in onnxruntime.get_available_providers() else "cpu"


def _open_session(path: Path, execution: Execution) -> onnxruntime.InferenceSession:
    available = onnxruntime.get_available_providers()
    wanted = _PROVIDER_NAMES[wanted_provider(execution)]
    if wanted not in available:
        raise _provider_error(wanted, f"offers {', '.join(available)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # runs side by side beat threads inside one run
    options.enable_mem_pattern = False  # it plans memory anew for every length, and keeps each plan
    options.log_severity_level = 4  # an error comes as an exception, too
    settings = {"device_id": execution.device_id} if wanted == _PROVIDER_NAMES["cuda"] else {}
    try:
        session = onnxruntime.InferenceSession(path, options, providers=[(wanted, settings)])
    except ORT_ERRORS as error:
        _check_data(path)
        raise TeacherError(
            f"expected an ONNX graph that onnxruntime {onnxruntime.__version__} runs in {path}, found "
            f"{first_line(error)}: fetch or export the file again"
        ) from error
    loaded = session.get_providers()[0]
    if loaded != wanted:
        if execution.provider != "auto":
            raise _provider_error(wanted, f"fell back to {loaded}; its message stands above")
        logger.warning("%s did not load; running on %s", wanted, loaded)
    return session


def _provider_error(wanted: str, found: str) -> ProviderError:
    packages = sorted(
        f"{name} {distribution.version}"
        for distribution in importlib.metadata.distributions()
        if (name := distribution.metadata["Name"] or "").startswith("onnxruntime")
    )
    both = " (two packages share one folder and overwrite each other)" if len(packages) > 1 else ""
    remedy = {
        _PROVIDER_NAMES[
            "cuda"
        ]: "run `pip install --force-reinstall --no-deps onnxruntime-gpu`, and check that "
        "its CUDA and cuDNN are installed",
        _PROVIDER_NAMES["coreml"]: "run on macOS with `pip install onnxruntime`",
        _PROVIDER_NAMES["cpu"]: "run `pip install --force-reinstall --no-deps onnxruntime`",
    }[wanted]
    return ProviderError(
        f"expected {wanted}, but onnxruntime {found}; installed: {', '.join(packages)}{both}: {remedy}"
    )


def _token_output(outputs: list[onnxruntime.NodeArg], path: Path) -> str:
    """Find the token-level output by its name, or as the only float output of rank 3."""
    names = [output.name for output in outputs]
    for name in _TOKEN_OUTPUTS:
        if name in names:
            return name
    candidates = [
        output.name
        for output in outputs
        if len(output.shape) == 3
        and output.type == "tensor(float)"
        and not _OTHER_OUTPUTS.fullmatch(output.name)
    ]
    if len(candidates) != 1:
        raise TeacherError(
            f"expected one token-level output in {path} ({' or '.join(_TOKEN_OUTPUTS)}, or a single float32 "
            f"one of rank 3), found {len(candidates)} among {_list(names)}: export the teacher again "
            "(--teacher-onnx export)"
        )
    return str(candidates[0])
