"""The teacher: finding it, and making sure that there is an ONNX file of it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Tokenizer

from m2v_onnx.errors import TeacherError
from m2v_onnx.folder.json_values import read_value
from m2v_onnx.folder.names import CONFIG_NAME, MODULES_NAME, SLOW_TOKENIZERS, TOKENIZER_NAME, model_name
from m2v_onnx.folder.reading import read_tokenizer
from m2v_onnx.folder.readme import read_provenance
from m2v_onnx.folder.sentence_transformers import Description, read_description
from m2v_onnx.model.config import Provenance
from m2v_onnx.system.hub import looks_like_hub_id
from m2v_onnx.system.text_files import read_json
from m2v_onnx.teacher.download import ONNX_NAMES, download_teacher
from m2v_onnx.teacher.exporter import convert_tokenizer, export_teacher
from m2v_onnx.teacher.options import Execution, TeacherSource
from m2v_onnx.teacher.own_tokenizer import build_own_tokenizer
from m2v_onnx.teacher.session import TeacherSession

logger = logging.getLogger(__name__)

_ONLY = "only a transformer can be a teacher"
# What architectures call the width of their hidden states.
_WIDTHS = ("hidden_size", "d_model", "dim", "n_embd")


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
        provenance: what its README says of its origin.
        hidden_size: the numbers of a hidden state, as its config.json says; None where it does not.
        vocab_size: the number of token ids that it knows, by the same file.
    """

    name: str
    description: Description
    onnx_path: Path
    tokenizer: Tokenizer
    pad_token: str | None
    unk_token: str | None
    provenance: Provenance = field(default_factory=Provenance)
    hidden_size: int | None = None
    vocab_size: int | None = None

    def open_session(self, execution: Execution) -> TeacherSession:
        """Open its ONNX file.

        Raises:
            ProviderError: when the execution provider that was asked for cannot be used.
            TeacherError: when the file is damaged, or not this teacher's transformer.
        """
        return TeacherSession(
            self.onnx_path, execution, hidden_size=self.hidden_size, vocab_size=self.vocab_size
        )


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
    description = _describe(folder, source)
    transformer = description.transformer_folder
    tokenizer = build_own_tokenizer(
        _load_tokenizer(description.tokenizer_folder, source),
        description.tokenizer,
        do_lower_case=description.transformer.do_lower_case,
    )
    found = (find_onnx(place) for place in description.onnx_folders)
    onnx_path = None if source.onnx == "export" else next(filter(None, found), None)
    if onnx_path is None:
        if source.onnx == "reuse":
            raise TeacherError(
                f"expected {' or '.join(ONNX_NAMES)} in {folder}, found no such file: use "
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
        name=str(name) if not Path(name).expanduser().exists() else model_name(folder),
        description=description,
        onnx_path=onnx_path,
        tokenizer=tokenizer,
        pad_token=description.tokenizer.special_tokens.get("pad_token"),
        unk_token=description.tokenizer.special_tokens.get("unk_token"),
        provenance=read_provenance(folder),
        hidden_size=_read_size(transformer, _WIDTHS),
        vocab_size=_read_size(transformer, ("vocab_size",)),
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
    for name in ONNX_NAMES:
        if (folder / name).exists():
            return folder / name
    found = list(folder.glob("*.onnx"))
    return found[0] if len(found) == 1 else None


def _find_folder(name: str | Path, source: TeacherSource) -> Path:
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise TeacherError(f"expected the folder of a teacher, found the file {path}: name its folder")
    if not looks_like_hub_id(str(name)):
        raise TeacherError(f"expected a teacher's folder or a Hub id, found nothing at {path}")
    return download_teacher(str(name), source)


def _read_size(folder: Path, names: Iterable[str]) -> int | None:
    path = folder / CONFIG_NAME
    if not path.exists():
        return None
    content = read_json(path, dict)
    sizes = (read_value(content, name, int, path, default=None) for name in names)
    return next((size for size in sizes if size is not None), None)


def _describe(folder: Path, source: TeacherSource) -> Description:
    """Read what a teacher's folder says; refuse one without a transformer."""
    description = read_description(folder, router_path=source.router_path)
    if description.modules and "Transformer" not in description.kinds:
        others = () if description.route is None else description.route.others
        remedy = f"try --router-path {' or '.join(others)}" if others else _ONLY
        raise TeacherError(
            f"expected a Transformer among the modules in {folder / MODULES_NAME}, found "
            f"{', '.join(description.kinds)}: {remedy}"
        )
    return description
