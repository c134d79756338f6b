"""What the engines need, installed under `.engines` or beside a program by the registries' own clients."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PLACE = HERE.parents[1] / ".engines"

# The ONNX backend of sentence-transformers wants a transformers older than the newest release does.
PYTHON_PACKAGES = {
    "sentence-transformers-onnx": ("sentence-transformers[onnx]==5.7.0",),
    "sentence-transformers": ("sentence-transformers==6.2.0",),
    "model2vec": ("model2vec==0.10.0",),
    "fastembed": ("fastembed==0.9.1",),
    "onnxruntime-oldest": ("onnxruntime==1.17.3", "numpy<2"),
    "onnxruntime": ("onnxruntime==1.32.0", "numpy"),
}
JAVA_PROGRAMS = ("langchain4j", "spring-ai")


def install() -> None:
    """Install everything; what is there already is left as it is."""
    uv = Path(sys.executable).with_name("uv")
    for name, packages in PYTHON_PACKAGES.items():
        if not python(name).exists():
            _run(uv, "venv", "--quiet", "--python", sys.executable, PLACE / name)
        _run(uv, "pip", "install", "--quiet", "--python", python(name), *packages)
    _run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", cwd=HERE / "node")
    for name in JAVA_PROGRAMS:
        _run("mvn", "--quiet", "--batch-mode", "package", cwd=HERE / "java" / name)
    if not shutil.which("chromium"):
        _run("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "chromium")


def python(name: str) -> Path:
    """Give the interpreter of an environment."""
    return PLACE / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, cwd=cwd)
