"""Texts as the matrices that learners take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, hstack

from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.runtime.parts import PartStore
from m2v_onnx.runtime.plan import Batching, plan_stream
from m2v_onnx.runtime.text_features import TextFeatures, read_features
from m2v_onnx.tokenizer.token_ids import TokenIds

# Rows of the table of pairs, and what it may grow to: with more labels, pairs do not count.
N_PAIR_ROWS = 1 << 16
_MOST_PAIR_NUMBERS = 1 << 24
_BATCH_TEXTS = 1024

Rows = npt.NDArray[np.int64]


def n_pair_rows(n_outputs: int) -> int:
    """Give H, the rows of the table of pairs for a number of labels; 0 where it would be too large."""
    return N_PAIR_ROWS if N_PAIR_ROWS * n_outputs <= _MOST_PAIR_NUMBERS else 0


def read_all(model: StaticEmbedding, texts: Sequence[str], *, n_rows: int, unit: bool = True) -> TextFeatures:
    """Give the features of any number of texts, on one thread: the same bytes on every machine's cores.

    Args:
        model: the static model.
        texts: the texts.
        n_rows: H, see `read_features`.
        unit: whether vectors have length 1 whatever the model's config says.

    Raises:
        ArgumentError: for anything that is not valid text; the message holds its index.
    """
    store = PartStore(model, graph_path=None, precision=None)
    plan = plan_stream(Batching(_BATCH_TEXTS, "model", 1), store, model_limit=model.config.max_length)
    blocks = [
        read_features(
            model,
            plan,
            texts[start : start + _BATCH_TEXTS],
            n_pair_rows=n_rows,
            unit=unit,
            first_index=start,
        )
        for start in range(0, len(texts), _BATCH_TEXTS)
    ]
    vectors = np.concatenate([block.vectors for block in blocks])
    tokens = TokenIds.joined([block.tokens for block in blocks])
    return TextFeatures(vectors, tokens, TokenIds.joined([block.pairs for block in blocks]))


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each token and pair stands in each text, over the root of n, the number of known tokens.

    Only columns that some text shows are there.

    Attributes:
        matrix: (N, P) float32.
        tokens: the ids of the first columns.
        pairs: the rows in the table of pairs of those behind them.
    """

    matrix: csr_array
    tokens: npt.NDArray[np.int32]
    pairs: npt.NDArray[np.int32]

    @classmethod
    def of(cls, features: TextFeatures, *, root: float | None = None) -> Counts:
        """Count the tokens and pairs of N texts.

        Args:
            features: of the texts.
            root: what tokens, and no pairs, are multiplied by over n instead; see `typical_root`.
        """
        n_known = np.maximum(features.tokens.lengths, 1)
        factor = (1 / np.sqrt(n_known)).astype(np.float32)
        of_tokens = factor if root is None else (root / n_known).astype(np.float32)
        tokens, pairs = np.unique(features.tokens.ids), np.unique(features.pairs.ids)
        matrix = hstack(
            [
                _count(features.tokens, tokens, of_tokens),
                _count(features.pairs, pairs, factor),
            ],
            format="csr",
        )
        return cls(matrix, tokens, pairs)

    def idf(self, rows: Rows | slice = slice(None)) -> npt.NDArray[np.float32]:
        """Give (P,) ln((1 + N) / (1 + df)) + 1 over N texts; 0 for what none of them shows.

        Source: scikit-learn's TfidfTransformer, smooth_idf.
        """
        matrix = self.matrix[rows]
        n_texts = np.bincount(matrix.indices, minlength=matrix.shape[1])
        idf = np.log((1 + matrix.shape[0]) / (1 + n_texts)) + 1
        return np.where(n_texts > 0, idf, 0).astype(np.float32)


def _count(rows: TokenIds, columns: npt.NDArray[np.int32], factor: Vectors) -> csr_array:
    places = np.searchsorted(columns, rows.ids).astype(np.int32)
    data = np.repeat(factor, rows.lengths)
    matrix = csr_array((data, places, rows.offsets.astype(np.int32)), shape=(len(rows), len(columns)))
    matrix.sum_duplicates()
    return matrix


def dense_beside(vectors: Vectors, matrix: csr_array) -> csr_array:
    """Give (N, D + P) float64: a dense block and a sparse one side by side, as liblinear takes them."""
    n_rows, dim = vectors.shape
    indices = np.tile(np.arange(dim, dtype=np.int32), n_rows)
    starts = np.arange(0, n_rows * dim + 1, dim, dtype=np.int32 if n_rows * dim < 1 << 31 else np.int64)
    dense = csr_array((vectors.astype(np.float64).ravel(), indices, starts), shape=(n_rows, dim))
    return hstack([dense, matrix], format="csr", dtype=np.float64)
