"""A teacher as it is, the full transformer, to compare its static models with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from m2v_onnx.errors import TeacherError
from m2v_onnx.folder.names import CONFIG_NAME, MODULES_NAME
from m2v_onnx.model.recipe import Pooling
from m2v_onnx.model.vectors import Vectors, to_unit
from m2v_onnx.system.text_files import read_json
from m2v_onnx.teacher.embedding import embed_tokens
from m2v_onnx.teacher.loading import load_teacher, transformer_folder
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.session import TeacherSession
from m2v_onnx.tokenizer.token_ids import TokenIds

# Both spellings: a name (sentence-transformers 5.4 on), or the end of a flag's name.
_POOLINGS: dict[str, Pooling] = {
    "mean": "mean",
    "mean_tokens": "mean",
    "cls": "first",
    "cls_token": "first",
    "lasttoken": "last",
}
_MODULES = {"Transformer", "Pooling", "Normalize"}
_BLOCK_TEXTS = 1024


class TeacherEncoder:
    """A Sentence Transformer under onnxruntime, with its own limit of tokens, pooling and normalisation.

    Args:
        name: a local folder, or a Hub id.

    Attributes:
        onnx_path: the file that runs.

    Raises:
        TeacherError: when it cannot be found or run, or does more with a text than is done here.
    """

    def __init__(self, name: str | Path) -> None:
        teacher = load_teacher(name)
        modules = _read_modules(teacher.folder)
        self._normalizes = "Normalize" in modules
        self._pooling = _read_pooling(teacher.folder)
        self._tokenizer = teacher.tokenizer
        self._tokenizer.no_padding()
        self._limit = _read_limit(transformer_folder(teacher.folder))
        if self._limit is None:
            self._tokenizer.no_truncation()
        else:
            self._tokenizer.enable_truncation(self._limit)
        self.onnx_path = teacher.onnx_path
        self._session = TeacherSession(teacher.onnx_path, Execution())

    def encode(self, texts: Iterable[str], /) -> Vectors:
        """Give (B, D) float32, a row for each of B texts."""
        sequences = TokenIds.of(self._tokenize(list(texts)))
        vectors = embed_tokens(self._session, sequences, pooling=self._pooling, execution=Execution())
        return to_unit(vectors) if self._normalizes else vectors

    def fingerprint(self) -> str:
        """Give a hash of all that the vectors depend on."""
        digest = hashlib.sha256(self.onnx_path.read_bytes())
        digest.update(self._tokenizer.to_str().encode())  # with the limit of tokens in it
        digest.update(f"{self._pooling} {self._normalizes}".encode())
        return digest.hexdigest()[:16]

    def _tokenize(self, texts: list[str]) -> Iterator[list[int]]:
        for start in range(0, len(texts), _BLOCK_TEXTS):
            for encoding in self._tokenizer.encode_batch(texts[start : start + _BLOCK_TEXTS]):
                yield encoding.ids


def _read_modules(folder: Path) -> list[str]:
    """Give the names of the modules that a text goes through; none for a plain transformer."""
    path = folder / MODULES_NAME
    if not path.exists():
        return []
    names = [str(module["type"]).rpartition(".")[2] for module in read_json(path, list)]
    others = [name for name in names if name not in _MODULES]
    if others:
        raise TeacherError(
            f"expected modules among {', '.join(sorted(_MODULES))} in {path}, found {', '.join(others)}: "
            "evaluate this teacher through its own library, as python:module.attribute"
        )
    return names


def _read_pooling(folder: Path) -> Pooling:
    """Read how hidden states become one vector; the mean where nothing is said, as sentence-transformers."""
    path = folder / "1_Pooling" / CONFIG_NAME
    if not path.exists():
        return "mean"
    content = read_json(path, dict)
    flag = "pooling_mode_"
    flags = [key[len(flag) :] for key, value in content.items() if key.startswith(flag) and value]
    modes = [content["pooling_mode"]] if "pooling_mode" in content else flags
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise TeacherError(
            f"expected one pooling among {', '.join(_POOLINGS)} in {path}, found {modes}: evaluate this "
            "teacher through its own library, as python:module.attribute"
        )
    return _POOLINGS[modes[0]]


def _read_limit(folder: Path) -> int | None:
    """Give how many tokens of a text count, special tokens included; None for all."""
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        (CONFIG_NAME, "max_position_embeddings"),
    ):
        if (folder / name).exists():
            limit = read_json(folder / name, dict).get(key)
            if limit is not None:
                return int(limit)
    return None
