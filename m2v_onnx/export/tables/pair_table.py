"""Pairs of numbers to numbers, exact, in two small tables: what a double array is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]

# No number is as low: the place belongs to nobody.
_NOBODY = np.iinfo(np.int32).min
_SEARCH_BLOCK = 4096


@dataclass(frozen=True)
class PairTable:
    """A map from pairs (a, b) to numbers: `base[a] + b` is a place, and the result where `check` holds a.

    A result may be negative, and is then a place counted from the end, as ONNX counts. The sum of any base
    and any second number is a place of the table, whether the pair is in it or not.

    Attributes:
        base: (S,) int32.
        check: (S,) int32.
    """

    base: Ints
    check: Ints


class PairTableBuilder:
    """Places pairs so that the rows of different first numbers interleave. Deterministic.

    Args:
        n_reserved: numbers 0 to n_reserved - 1 are given by others; 0 means that there is none.
    """

    def __init__(self, n_reserved: int) -> None:
        self._used = np.zeros(2 * n_reserved + _SEARCH_BLOCK, bool)
        self._used[:n_reserved] = True
        self._bases: dict[int, int] = {}
        self._owners: dict[int, int] = {}
        self._max_second = n_reserved
        self._search_start = 0

    def add(self, rows: Mapping[int, Sequence[int]]) -> dict[tuple[int, int], int]:
        """Place all pairs of some first numbers, which have none yet; give the place of each pair.

        Args:
            rows: the second numbers of each first number. They are at least 0, and place what they name
                near the beginning of the table: add them before anything that they do not name.
        """
        places: dict[tuple[int, int], int] = {}
        singles = []
        for first, seconds in sorted(rows.items(), key=lambda row: (-len(row[1]), row[0])):
            self._max_second = max(self._max_second, *seconds)
            if len(seconds) == 1:
                singles.append((first, seconds[0]))
                continue
            base = self._find_base(np.sort(np.asarray(seconds, np.int64)))
            self._bases[first] = base
            places.update({(first, second): base + second for second in seconds})
        for (first, second), place in zip(singles, self._free_places(len(singles)).tolist(), strict=True):
            self._used[place] = True
            self._bases[first] = place - second
            places[first, second] = place
        self._owners.update({place: first for (first, _), place in places.items()})
        return places

    def finish(self) -> PairTable:
        """Give the table of all pairs that were added."""
        n_places = max(int(np.flatnonzero(self._used)[-1]) + 1, 2 * self._max_second + 1)
        bases = np.zeros(n_places, np.int64)
        bases[list(self._bases)] = list(self._bases.values())
        # A sum that could pass the end counts from there instead, and so does what the pair gives.
        shifts = np.where(bases + self._max_second >= n_places, n_places, 0)
        owners = np.full(n_places, -1, np.int64)
        owners[list(self._owners)] = list(self._owners.values())
        numbers = np.arange(n_places) - np.where(owners >= 0, shifts[owners], 0)
        check = np.where(owners >= 0, numbers[owners], _NOBODY)
        return PairTable((bases - shifts).astype(np.int32), check.astype(np.int32))

    def _find_base(self, labels: npt.NDArray[np.int64]) -> int:
        """Find and take the first places that are free for all second numbers of one row."""
        start = self._search_start
        while True:
            self._grow(start + _SEARCH_BLOCK + int(labels[-1]))
            free = start + np.flatnonzero(~self._used[start : start + _SEARCH_BLOCK])
            if start == self._search_start and len(free) < _SEARCH_BLOCK // 16:
                self._search_start += _SEARCH_BLOCK
            bases = free - labels[0]
            taken = np.zeros(len(bases), bool)
            for label in labels.tolist():
                taken |= self._used[bases + label]
            if not taken.all():
                base = int(bases[taken.argmin()])
                self._used[base + labels] = True
                return base
            start += _SEARCH_BLOCK

    def _free_places(self, n_places: int) -> npt.NDArray[np.int64]:
        free = np.flatnonzero(~self._used)
        if len(free) < n_places:
            self._grow(len(self._used) + n_places)
            free = np.flatnonzero(~self._used)
        return free[:n_places]

    def _grow(self, n_places: int) -> None:
        """Make room for at least `n_places` places."""
        if n_places > len(self._used):
            self._used = np.concatenate([self._used, np.zeros(n_places, bool)])
