"""Texts as shares of tokens: the matrix A of a static model, which encodes texts as A E."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from m2v_onnx.tokenizer.token_ids import TokenIds

if TYPE_CHECKING:
    from scipy import sparse  # an extra

_BLOCK_TEXTS = 4096


@dataclass(frozen=True)
class Shares:
    """A, (N, V): for each of N texts, the share of each token among its tokens.

    Attributes:
        token_ids: the counting tokens of the texts, each of which has one at least; may be memory maps.
        n_tokens: V.
    """

    token_ids: TokenIds
    n_tokens: int

    def __len__(self) -> int:
        """Give N."""
        return len(self.token_ids)

    def blocks(self, n_texts: int = _BLOCK_TEXTS) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Give the rows of A, float32, `n_texts` at a time, and where they stand.

        A token that a text holds twice has two entries there, which add up.
        """
        from scipy import sparse  # an extra

        for start in range(0, len(self), n_texts):
            offsets = self.token_ids.offsets[start : start + n_texts + 1]
            ids = self.token_ids.ids[offsets[0] : offsets[-1]].copy()  # scipy sorts and merges in place
            lengths = np.diff(offsets)
            entries = np.repeat((1 / lengths).astype(np.float32), lengths)
            shape = (len(lengths), self.n_tokens)
            rows = sparse.csr_matrix((entries, ids, offsets - offsets[0]), shape, copy=False)
            yield slice(start, start + len(lengths)), rows

    def squared_sums(self) -> npt.NDArray[np.float64]:
        """Give (V,) float64, the diagonal of A'A."""
        sums = np.zeros(self.n_tokens)
        for _, rows in self.blocks():
            rows.sum_duplicates()
            sums += np.bincount(rows.indices, rows.data.astype(np.float64) ** 2, self.n_tokens)
        return sums
