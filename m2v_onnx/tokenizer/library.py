"""Calls of the tokenizers library, whose panics are no `Exception`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from m2v_onnx.errors import FolderError

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def guarded(
    call: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Call the tokenizers library.

    Raises:
        FolderError: where its Rust code panics.
    """
    try:
        return call(*args, **kwargs)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a BaseException that no module exports
            raise
        raise FolderError(
            f"expected a tokenizer that the tokenizers library runs, found one on which it panics "
            f"({str(error)[:200]}): take another tokenizer.json, or another version of the library"
        ) from error
