"""Work on several threads: in order, bounded, and stopped cleanly."""

from __future__ import annotations

import threading
import time

import pytest

from m2v_onnx.system.side_by_side import map_side_by_side


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(n_workers):
    def work(item: int) -> int:
        time.sleep(0.001 * (item % 3))
        return -item

    assert list(map_side_by_side(work, range(50), n_workers=n_workers)) == [-item for item in range(50)]
    assert list(map_side_by_side(work, [], n_workers=n_workers)) == []


def test_the_callers_thread_works_too_and_no_more_threads_than_workers():
    both_at_work = threading.Barrier(2)

    def work(item: int) -> int:
        both_at_work.wait(timeout=60)  # breaks unless two items are in work at once
        return threading.get_ident()

    threads = set(map_side_by_side(work, range(10), n_workers=2))
    assert len(threads) == 2
    assert threading.get_ident() in threads


@pytest.mark.parametrize("n_workers", [1, 2])
def test_an_error_comes_in_its_turn(n_workers):
    def work(item: int) -> int:
        if item == 5:
            raise ValueError(f"item {item}")
        return item

    results = map_side_by_side(work, range(10**9), n_workers=n_workers)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match="item 5"):
        next(results)


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_results_come_before_the_failure_of_the_source(n_workers):
    def source():
        yield 1
        yield 2
        raise OSError("no more")

    results = map_side_by_side(abs, source(), n_workers=n_workers)
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(OSError, match="no more"):
        next(results)


def test_a_few_items_are_read_ahead():
    n_read = 0

    def source():
        nonlocal n_read
        while True:
            n_read += 1
            yield n_read

    results = map_side_by_side(abs, source(), n_workers=2)
    assert next(results) == 1
    assert n_read == 5
