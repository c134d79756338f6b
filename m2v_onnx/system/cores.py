"""How many processor cores this process may use."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: "quota period" in microseconds, or "max period"


def count_cores() -> int:
    """Give the cores of the affinity mask, or fewer where a container's quota is lower."""
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if _CGROUP_LIMIT.exists():
        quota, period = _CGROUP_LIMIT.read_text().split()
        if quota != "max":
            n_cores = min(n_cores, max(1, ceil(int(quota) / int(period))))
    return n_cores
