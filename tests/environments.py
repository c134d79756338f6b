"""Environments with other people's packages, each made when it is first asked for."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def interpreter(folder: Path) -> Path:
    """Give where an environment has its interpreter."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_in(folder: Path, *packages: str | Path) -> Path:
    """Give the interpreter of an environment with these packages; what is there is left as it is.

    Args:
        folder: the environment's.
        packages: what to install, with pip's options.
    """
    python = interpreter(folder)
    digest = hashlib.sha256("\n".join(map(str, packages)).encode())
    ready = folder / f"ready-{digest.hexdigest()[:16]}"
    if not ready.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder], check=True
        )
        # Compiled at once: Ray gives its own processes 15 seconds to start.
        command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *packages]
        subprocess.run(command, check=True)
        ready.touch()
    return python


def install_node(folder: Path) -> None:
    """Install what the Node programs in a folder need."""
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, check=True, cwd=folder)
