"""Work on many items on several threads, in order and with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class _Task(Generic[Item, Result]):
    item: Item
    future: Future[Result]


def map_side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], *, n_workers: int
) -> Iterator[Result]:
    """Give the results in the order of the items, reading a few items ahead.

    The caller's thread is one of the workers while it waits for a result: with one thread more than cores,
    two share a core for milliseconds while another idles, which cost a third of the speed of `encode`.

    >>> list(map_side_by_side(abs, [-1, 2, -3], n_workers=2))
    [1, 2, 3]
    """
    if n_workers == 1:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(n_workers - 1)
    pending: deque[_Task[Item, Result]] = deque()
    source, failure = iter(items), None
    try:
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  # it is raised behind the results of what came before
                failure = error
                break
            pending.append(_Task(item, pool.submit(work, item)))
            if len(pending) > 2 * n_workers:
                yield _take_first(work, pending)
        while pending:
            yield _take_first(work, pending)
        if failure is not None:
            raise failure
    finally:  # also after Ctrl-C, an item that failed, a source that failed, a reader that stopped
        pool.shutdown(wait=False, cancel_futures=True)


def _take_first(work: Callable[[Item], Result], pending: deque[_Task[Item, Result]]) -> Result:
    """Give the result of the first task; until it is there, do those that nobody has begun."""
    while not pending[0].future.done():
        task = next((task for task in pending if task.future.cancel()), None)
        if task is None:
            break
        task.future = Future()
        try:
            task.future.set_result(work(task.item))
        except Exception as error:  # noqa: BLE001  # it is raised in its turn
            task.future.set_exception(error)
    return pending.popleft().future.result()
