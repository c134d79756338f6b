"""Work on many items on several threads, in order and with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], *, n_workers: int
) -> Iterator[Result]:
    """Give the results in the order of the items, reading a few items ahead.

    >>> list(map_side_by_side(abs, [-1, 2, -3], n_workers=2))
    [1, 2, 3]
    """
    pool = ThreadPoolExecutor(n_workers)
    try:
        pending: deque[Future[Result]] = deque()
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > 2 * n_workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:  # also after Ctrl-C, an item that failed, a source that failed, a reader that stopped
        pool.shutdown(wait=False, cancel_futures=True)
