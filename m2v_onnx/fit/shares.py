"""Texts as shares of tokens: the matrix A of a static model, which encodes texts as A E."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from m2v_onnx.tokenizer.token_ids import TokenIds

if TYPE_CHECKING:
    from scipy import sparse  # an extra

_BLOCK_TEXTS = 4096


class IdRows(Protocol):
    """The token ids of some texts: `TokenIds`, or what keeps them elsewhere."""

    def __len__(self) -> int:
        """Give the number of texts."""

    def block(self, start: int, stop: int) -> TokenIds:
        """Give texts `start` to `stop`."""


@dataclass(frozen=True)
class Shares:
    """A, (N, V): for each of N texts, the share of each token among its tokens.

    Attributes:
        parts: the counting tokens of the texts, each of which has one at least; one part behind the other.
        n_tokens: V.
    """

    parts: tuple[IdRows, ...]
    n_tokens: int

    def __len__(self) -> int:
        """Give N."""
        return sum(len(part) for part in self.parts)

    def blocks(self, n_texts: int = _BLOCK_TEXTS) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Give the rows of A, float32, at most `n_texts` at a time, and where they stand.

        A token that a text holds twice has two entries there, which add up.
        """
        from scipy import sparse  # an extra

        begin = 0
        for part in self.parts:
            for start in range(0, len(part), n_texts):
                texts = part.block(start, min(len(part), start + n_texts))
                lengths = texts.lengths
                entries = np.repeat((1 / lengths).astype(np.float32), lengths)
                shape = (len(lengths), self.n_tokens)
                ids = texts.ids.copy()  # scipy sorts and merges in place
                rows = sparse.csr_matrix((entries, ids, texts.offsets), shape, copy=False)
                yield slice(begin + start, begin + start + len(lengths)), rows
            begin += len(part)

    def squared_sums(self) -> npt.NDArray[np.float64]:
        """Give (V,) float64, the diagonal of A'A."""
        sums = np.zeros(self.n_tokens)
        for _, rows in self.blocks():
            rows.sum_duplicates()
            sums += np.bincount(rows.indices, rows.data.astype(np.float64) ** 2, self.n_tokens)
        return sums
