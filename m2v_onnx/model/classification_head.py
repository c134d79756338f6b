"""What a classifier adds to a static model: a linear layer over vectors, tokens and pairs of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import FolderError
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import MOST_VALUE, Vectors, row_norms

Problem = Literal["single_label", "multi_label", "regression"]
Label = str | int | bool

# The row of a pair of tokens, a before b, is (a x FIRST + b x SECOND) mod the number of rows.
PAIR_FACTORS = (1_000_003, 7_919)


@dataclass(frozen=True, eq=False)
class ClassificationHead:
    """The data of a classifier, beside its static model; every graph is built from it.

    logits = h W + (sum of terms + sum of pairs) / sqrt(max(n, 1)) + b. h is the vector of a text, of length 1
    where `unit` says so, and zeros for a text without tokens that count. n is the number of tokens that
    count, as they do in the mean of the model. A pair is two tokens side by side that both count.

    Attributes:
        labels: C of them, in the order of the columns, all of one type; empty for a regression.
        weight: (D, C) float32, W.
        bias: (C,) float32, b.
        terms: (V, C) float32, what each token adds; None for nothing.
        pairs: (H, C) float32, what pairs of tokens add, see `pair_rows`; None for nothing.
        problem: `single_label` (softmax), `multi_label` (a sigmoid for each) or `regression` (logits are the
            values).
        unit: whether h has length 1 whatever the model's config says; else it is what `encode` gives.

    Raises:
        FolderError: when the parts do not fit together, hold NaN or infinity, or two labels read alike.
    """

    labels: tuple[Label, ...]
    weight: Vectors
    bias: Vectors
    terms: Vectors | None = None
    pairs: Vectors | None = None
    problem: Problem = "single_label"
    unit: bool = True

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_labels(self)

    @property
    def n_outputs(self) -> int:
        """C, the number of labels or of values."""
        return int(self.bias.shape[0])

    @property
    def dim(self) -> int:
        """D, the number of columns of the vectors that it takes."""
        return int(self.weight.shape[0])

    def check_fits(self, model: StaticEmbedding) -> None:
        """Refuse a model that this head was not trained on.

        Raises:
            FolderError: naming the numbers that differ.
        """
        found = {"dimensions": (self.dim, model.dim)}
        if self.terms is not None:
            found["tokens"] = (len(self.terms), model.n_tokens)
        for what, (own, other) in found.items():
            if own != other:
                raise FolderError(
                    f"the head of the classifier must fit its model: it has {own} {what}, the model {other}. "
                    "Take both from the same classifier"
                )

    def logits_reference(self, model: StaticEmbedding, texts: Iterable[str]) -> Vectors:
        """Give (B, C) float32 logits, slowly, in NumPy: the specification that graphs and runtime must equal.

        Raises:
            FolderError: when the head does not fit the model.
        """
        self.check_fits(model)
        texts = list(texts)
        token_ids = [model.token_ids_reference(text) for text in texts]
        return self.logits(model.encode_reference(texts), token_ids, model.counting_ids)

    def logits(
        self,
        vectors: Vectors,
        token_ids: Sequence[Sequence[int] | npt.NDArray[np.integer[Any]]],
        counting: npt.NDArray[np.bool_],
    ) -> Vectors:
        """Give (B, C) float32 logits of texts that are vectors and tokens already.

        Args:
            vectors: (B, D) float32, what the model's `encode` gives.
            token_ids: the token ids of each text, within the limit, unknown and special tokens included.
            counting: (V,) bool, the model's `counting_ids`.
        """
        wide = vectors.astype(np.float64)
        if self.unit:
            wide /= row_norms(vectors)[:, None]
        result = wide @ self.weight.astype(np.float64) + self.bias
        for row, ids in enumerate(token_ids):
            result[row] += self._sums(np.asarray(ids, np.int64), counting)
        return result.astype(np.float32)

    def probabilities(self, logits: Vectors) -> Vectors:
        """Give (B, C) float32: their softmax, or the sigmoid of each where labels exclude nothing.

        A regression has no probabilities: its logits come back.
        """
        if self.problem == "regression":
            return logits
        wide = logits.astype(np.float64)
        if self.problem == "multi_label":
            return np.asarray(0.5 * (1 + np.tanh(wide / 2)), np.float32)
        shares = np.exp(wide - wide.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)

    def _sums(self, ids: npt.NDArray[np.int64], counting: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Give (C,), what the tokens and pairs of a text add."""
        is_known = counting[ids]
        known = ids[is_known]
        added = np.zeros(self.n_outputs)
        if self.terms is not None:
            added += self.terms[known].sum(axis=0, dtype=np.float64)
        if self.pairs is not None:
            added += self.pairs[pair_rows(ids, is_known, len(self.pairs))].sum(axis=0, dtype=np.float64)
        return np.asarray(added / np.sqrt(max(len(known), 1)))


def pair_rows(
    ids: npt.NDArray[np.int64], is_known: npt.NDArray[np.bool_], n_rows: int
) -> npt.NDArray[np.int64]:
    """Give the rows of all pairs of neighbours of a text that both count, in their order.

    >>> pair_rows(np.array([2, 3, 0, 4]), np.array([True, True, False, True]), 65536).tolist()
    [57683]

    Args:
        ids: (T,) the token ids of a text.
        is_known: (T,) whether each counts.
        n_rows: H.
    """
    first, second = PAIR_FACTORS
    rows = (ids[:-1] * first + ids[1:] * second) % n_rows
    return np.asarray(rows[is_known[:-1] & is_known[1:]], np.int64)


def _check_shapes(head: ClassificationHead) -> None:
    if head.problem not in get_args(Problem):
        raise FolderError(f"problem must be one of {', '.join(get_args(Problem))}, found {head.problem!r}")
    if head.bias.ndim != 1 or head.n_outputs == 0:
        raise FolderError(f"bias must hold a number for each label, found shape {head.bias.shape}")
    matrices = {"weight": head.weight, "terms": head.terms, "pairs": head.pairs}
    for name, array in matrices.items():
        if array is not None and (array.ndim != 2 or array.shape[1] != head.n_outputs or not len(array)):
            raise FolderError(
                f"{name} must have {head.n_outputs} columns, as bias has numbers, found shape {array.shape}"
            )
    for name, array in {**matrices, "bias": head.bias}.items():
        if array is None:
            continue
        if array.dtype != np.float32:
            raise FolderError(f"{name} must be float32, found {array.dtype}")
        if not (np.abs(array) <= MOST_VALUE).all():
            raise FolderError(
                f"{name} must hold numbers up to {MOST_VALUE:g}, found NaN, infinity or a larger one: "
                "train again"
            )


def _check_labels(head: ClassificationHead) -> None:
    n_expected = 0 if head.problem == "regression" else head.n_outputs
    if len(head.labels) != n_expected:
        raise FolderError(
            f"expected {n_expected} labels for {head.n_outputs} columns of a {head.problem} head, found "
            f"{len(head.labels)}"
        )
    if head.problem == "single_label" and n_expected < 2:
        raise FolderError("expected two labels or more, found one: there is nothing to tell apart")
    types = {type(label) for label in head.labels}
    if not types <= {str, int, bool} or len(types) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in types))
        raise FolderError(f"labels must all be texts, all whole numbers or all true and false, found {names}")
    seen: set[str] = set()
    for text in map(str, head.labels):
        if text in seen:
            raise FolderError(f"labels must differ, found {text!r:.60} twice")
        seen.add(text)
