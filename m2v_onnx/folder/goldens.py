"""Texts that hurt, and what a model makes of them: the proof that every graph and runtime carries along."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.names import GOLDENS_NAME, export_command
from m2v_onnx.model.classification_head import ClassificationHead
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
        logits: (B, C) float32, a classifier's; None for a model that gives vectors.
        labels: the likeliest label of each text, as a text; None for a regression, too.
    """

    model_sha256: str
    texts: tuple[str, ...]
    token_ids: list[list[int]]
    vectors: Vectors
    logits: Vectors | None = None
    labels: list[str] | None = None


def make_goldens(model: StaticEmbedding, head: ClassificationHead | None = None) -> Goldens:
    """Ask the specification for HARD_TEXTS: `encode_reference`, and `logits_reference` of a classifier."""
    goldens = Goldens(
        model_sha256=hash_model(model, head),
        texts=HARD_TEXTS,
        token_ids=[model.token_ids_reference(text) for text in HARD_TEXTS],
        vectors=model.encode_reference(HARD_TEXTS),
    )
    if head is None:
        return goldens
    logits = head.logits(goldens.vectors, goldens.token_ids, model.counting_ids)
    return replace(goldens, logits=logits, labels=likeliest_labels(head, logits))


def likeliest_labels(head: ClassificationHead, logits: Vectors) -> list[str] | None:
    """Give the first label of the largest logit of each row, as a text; None for a regression."""
    texts = [str(label) for label in head.labels]
    return [texts[column] for column in logits.argmax(axis=1)] if texts else None


def write_goldens(goldens: Goldens, folder: Path) -> None:
    """Write `goldens.json`; the numbers are the shortest that give the same float32 again."""
    content = {name: value for name, value in asdict(goldens).items() if value is not None}
    for name, value in content.items():
        if isinstance(value, np.ndarray):
            content[name] = [[float(str(number)) for number in row] for row in value]
    text = json.dumps(content, ensure_ascii=False)
    (folder / GOLDENS_NAME).write_text(text + "\n", encoding="utf-8")


def read_goldens(folder: Path, model: StaticEmbedding, head: ClassificationHead | None = None) -> Goldens:
    """Read the goldens of a model's folder.

    Args:
        folder: the folder.
        model: the model in it.
        head: a classifier's head in it.

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
            logits=None if head is None else np.array(content["logits"], np.float32),
            labels=content["labels"] if head is not None and head.labels else None,
        )
        is_whole = goldens.vectors.shape == (len(goldens.texts), model.dim)
        if goldens.logits is not None and head is not None:
            is_whole &= goldens.logits.shape == (len(goldens.texts), head.n_outputs)
        _check_types(goldens)
    except (KeyError, TypeError, ValueError) as error:
        raise FolderError(
            f"expected goldens in {path}, found damaged ones ({error!r}): write them "
            f"again by `{export_command(folder)}`"
        ) from error
    if goldens.model_sha256 != hash_model(model, head) or not is_whole:
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


def hash_model(model: StaticEmbedding, head: ClassificationHead | None = None) -> str:
    """Give the SHA-256 of all that decides a vector, and a label: arrays, tokenizer, settings."""
    digest = hashlib.sha256(model.tokenizer.to_str().encode())
    config = model.config
    digest.update(f"{config.normalize} {config.max_length}".encode())
    if (config.unknown, config.cut_characters) != ("skip", True):  # else the hash of older folders
        digest.update(f" {config.unknown} {config.cut_characters}".encode())
    arrays: list[npt.NDArray[Any] | None] = [model.table, model.weights, model.mapping]
    if head is not None:
        digest.update(repr((head.labels, head.problem, head.unit)).encode())
        arrays += [head.weight, head.bias, head.terms, head.pairs]
    for array in arrays:
        if array is not None:
            for rows in row_blocks(array):
                digest.update(np.ascontiguousarray(array[rows]).data)
    return digest.hexdigest()
