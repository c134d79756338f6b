"""Tensors of a `pytorch_model.bin`, without torch: a zip file with a pickle that may name tensors alone."""

from __future__ import annotations

import pickle  # read through `_Tensors` alone, which calls nothing that a file names
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.tensors import widen_bfloat16

_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
_MAX_PICKLE_BYTES = 64 << 20


def read_torch_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read every tensor of a state dict that `torch.save` wrote; bfloat16 becomes float32.

    Nothing in the file is run: a name that is no part of a tensor is refused.

    Raises:
        FolderError: when the file is damaged, holds anything but tensors, or is older than torch 1.6.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if archive.getinfo(name).file_size > _MAX_PICKLE_BYTES:
                raise pickle.UnpicklingError(f"{name} larger than any list of tensors")
            with archive.open(name) as file:
                content = _Tensors(file, archive, name.removesuffix("data.pkl")).load()
    except _ERRORS as error:
        raise FolderError(
            f"expected tensors, as `torch.save` writes them, in {path}, found something else ({error}): save "
            "the model again with safe_serialization=True, which writes model.safetensors"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(v, np.ndarray) for v in content.values()):
        raise FolderError(f"expected a state dict of tensors in {path}, found a {type(content).__name__}")
    return {str(key): array for key, array in content.items()}


class _Tensors(pickle.Unpickler):
    """An unpickler that knows tensors, their storages and ordered dictionaries, and nothing else."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, root: str) -> None:  # noqa: ANN401  # a zip member
        super().__init__(file)
        self._archive = archive
        self._root = root

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  # as the library's
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
        }
        if module == "torch" and name in _DTYPES:
            return name
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"the name {module}.{name}, which is none of a tensor's")
        return known[module, name]

    def persistent_load(self, pid: Any) -> npt.NDArray[Any]:  # noqa: ANN401  # as the library's
        """Read a storage: ("storage", its type, its key, a device, its length)."""
        _, kind, key, *_ = pid
        raw = np.frombuffer(self._archive.read(f"{self._root}data/{key}"), _DTYPES[kind])
        if kind != "BFloat16Storage":
            return raw
        return widen_bfloat16(raw)


def _rebuild_tensor(
    storage: npt.NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> npt.NDArray[Any]:
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min(offset, *size, *stride, 0) < 0 or (0 not in size and last >= len(storage)):
        raise pickle.UnpicklingError("a tensor that reaches beyond its storage")
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps, writeable=False)


def _rebuild_parameter(data: npt.NDArray[Any], *_: object) -> npt.NDArray[Any]:
    return data


# What zip files, pickles and the calls in them raise where a file is damaged.
_ERRORS = (
    *(OSError, EOFError, KeyError, IndexError, AttributeError, TypeError, ValueError, OverflowError),
    *(zipfile.BadZipFile, pickle.UnpicklingError, NotImplementedError),
)
