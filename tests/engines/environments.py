"""What the engines need, installed under `.engines` or beside a program by the registries' own clients."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.environments import ROOT, install_node, interpreter, python_in

HERE = Path(__file__).parent
PLACE = ROOT / ".engines"

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
    for name, packages in PYTHON_PACKAGES.items():
        python_in(PLACE / name, *packages)
    install_node(HERE / "node")
    for name in JAVA_PROGRAMS:
        subprocess.run(["mvn", "--quiet", "--batch-mode", "package"], check=True, cwd=HERE / "java" / name)
    if not shutil.which("chromium"):
        command = ["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "chromium"]
        subprocess.run(command, check=True)


def python(name: str) -> Path:
    """Give the interpreter of an environment."""
    return interpreter(PLACE / name)
