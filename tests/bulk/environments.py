"""What the recipes of docs/bulk.md need, an environment for each engine under `.bulk`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".bulk"

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
    """Give the interpreter of an engine's environment, which is made when it is first asked for.

    The package is that of this clone, with what the extra `arrow` needs.
    """
    folder = PLACE / engine.lower().replace(" ", "-")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "-".join(PACKAGES[engine]).replace("/", "-")
    if not ready.exists():
        uv = Path(sys.executable).with_name("uv")
        _run(uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder)
        needed = ("-r", ROOT / "pyproject.toml", "--extra", "arrow")
        # Compiled at once: Ray gives its own processes 15 seconds to start.
        options = ("--quiet", "--compile-bytecode", "--python", python)
        _run(uv, "pip", "install", *options, *needed, *PACKAGES[engine])
        packages = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        Path(packages, "m2v_onnx.pth").write_text(f"{ROOT}\n", encoding="utf-8")
        ready.touch()
    return python


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)
