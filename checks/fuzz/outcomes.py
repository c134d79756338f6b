"""What may come out of a try, and what must not."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

# What is right: vectors that are those of the specification, or an error of ours.
FINE = ("vectors", "error", "old", "new", "nothing")


@dataclass
class Outcomes:
    """How often each outcome came, and how to have each wrong one again.

    Attributes:
        driver: what was tried.
        counts: by outcome.
        wrong: a line for each outcome that must not be.
    """

    driver: str
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, outcome: str, what: str, *, times: int = 1) -> None:
        """Count an outcome; `what` says how to have it again."""
        self.counts[outcome] += times
        if outcome not in FINE:
            self.wrong.append(f"{self.driver}: {outcome}: {what}")
            print(self.wrong[-1], file=sys.stderr, flush=True)

    def row(self) -> str:
        """Give a row of the table in docs/reliability.md."""
        fine = ", ".join(f"{n:,} {name}" for name, n in sorted(self.counts.items()) if name in FINE)
        return f"| {self.driver} | {self.counts.total():,} | {fine} | {len(self.wrong)} |"
