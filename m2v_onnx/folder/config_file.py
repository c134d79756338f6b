"""config.json: read from any library's folder, and written for them all."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.folder.names import CONFIG_NAME, MODULES_NAME
from m2v_onnx.model.config import DEFAULT_MAX_LENGTH, ModelConfig
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.system.text_files import read_json, read_text
from m2v_onnx.version import __version__

SCHEMA_VERSION = 2
# What engines read as the limit of a model without one.
UNLIMITED_LENGTH = 1_000_000
_OUR_SECTION = "m2v_onnx"


def read_config(folder: Path) -> ModelConfig:
    """Read how a model encodes.

    Raises:
        FolderError: when a value is none that it can have.
    """
    if not (folder / CONFIG_NAME).exists():
        # sentence-transformers' own layout: normalisation is a module, and nothing is cut.
        return ModelConfig(normalize=_has_normalize_module(folder), max_length=None)
    content = read_json(folder / CONFIG_NAME, dict)
    normalize = content.get("normalize", False)
    max_length = content.get("max_length", DEFAULT_MAX_LENGTH)
    if not isinstance(normalize, bool):
        raise FolderError(f"normalize in {folder / CONFIG_NAME} must be true or false, found {normalize!r}")
    if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
        raise FolderError(
            f"max_length in {folder / CONFIG_NAME} must be a number from 1, or null, found {max_length!r}"
        )
    return ModelConfig(
        normalize=normalize,
        max_length=max_length,
        teacher=content.get("tokenizer_name"),
        recipe=_read_recipe(content.get(_OUR_SECTION), folder / CONFIG_NAME),
    )


def is_ours(folder: Path) -> bool:
    """Tell whether m2v-onnx wrote a folder; other libraries write other graphs under the same names."""
    path = folder / CONFIG_NAME
    return path.exists() and _OUR_SECTION in read_json(path, dict)


def write_config(model: StaticEmbedding, folder: Path) -> None:
    """Write config.json into an existing folder."""
    content = json.dumps(_config_to_json(model), indent=2, ensure_ascii=False)
    (folder / CONFIG_NAME).write_text(content + "\n", encoding="utf-8")


def padding_token(model: StaticEmbedding) -> tuple[str, int]:
    """Give the token, and its id, that engines pad a batch with: any will do where the model has none."""
    token_id = model.pad_token_id if model.pad_token_id is not None else model.unk_token_id or 0
    return str(model.tokenizer.id_to_token(token_id)), token_id


def sequence_limit(model: StaticEmbedding) -> int:
    """Give the tokens that engines cut a text to: the model's limit, and the special tokens that they add."""
    if model.config.max_length is None:
        return UNLIMITED_LENGTH
    return int(model.config.max_length + model.tokenizer.num_special_tokens_to_add(is_pair=False))


def _has_normalize_module(folder: Path) -> bool:
    path = folder / MODULES_NAME
    return path.exists() and '.Normalize"' in read_text(path)


def _read_recipe(section: Any, path: Path) -> Recipe | None:  # noqa: ANN401  # JSON
    if section is None:
        return None
    try:
        if section["schema_version"] > SCHEMA_VERSION:
            raise FolderError(
                f"{path} was written by a newer m2v-onnx (schema {section['schema_version']}, this one reads "
                f"up to {SCHEMA_VERSION}): run `pip install --upgrade m2v-onnx`"
            )
        recipe = section["recipe"]
        return None if recipe is None else Recipe(**recipe)
    except (KeyError, TypeError, ArgumentError) as error:
        raise FolderError(
            f"expected a recipe under m2v_onnx in {path}, found a damaged one ({error})"
        ) from error


def _config_to_json(model: StaticEmbedding) -> dict[str, Any]:
    """Give config.json: what transformers-shaped engines read, what model2vec reads, and our own section."""
    recipe = model.config.recipe
    return {
        "model_type": "bert",  # engines refuse a type that transformers does not know
        "architectures": ["StaticModel"],
        "hidden_size": model.dim,
        "num_hidden_layers": 0,
        "num_attention_heads": 1,
        "intermediate_size": model.dim,
        "vocab_size": model.n_tokens,
        "pad_token_id": padding_token(model)[1],
        "type_vocab_size": 0,  # true, and no BERT with random weights can be run from this folder
        "max_position_embeddings": sequence_limit(model),
        "tokenizer_name": model.config.teacher,
        "apply_pca": None if recipe is None else recipe.pca_dims,
        "sif_coefficient": None if recipe is None or recipe.weighting != "sif" else recipe.sif_coefficient,
        "hidden_dim": model.dim,
        "normalize": model.config.normalize,
        "max_length": model.config.max_length,
        "embedding_dtype": model.table.dtype.name,
        _OUR_SECTION: {
            "schema_version": SCHEMA_VERSION,
            "version": __version__,
            "recipe": None if recipe is None else asdict(recipe),
        },
    }
