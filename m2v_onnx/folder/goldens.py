"""Texts that hurt, and what a model makes of them: the proof that every graph and runtime carries along."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.names import GOLDENS_NAME, export_command
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.row_blocks import row_blocks
from m2v_onnx.system.text_files import read_json
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS


@dataclass(frozen=True)
class Goldens:
    """Texts, and what a model makes of them.

    Attributes:
        model_sha256: of the model's table, weights, mapping and tokenizer.
        texts: the texts.
        token_ids: of each text, cut to the model's limit, unknown and special tokens included.
        vectors: (B, D) float32.
    """

    model_sha256: str
    texts: tuple[str, ...]
    token_ids: list[list[int]]
    vectors: Vectors


def make_goldens(model: StaticEmbedding) -> Goldens:
    """Ask the specification, `StaticEmbedding.encode_reference`, for HARD_TEXTS."""
    return Goldens(
        model_sha256=hash_model(model),
        texts=HARD_TEXTS,
        token_ids=[model.token_ids_reference(text) for text in HARD_TEXTS],
        vectors=model.encode_reference(HARD_TEXTS),
    )


def write_goldens(goldens: Goldens, folder: Path) -> None:
    """Write `goldens.json`; the numbers are the shortest that give the same float32 again."""
    vectors = [[float(str(value)) for value in vector] for vector in goldens.vectors]
    content = json.dumps({**asdict(goldens), "vectors": vectors}, ensure_ascii=False)
    (folder / GOLDENS_NAME).write_text(content + "\n", encoding="utf-8")


def read_goldens(folder: Path, model: StaticEmbedding) -> Goldens:
    """Read the goldens of a model's folder.

    Args:
        folder: the folder.
        model: the model in it.

    Raises:
        FolderError: when there are none, or they are damaged or of another model.
    """
    path = folder / GOLDENS_NAME
    if not path.exists():
        raise FolderError(
            f"expected {GOLDENS_NAME} in {folder}, found none: write it by `{export_command(folder)}`"
        )
    content: dict[str, Any] = read_json(path, dict)
    try:
        goldens = Goldens(
            model_sha256=content["model_sha256"],
            texts=tuple(content["texts"]),
            token_ids=content["token_ids"],
            vectors=np.array(content["vectors"], np.float32),
        )
        is_whole = goldens.vectors.shape == (len(goldens.texts), model.dim)
        _check_types(goldens)
    except (KeyError, TypeError, ValueError) as error:
        raise FolderError(
            f"expected goldens in {path}, found damaged ones ({error!r}): write them "
            f"again by `{export_command(folder)}`"
        ) from error
    if goldens.model_sha256 != hash_model(model) or not is_whole:
        raise FolderError(
            f"expected the goldens of the model in {folder}, found another model's: write "
            f"them again by `{export_command(folder)}`"
        )
    return goldens


def _check_types(goldens: Goldens) -> None:
    """Refuse token ids that are no lists of whole numbers for texts.

    Raises:
        ValueError: saying what is wrong.
    """
    ids = goldens.token_ids
    if not all(isinstance(text, str) for text in goldens.texts) or len(ids) != len(goldens.texts):
        raise ValueError("expected token_ids for each text")
    if not all(isinstance(row, list) and all(type(one) is int for one in row) for row in ids):
        raise ValueError("expected lists of whole numbers in token_ids")


def hash_model(model: StaticEmbedding) -> str:
    """Give the SHA-256 of all that decides a vector: table, weights, mapping, tokenizer, settings."""
    digest = hashlib.sha256(model.tokenizer.to_str().encode())
    config = model.config
    digest.update(f"{config.normalize} {config.max_length}".encode())
    if (config.unknown, config.cut_characters) != ("skip", True):  # else the hash of older folders
        digest.update(f" {config.unknown} {config.cut_characters}".encode())
    for array in (model.table, model.weights, model.mapping):
        if array is not None:
            for rows in row_blocks(array):
                digest.update(np.ascontiguousarray(array[rows]).data)
    return digest.hexdigest()
