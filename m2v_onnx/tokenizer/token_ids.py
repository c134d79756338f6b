"""The token ids of many texts without an object for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class TokenIds:
    """Token ids, one text behind the other.

    Attributes:
        ids: (N,) int32.
        offsets: (B + 1,) int64: the ids of text i are `ids[offsets[i] : offsets[i + 1]]`.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]]) -> TokenIds:
        """Join the ids of texts, which are read once.

        >>> TokenIds.of([[5, 6], [], [7]]).offsets.tolist()
        [0, 2, 2, 3]
        """
        lengths: list[int] = []

        def chain() -> Iterator[int]:
            for row in rows:
                lengths.append(len(row))
                yield from row

        ids = np.fromiter(chain(), np.int32)
        return cls(ids, offsets_of(np.array(lengths, np.int64)))

    @classmethod
    def joined(cls, blocks: Sequence[TokenIds]) -> TokenIds:
        """Put blocks of texts one behind the other; there is one at least.

        >>> TokenIds.joined([TokenIds.of([[5, 6]]), TokenIds.of([[], [7]])]).to_lists()
        [[5, 6], [], [7]]
        """
        lengths = np.concatenate([block.lengths for block in blocks])
        return cls(np.concatenate([block.ids for block in blocks]), offsets_of(lengths))

    def __len__(self) -> int:
        """Give B, the number of texts."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """(B,) int64, the number of ids of each text."""
        return self.offsets[1:] - self.offsets[:-1]  # np.diff takes ten times as long for one text

    def to_lists(self) -> list[list[int]]:
        """Give the ids of each text as a list."""
        return [row.tolist() for row in np.split(self.ids, self.offsets[1:-1])] if len(self) else []

    def block(self, start: int, stop: int) -> TokenIds:
        """Give texts `start` to `stop`.

        >>> TokenIds.of([[5, 6], [7], [8, 9]]).block(1, 3).to_lists()
        [[7], [8, 9]]
        """
        offsets = self.offsets[start : stop + 1]
        return TokenIds(self.ids[offsets[0] : offsets[-1]], offsets - offsets[0])

    def take(self, indices: npt.NDArray[np.integer[Any]]) -> TokenIds:
        """Give some texts, in the order of their indices.

        >>> import numpy as np
        >>> TokenIds.of([[5], [6, 7], []]).take(np.array([2, 1, 0, 1])).to_lists()
        [[], [6, 7], [5], [6, 7]]
        """
        lengths = self.lengths[indices]
        offsets = offsets_of(lengths)
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[indices] - offsets[:-1], lengths)
        return TokenIds(self.ids[places], offsets)

    def truncate(self, max_length: int) -> TokenIds:
        """Keep the first `max_length` ids of each text.

        >>> TokenIds.of([[5, 6, 7], [8]]).truncate(2).to_lists()
        [[5, 6], [8]]
        """
        if len(self.ids) <= max_length:
            return self
        lengths = self.lengths
        if lengths.max() <= max_length:
            return self
        positions = np.arange(len(self.ids)) - np.repeat(self.offsets[:-1], lengths)
        return TokenIds(self.ids[positions < max_length], offsets_of(np.minimum(lengths, max_length)))

    def keep(self, counts: npt.NDArray[np.bool_]) -> TokenIds:
        """Drop the ids that do not count; `counts` is (V,) bool.

        >>> import numpy as np
        >>> TokenIds.of([[0, 1], [1]]).keep(np.array([False, True])).to_lists()
        [[1], [1]]
        """
        kept = counts[self.ids]
        if kept.all():
            return self
        return TokenIds(self.ids[kept], offsets_of(kept)[self.offsets])

    def replace_rows(self, indices: npt.NDArray[np.int64], rows: TokenIds) -> TokenIds:
        """Put other ids in the place of some texts' ids; `indices` ascend.

        >>> import numpy as np
        >>> TokenIds.of([[5], [6], [7]]).replace_rows(np.array([1]), TokenIds.of([[8, 9]])).to_lists()
        [[5], [8, 9], [7]]
        """
        parts, end = [], 0  # slices: a batch as lists takes three times as long as to tokenise it
        for number, index in enumerate(indices.tolist()):
            parts.append(self.ids[end : self.offsets[index]])
            parts.append(rows.ids[rows.offsets[number] : rows.offsets[number + 1]])
            end = self.offsets[index + 1]
        lengths = self.lengths
        lengths[indices] = rows.lengths
        return TokenIds(np.concatenate([*parts, self.ids[end:]]), offsets_of(lengths))

    def batches(self, n_positions: int, batch_size: int | None = None) -> Iterator[npt.NDArray[np.int64]]:
        """Group the indices of texts of one length, shortest first.

        Args:
            n_positions: ids in a batch, at most.
            batch_size: texts in a batch, instead.
        """
        lengths = self.lengths
        order = np.argsort(lengths, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
            size = batch_size or max(1, n_positions // max(1, int(lengths[group[0]])))
            yield from (group[start : start + size] for start in range(0, len(group), size))

    def rows(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Give the (B, T) ids of B texts that all have the length T."""
        start = self.offsets[indices]
        length = int(self.offsets[indices[0] + 1] - start[0])
        rows: npt.NDArray[np.int64] = self.ids[start[:, None] + np.arange(length)].astype(np.int64)
        return rows


def offsets_of(lengths: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Give (B + 1,) int64, where each of B stretches of the given lengths begins, and where the last ends."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
