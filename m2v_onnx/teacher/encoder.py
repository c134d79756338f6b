"""A teacher as it is, the full transformer, to compare its static models with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from m2v_onnx.errors import TeacherError
from m2v_onnx.folder.names import CONFIG_NAME, MODULES_NAME
from m2v_onnx.folder.sentence_transformers import Description, read_value
from m2v_onnx.model.recipe import Pooling
from m2v_onnx.model.vectors import Vectors, to_unit
from m2v_onnx.system.text_files import read_json
from m2v_onnx.teacher.embedding import embed_tokens
from m2v_onnx.teacher.loading import load_teacher
from m2v_onnx.teacher.options import Execution
from m2v_onnx.teacher.session import TeacherSession
from m2v_onnx.tokenizer.token_ids import TokenIds

_POOLINGS: dict[str, Pooling] = {"mean": "mean", "cls": "first", "lasttoken": "last"}
_MODULES = {"Transformer", "Pooling", "Normalize"}
_BLOCK_TEXTS = 1024
_REMEDY = "evaluate this teacher through its own library, as python:module.attribute"


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
        _check_modules(teacher.description)
        self._normalizes = "Normalize" in teacher.description.kinds
        self._pooling = _choose_pooling(teacher.description)
        self._tokenizer = teacher.tokenizer
        self._tokenizer.no_padding()
        self._limit = _read_limit(teacher.description)
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


def _check_modules(description: Description) -> None:
    """Refuse modules that are not run here."""
    others = [kind for kind in description.kinds if kind not in _MODULES]
    if others:
        raise TeacherError(
            f"expected modules among {', '.join(sorted(_MODULES))} in {description.folder / MODULES_NAME}, "
            f"found {', '.join(others)}: {_REMEDY}"
        )


def _choose_pooling(description: Description) -> Pooling:
    """Choose how hidden states become one vector: the mean where nothing is said."""
    modes = ("mean",) if description.pooling is None else description.pooling.modes
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise TeacherError(
            f"expected one pooling among {', '.join(_POOLINGS)} in {description.folder}, found "
            f"{', '.join(modes)}: {_REMEDY}"
        )
    return _POOLINGS[modes[0]]


def _read_limit(description: Description) -> int | None:
    """Give how many tokens of a text count, special tokens included; None for all."""
    if description.transformer.max_seq_length is not None:
        return description.transformer.max_seq_length
    path = description.transformer_folder / CONFIG_NAME
    return (
        read_value(read_json(path, dict), "max_position_embeddings", int, path, default=None)
        if path.exists()
        else None
    )
