"""What is evaluated, on what, and what comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from m2v_onnx.classifier import Classifier
from m2v_onnx.errors import M2vOnnxError
from m2v_onnx.model.vectors import Vectors

SEED = 0


class Encoder(Protocol):
    """Anything that embeds texts."""

    def encode(self, texts: list[str], /) -> npt.ArrayLike:
        """Give (B, D) finite numbers, a row for each of B texts."""
        ...


@dataclass(frozen=True)
class EvaluatedModel:
    """A model, ready to be evaluated.

    Attributes:
        name: what it is called in tables.
        encoder: what embeds.
        fingerprint: a hash of all that its vectors depend on; finished tasks are known again by it.
        size_bytes: what its weights take on disk; None where nobody knows.
        classifier: what gives labels itself, to tasks whose labels it knows; None for an encoder alone.
    """

    name: str
    encoder: Encoder
    fingerprint: str
    size_bytes: int | None = None
    classifier: Classifier | None = None

    def classify(self, texts: Sequence[str], labels: Sequence[str]) -> npt.NDArray[np.bool_] | None:
        """Give (B,), whether each text's label is found; None where the model does not know these labels."""
        if self.classifier is None or self.classifier.head.problem != "single_label":
            return None
        if not set(labels) <= set(map(str, self.classifier.labels)):
            return None
        found = self.classifier.predict(list(texts))
        return np.array([str(one) == other for one, other in zip(found, labels, strict=True)])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Give (B, D) float32, a row for each of B texts.

        Raises:
            M2vOnnxError: when the model gives another shape, NaN or infinity.
        """
        vectors = np.asarray(self.encoder.encode(list(texts)))
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.issubdtype(vectors.dtype, np.number):
            raise M2vOnnxError(
                f"expected ({len(texts)}, D) numbers from encode of the model {self.name}, found "
                f"{vectors.dtype} of shape {vectors.shape}: return an array with one row per text"
            )
        bad_rows = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad_rows):
            raise M2vOnnxError(
                f"expected finite vectors from the model {self.name}, found NaN or infinity for "
                f"{len(bad_rows)} of {len(texts)} texts, first {texts[bad_rows[0]]!r:.60}: mend the model"
            )
        return vectors.astype(np.float32, copy=False)


@dataclass(frozen=True)
class Score:
    """What a model reaches on a task.

    Attributes:
        value: percent, or texts per second for the tasks of `speed`.
        low: lower end of the 95% bootstrap interval; None where it was not computed.
        high: upper end of it.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Task:
    """A set of data with a measure.

    Attributes:
        name: family/set, such as `sts/stsb_test`.
        files: all that it reads.
        version: raised whenever the measure changes.
        score: gives the score of a model. Deterministic, but for the tasks of `speed`.
    """

    name: str
    files: tuple[Path, ...]
    version: str
    score: Callable[[EvaluatedModel], Score]

    @property
    def family(self) -> str:
        """The tasks that one measure, and one column of the leaderboard, belongs to."""
        return self.name.partition("/")[0]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of measure and data."""
        digest = hashlib.sha256(f"{self.name} {self.version}".encode())
        for path in self.files:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]
