"""What the recipes of docs/bulk.md need, an environment for each engine under `.bulk`."""

from __future__ import annotations

from pathlib import Path

from tests.environments import ROOT, python_in

# The newest of 2026-11.
PACKAGES = {
    "pyarrow": ("pyarrow==26.0.1",),
    "DuckDB": ("duckdb==2.0.1",),
    "Polars": ("polars==2.1.0",),
    "Hugging Face datasets": ("datasets==5.2.0",),
    "Dask": ("dask[dataframe]==2026.8.0",),
    "Daft": ("daft==0.7.26",),
    "Spark": ("pyspark[sql]==4.3.0",),
    "Ray Data": ("ray[data]==2.60.0",),
}


def python_of(engine: str) -> Path:
    """Give the interpreter of an engine's environment, which has all that the extra `arrow` needs."""
    folder = ROOT / ".bulk" / engine.lower().replace(" ", "-")
    return python_in(folder, "-r", ROOT / "pyproject.toml", "--extra", "arrow", *PACKAGES[engine])
