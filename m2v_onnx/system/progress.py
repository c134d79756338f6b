"""Progress bars: rich, on stderr or in a notebook, and only where somebody is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]


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
    from rich.console import Console  # slow, and seldom needed
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    counted = (MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn(compact=True))
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        *(counted if total is not None else ()),
        TimeElapsedColumn(),
    )
    # A notebook draws what a terminal does, also where it lacks the widgets that rich would take there.
    console = Console(stderr=True, force_terminal=True, force_jupyter=False)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(description, total=total, rate="")

        def advance(done: int) -> None:
            bar.advance(task, done)
            speed = bar.tasks[0].speed
            bar.update(task, rate="" if speed is None else f"{speed:,.0f} {unit}/s")

        yield advance
