"""Many token sequences of different lengths, without a Python object for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class TokenSequences:
    """V sequences of token ids.

    Attributes:
        ids: (N,) int32, all sequences one behind the other.
        offsets: (V + 1,) int64, where each begins, and where the last ends.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int]]) -> TokenSequences:
        """Pack sequences.

        >>> packed = TokenSequences.of([[7], [8, 9]])
        >>> packed.ids, packed.offsets
        (array([7, 8, 9], dtype=int32), array([0, 1, 3]))
        """
        lengths: list[int] = []

        def chain() -> Iterator[int]:
            for sequence in sequences:
                lengths.append(len(sequence))
                yield from sequence

        ids = np.fromiter(chain(), np.int32)
        return cls(ids, np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def batches(self, n_positions: int, batch_size: int | None = None) -> Iterator[npt.NDArray[np.int64]]:
        """Group the indices of sequences of one length, shortest first.

        Args:
            n_positions: ids in a batch, at most.
            batch_size: sequences in a batch, instead.
        """
        lengths = np.diff(self.offsets)
        order = np.argsort(lengths, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
            size = batch_size or max(1, n_positions // max(1, int(lengths[group[0]])))
            yield from (group[start : start + size] for start in range(0, len(group), size))

    def rows(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Give the (B, T) ids of B sequences that all have the length T."""
        start = self.offsets[indices]
        length = int(self.offsets[indices[0] + 1] - start[0])
        rows: npt.NDArray[np.int64] = self.ids[start[:, None] + np.arange(length)].astype(np.int64)
        return rows
