"""Progress bars: rich, on stderr or in a notebook, and only where somebody is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

Advance = Callable[[int], None]
AdvanceRecords = Callable[[int, int], None]


def is_watched() -> bool:
    """Tell whether stderr is a terminal, or the output of a notebook's cell."""
    return sys.stderr is not None and (sys.stderr.isatty() or "ipykernel" in sys.modules)


@contextmanager
def track(description: str, *, total: int | None, unit: str, show: bool) -> Iterator[Advance]:
    """Show progress while the block runs; the block calls the given function with the work done since.

    Args:
        description: what is being done.
        total: how much there is to do; None where nobody knows.
        unit: what is counted, for the rate.
        show: False shows nothing; nothing is shown either where nobody looks: see `is_watched`.
    """
    if not show or not is_watched():
        yield lambda _done: None
        return
    from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn  # slow, and seldom needed

    counted = (MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn(compact=True))
    with _bar(*(counted if total is not None else ())) as bar:
        task = bar.add_task(description, total=total, rate="")

        def advance(done: int) -> None:
            bar.advance(task, done)
            speed = bar.tasks[0].speed
            bar.update(task, rate="" if speed is None else f"{speed:,.0f} {unit}/s")

        yield advance


@contextmanager
def track_records(description: str, *, n_bytes: int | None, show: bool) -> Iterator[AdvanceRecords]:
    """Show progress through files, in bytes and records, while the block runs.

    The block calls the given function with the bytes and the records that were done since.

    Args:
        description: what is being done.
        n_bytes: how much there is to do; None where nobody knows.
        show: as for `track`.
    """
    if not show or not is_watched():
        yield lambda _bytes, _records: None
        return
    from rich.progress import DownloadColumn, TextColumn, TimeRemainingColumn  # slow, and seldom needed

    with _bar(DownloadColumn(), TextColumn("{task.fields[done]}"), TimeRemainingColumn(compact=True)) as bar:
        task, n_done = bar.add_task(description, total=n_bytes, done=""), 0

        def advance(n_more_bytes: int, n_records: int) -> None:
            nonlocal n_done
            n_done += n_records
            seconds = bar.tasks[0].elapsed
            rate = f", {n_done / seconds:,.0f} rows/s" if seconds else ""
            bar.update(task, advance=n_more_bytes, done=f"{n_done:,} rows{rate}")

        yield advance


def _bar(*columns: ProgressColumn) -> Progress:
    """Make a bar with columns of one's own in the middle."""
    from rich.console import Console  # slow, and seldom needed
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    # A notebook draws what a terminal does, also where it lacks the widgets that rich would take there.
    console = Console(stderr=True, force_terminal=True, force_jupyter=False)
    around = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    return Progress(*around, *columns, TimeElapsedColumn(), console=console, transient=True)
