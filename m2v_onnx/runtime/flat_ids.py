"""The token ids of many texts without an object for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class FlatIds:
    """Token ids, one text behind the other.

    Attributes:
        ids: (N,) int32.
        offsets: (B + 1,) int64: the ids of text i are `ids[offsets[i] : offsets[i + 1]]`.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> FlatIds:
        """Join the ids of texts.

        >>> FlatIds.of([[5, 6], [], [7]]).offsets.tolist()
        [0, 2, 2, 3]
        """
        ids = np.fromiter((token_id for row in rows for token_id in row), np.int32)
        return cls(ids, offsets_of(np.fromiter(map(len, rows), np.int64, len(rows))))

    def __len__(self) -> int:
        """Give B, the number of texts."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(B,) int64, the number of ids of each text."""
        return np.diff(self.offsets)

    def to_lists(self) -> list[list[int]]:
        """Give the ids of each text as a list."""
        return [row.tolist() for row in np.split(self.ids, self.offsets[1:-1])] if len(self) else []

    def truncate(self, max_length: int) -> FlatIds:
        """Keep the first `max_length` ids of each text.

        >>> FlatIds.of([[5, 6, 7], [8]]).truncate(2).to_lists()
        [[5, 6], [8]]
        """
        if len(self.ids) <= max_length:
            return self
        lengths = self.lengths
        if lengths.max() <= max_length:
            return self
        positions = np.arange(len(self.ids)) - np.repeat(self.offsets[:-1], lengths)
        return FlatIds(self.ids[positions < max_length], offsets_of(np.minimum(lengths, max_length)))

    def keep(self, counts: npt.NDArray[np.bool_]) -> FlatIds:
        """Drop the ids that do not count; `counts` is (V,) bool.

        >>> import numpy as np
        >>> FlatIds.of([[0, 1], [1]]).keep(np.array([False, True])).to_lists()
        [[1], [1]]
        """
        kept = counts[self.ids]
        if kept.all():
            return self
        return FlatIds(self.ids[kept], offsets_of(kept)[self.offsets])

    def replace_rows(self, indices: npt.NDArray[np.int64], rows: FlatIds) -> FlatIds:
        """Put other ids in the place of some texts' ids.

        >>> import numpy as np
        >>> FlatIds.of([[5], [6], [7]]).replace_rows(np.array([1]), FlatIds.of([[8, 9]])).to_lists()
        [[5], [8, 9], [7]]
        """
        lists = self.to_lists()
        for index, row in zip(indices.tolist(), rows.to_lists(), strict=True):
            lists[index] = row
        return FlatIds.of(lists)


def offsets_of(lengths: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Give (B + 1,) int64, where each of B stretches of the given lengths begins, and where the last ends."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
