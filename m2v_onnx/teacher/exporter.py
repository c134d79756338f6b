"""Teachers to ONNX, once: exported in a child process, checked, and kept in the user's cache.

`optimum_export` is today's exporter; another one is another module with the same command line.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from m2v_onnx.errors import TeacherError, require_module
from m2v_onnx.folder.names import CONFIG_NAME
from m2v_onnx.system.cache import cache_folder
from m2v_onnx.system.drafts import draft_folder
from m2v_onnx.system.onnx_runtime import NO_TELEMETRY
from m2v_onnx.system.progress import track

logger = logging.getLogger(__name__)

# Part of the cache's key: raise it when the same teacher would be exported to another graph.
_EXPORT_VERSION = 1
_EXPORTED_SUFFIXES = {".bin", ".json", ".py", ".safetensors"}


def export_teacher(folder: Path, *, trust_remote_code: bool, show_progress_bar: bool) -> Path:
    """Give an ONNX file of a transformer's folder, exported now or, for the same content, before.

    torch runs in a child process and its memory goes with it. The file is checked against torch there.

    Args:
        folder: a transformers model.
        trust_remote_code: run the model code that the folder ships.
        show_progress_bar: show that it is going on, on stderr, when that is a terminal.

    Raises:
        TeacherError: when the folder holds no model, or it cannot be exported.
        MissingExtraError: when optimum is not installed.
    """
    if not (folder / CONFIG_NAME).exists():
        raise TeacherError(
            f"expected a Sentence Transformer with an ONNX file or a {CONFIG_NAME} in {folder}, found "
            "neither: name the folder of a model"
        )
    cached = cache_folder() / "teachers" / _content_hash(folder) / "model.onnx"
    if cached.exists():
        logger.info("using the ONNX file exported before, %s", cached)
        return cached
    _check_installed("torch", "transformers", "optimum")
    try:
        n_bytes = sum(file.stat().st_size for file in _exported_files(folder))
        with draft_folder(cached.parent, least_bytes=n_bytes) as draft:
            with track("Exporting the teacher to ONNX", total=None, unit="", show=show_progress_bar):
                _run_child("optimum_export", folder, draft / cached.name, trust_remote_code=trust_remote_code)
            draft.rename(cached.parent)
    except OSError as error:
        if not cached.exists():  # else another process was faster
            raise TeacherError(
                f"expected to write the exported teacher below {cached.parent.parent}, found "
                f"{error.strerror}: make room, or set the variable M2V_ONNX_CACHE to a folder that you "
                "may write"
            ) from error
    return cached


def convert_tokenizer(folder: Path, output: Path, *, trust_remote_code: bool) -> None:
    """Write the `tokenizer.json` of a folder that holds a slow tokenizer's files alone.

    Raises:
        TeacherError: when transformers knows no fast form of the tokenizer.
        MissingExtraError: when transformers is not installed.
    """
    _check_installed("transformers")
    _run_child("tokenizer_conversion", folder, output, trust_remote_code=trust_remote_code)


def _check_installed(*packages: str) -> None:
    for package in packages:
        require_module(package, package=package, extra="optimum")


def parse_child_arguments(description: str | None) -> argparse.Namespace:
    """Read, in a child program, what `_run_child` passes: `folder`, `output`, `trust_remote_code`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--trust-remote-code", action="store_true")
    return parser.parse_args()


def _run_child(module: str, folder: Path, output: Path, *, trust_remote_code: bool) -> None:
    """Run one of the programs that import transformers: FOLDER OUTPUT [--trust-remote-code].

    It runs in an empty folder of its own: Python imports what lies in the current one, maybe a stranger's.
    """
    safe_path = ["-P"] if sys.version_info >= (3, 11) else []
    command = [sys.executable, *safe_path, "-m", f"m2v_onnx.teacher.{module}"]
    command += [str(folder.absolute()), str(output.absolute())]
    if trust_remote_code:
        command.append("--trust-remote-code")
    settings = {"TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}
    environment = {**NO_TELEMETRY, **os.environ, **settings}
    with TemporaryDirectory() as place:
        result = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, check=False
        )
    if result.returncode != 0:
        killed = f"killed by signal {-result.returncode}, probably for want of memory"
        lines = result.stderr.strip().splitlines() or [killed if result.returncode < 0 else "no message"]
        raise TeacherError(f"the teacher in {folder} cannot be used: {lines[-1]}")
    logger.info("%s", result.stdout.strip())


def _content_hash(folder: Path) -> str:
    """Hash what an export depends on: the names and bytes of configuration, code and weights."""
    digest = hashlib.sha256(f"export {_EXPORT_VERSION}".encode())
    for path in _exported_files(folder):
        digest.update(f"{path.name} {path.stat().st_size} ".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:32]


def _exported_files(folder: Path) -> list[Path]:
    """Give what an export depends on: configuration, code and weights."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in _EXPORTED_SUFFIXES and path.is_file() and not path.name.startswith("tokenizer")
    ]
