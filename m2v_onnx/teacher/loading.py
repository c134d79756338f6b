"""The teacher: finding it, and making sure that there is an ONNX file of it."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tokenizers import Tokenizer

from m2v_onnx.errors import M2vOnnxError, TeacherError
from m2v_onnx.folder.names import MODULES_NAME, SLOW_TOKENIZERS, TOKENIZER_NAME
from m2v_onnx.folder.reading import read_tokenizer
from m2v_onnx.folder.sentence_transformers import Description, read_description
from m2v_onnx.system.hub import cached_folder, download_folder, list_files, looks_like_hub_id
from m2v_onnx.teacher.exporter import convert_tokenizer, export_teacher
from m2v_onnx.teacher.options import TeacherSource
from m2v_onnx.teacher.own_tokenizer import build_own_tokenizer

logger = logging.getLogger(__name__)

_ONNX_NAMES = ("onnx/model.onnx", "model.onnx")
_SMALL_FILES = ["*.json", "*.txt", "*.model", "*.py"]
_WEIGHT_FILES = ["*.safetensors", "pytorch_model*.bin"]


@dataclass(frozen=True)
class Teacher:
    """A Sentence Transformer that onnxruntime can run.

    Attributes:
        name: its Hub id, or its folder's name.
        description: what its folder says.
        onnx_path: its transformer as an ONNX file.
        tokenizer: its own tokenizer.
        pad_token: the token that its tokenizer's configuration names for padding; None where it has none.
        unk_token: the same for unknown pieces.
    """

    name: str
    description: Description
    onnx_path: Path
    tokenizer: Tokenizer
    pad_token: str | None
    unk_token: str | None


def load_teacher(
    name: str | Path, source: TeacherSource | None = None, *, show_progress_bar: bool = False
) -> Teacher:
    """Find a teacher, and export it to ONNX where it holds no ONNX file of itself.

    Args:
        name: a local folder, or a Hub id.
        source: where it comes from.
        show_progress_bar: show progress on stderr, when that is a terminal.

    Raises:
        TeacherError: when there is no such teacher, or it is no transformer.
        FolderError: when one of its files is damaged.
        MissingExtraError: when it must be exported and optimum is not installed.
    """
    source = source or TeacherSource()
    folder = _find_folder(name, source)
    description = _describe(folder)
    transformer = description.transformer_folder
    tokenizer = build_own_tokenizer(
        _load_tokenizer(description.tokenizer_folder, source),
        description.tokenizer,
        do_lower_case=description.transformer.do_lower_case,
    )
    onnx_path = None if source.onnx == "export" else find_onnx(folder) or find_onnx(transformer)
    if onnx_path is None:
        if source.onnx == "reuse":
            raise TeacherError(
                f"expected {' or '.join(_ONNX_NAMES)} in {folder}, found no such file: use "
                "`--teacher-onnx auto` to export the teacher"
            )
        onnx_path = export_teacher(
            transformer,
            trust_remote_code=source.trust_remote_code,
            show_progress_bar=show_progress_bar,
        )
    else:
        logger.info("using the teacher's own ONNX file, %s", onnx_path)
    return Teacher(
        name=str(name) if not Path(name).exists() else folder.resolve().name,
        description=description,
        onnx_path=onnx_path,
        tokenizer=tokenizer,
        pad_token=description.tokenizer.special_tokens.get("pad_token"),
        unk_token=description.tokenizer.special_tokens.get("unk_token"),
    )


def _load_tokenizer(folder: Path, source: TeacherSource) -> Tokenizer:
    """Read the tokenizer; have transformers convert one that is there in its slow form alone."""
    if (folder / TOKENIZER_NAME).exists() or not any((folder / name).exists() for name in SLOW_TOKENIZERS):
        return read_tokenizer(folder / TOKENIZER_NAME)
    logger.warning("%s holds no %s: transformers converts its tokenizer", folder, TOKENIZER_NAME)
    with tempfile.TemporaryDirectory() as draft:
        converted = Path(draft) / TOKENIZER_NAME
        convert_tokenizer(folder, converted, trust_remote_code=source.trust_remote_code)
        return read_tokenizer(converted)


def find_onnx(folder: Path) -> Path | None:
    """Give the ONNX file of a teacher's folder: the usual names, or the only one at its root."""
    for name in _ONNX_NAMES:
        if (folder / name).exists():
            return folder / name
    found = list(folder.glob("*.onnx"))
    return found[0] if len(found) == 1 else None


def _find_folder(name: str | Path, source: TeacherSource) -> Path:
    path = Path(name)
    if path.is_dir():
        return path
    if path.exists():
        raise TeacherError(f"expected the folder of a teacher, found the file {path}: name its folder")
    if not looks_like_hub_id(str(name)):
        raise TeacherError(f"expected a teacher's folder or a Hub id, found nothing at {path}")
    try:
        return _download(str(name), source)
    except M2vOnnxError as error:
        raise TeacherError(str(error)) from error


def _download(repo_id: str, source: TeacherSource) -> Path:
    """Download what is needed: the ONNX file if the repository holds one, else the weights."""
    try:
        files = list_files(repo_id, revision=source.revision, token=source.token)
    except M2vOnnxError:
        cached = cached_folder(repo_id, revision=source.revision)  # offline
        if cached is None:
            raise
        return cached
    onnx_name = next((name for name in _ONNX_NAMES if name in files), None)
    if onnx_name is not None and source.onnx != "export":
        heavy = [onnx_name, f"{onnx_name}_data", f"{onnx_name}.data"]
    elif any(PurePosixPath(name).match("*.safetensors") for name in files):
        heavy = _WEIGHT_FILES[:1]
    else:
        heavy = _WEIGHT_FILES
    return download_folder(repo_id, [*_SMALL_FILES, *heavy], revision=source.revision, token=source.token)


def _describe(folder: Path) -> Description:
    """Read what a teacher's folder says; refuse one without a transformer."""
    description = read_description(folder)
    if description.modules and "Transformer" not in description.kinds:
        raise TeacherError(
            f"expected a Transformer among the modules in {folder / MODULES_NAME}, found "
            f"{', '.join(description.kinds)}: only a transformer can be a teacher"
        )
    return description
