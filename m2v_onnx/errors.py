"""The errors that this library raises on purpose.

Every message says what was expected, what was found, where, and what to do.
"""

from __future__ import annotations

import errno
from collections.abc import Collection
from importlib.util import find_spec
from numbers import Integral

# What an OSError's `errno` is where a disk is full.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class M2vOnnxError(Exception):
    """Base of every error that m2v-onnx raises on purpose."""


class ArgumentError(M2vOnnxError, ValueError):
    """An argument, an option or a text that cannot be used."""


class FolderError(M2vOnnxError):
    """A static model's folder or file that is missing, damaged, or in use for something else."""


class TeacherError(M2vOnnxError):
    """A teacher that cannot be found, read, exported or run."""


class DataError(M2vOnnxError):
    """Evaluation data that are missing, damaged, or too few to score."""


class ProviderError(M2vOnnxError):
    """An onnxruntime execution provider that was asked for and cannot be used."""


class MissingExtraError(M2vOnnxError, ImportError):
    """A package of an optional extra that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs the package {package!r}, which is not installed: "
            f'run `pip install "m2v-onnx[{extra}]"`'
        )


def require_module(module: str, *, package: str, extra: str) -> None:
    """Refuse to go on where a module is not installed; it is not loaded.

    Raises:
        MissingExtraError: naming the package that it comes with.
    """
    if find_spec(module) is None:
        raise MissingExtraError(package, extra)


def check_choice(name: str, value: object, allowed: Collection[str]) -> None:
    """Refuse a value that is none of the allowed ones.

    Raises:
        ArgumentError: naming both.
    """
    if value not in allowed:
        raise ArgumentError(f"{name} must be one of {', '.join(allowed)}, found {value!r}")


def check_positive(**values: int | None) -> None:
    """Refuse numbers below 1; None is none.

    >>> check_positive(batch_size=1, n_threads=None)

    Raises:
        ArgumentError: naming the first; also for what is no whole number.
    """
    for name, value in values.items():
        if value is None:
            continue
        if type(value) is not int and (isinstance(value, bool) or not isinstance(value, Integral)):
            raise ArgumentError(f"{name} must be a whole number, found {value!r:.60}")
        if value < 1:
            raise ArgumentError(f"{name} must be 1 or more, found {value}")
