"""Texts to what a classifier's head takes: vectors, known tokens, and pairs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.classification_head import ClassificationHead, pair_rows
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors, row_norms
from m2v_onnx.runtime.encoder import check_finite_vectors
from m2v_onnx.runtime.plan import Plan
from m2v_onnx.runtime.tokenization import tokenize_batch
from m2v_onnx.tokenizer.token_ids import TokenIds, offsets_of


@dataclass(frozen=True)
class TextFeatures:
    """What a head takes of B texts.

    Attributes:
        vectors: (B, D) float32, of length 1 or as the model's `encode` gives them; zeros for a text without
            known tokens.
        tokens: the ids of each text's known tokens.
        pairs: the rows of each text's pairs of known neighbours, as `pair_rows` gives them.
    """

    vectors: Vectors
    tokens: TokenIds
    pairs: TokenIds

    def __len__(self) -> int:
        """Give B, the number of texts."""
        return len(self.vectors)

    def logits(self, head: ClassificationHead) -> Vectors:
        """Give (B, C) float32 logits: what `ClassificationHead.logits` specifies, for many texts at once."""
        added = np.zeros((len(self), head.n_outputs))
        for table, rows in ((head.terms, self.tokens), (head.pairs, self.pairs)):
            if table is not None:
                added += _sums(table, rows)
        added /= np.sqrt(np.maximum(self.tokens.lengths, 1))[:, None]
        return np.asarray(self.vectors @ head.weight + (added + head.bias), np.float32)


def read_features(
    model: StaticEmbedding,
    plan: Plan,
    texts: Sequence[str],
    *,
    n_pair_rows: int,
    unit: bool = True,
    first_index: int = 0,
) -> TextFeatures:
    """Tokenise texts once, and give all that a head takes of them.

    Args:
        model: the static model.
        plan: its parts, and the limit of tokens.
        texts: the texts.
        n_pair_rows: H, the rows of the head's table of pairs; 0 gives no pairs.
        unit: whether vectors have length 1 whatever the model's config says.
        first_index: the number of the first text, for messages.

    Raises:
        ArgumentError: for anything that is not valid text.
        FolderError: when the table is not finite.
    """
    found = tokenize_batch(model, plan.tokenizer, texts, max_length=plan.max_length, first_index=first_index)
    vectors: Vectors = np.empty((len(texts), model.dim), np.float32)
    plan.row_mean.mean(found, vectors)
    check_finite_vectors(vectors, first_index)
    if unit and not model.config.normalize:
        vectors /= row_norms(vectors)[:, None]
    counting = model.counting_ids
    pairs = _pairs(found, counting, n_pair_rows) if n_pair_rows else TokenIds.of([[]] * len(texts))
    return TextFeatures(vectors, found.keep(counting), pairs)


def _pairs(found: TokenIds, counting: npt.NDArray[np.bool_], n_rows: int) -> TokenIds:
    """Give the rows of the pairs of each text, all texts at once.

    >>> _pairs(TokenIds.of([[2, 3], [4], [2, 3, 4]]), np.ones(5, bool), 65536).to_lists()
    [[57683], [], [57683, 17029]]
    """
    n_ids = len(found.ids)
    if not n_ids:
        return TokenIds(np.zeros(0, np.int32), found.offsets)
    is_known = counting[found.ids]
    is_pair = is_known[:-1] & is_known[1:]
    ends = found.offsets[1:-1]
    is_pair[ends[(ends > 0) & (ends < n_ids)] - 1] = False  # the last of a text, before the first of another
    rows = pair_rows(found.ids.astype(np.int64), np.ones(n_ids, np.bool_), n_rows)[is_pair]
    offsets = offsets_of(is_pair)[np.minimum(found.offsets, n_ids - 1)]
    return TokenIds(rows.astype(np.int32), offsets)


def _sums(table: Vectors, rows: TokenIds) -> npt.NDArray[np.float64]:
    """Give (B, C), the sum of the rows of each text."""
    sums = np.zeros((len(rows), table.shape[1]))
    filled = np.flatnonzero(rows.lengths)
    if len(filled):
        sums[filled] = np.add.reduceat(table[rows.ids], rows.offsets[filled], axis=0, dtype=np.float64)
    return sums
