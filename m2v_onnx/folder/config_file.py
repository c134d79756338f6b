"""config.json: read from any library's folder, and written for them all."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.folder.json_values import read_value
from m2v_onnx.folder.names import CONFIG_NAME
from m2v_onnx.model.config import ModelConfig, Provenance, UnknownTokens
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.system.text_files import read_json
from m2v_onnx.version import __version__

SCHEMA_VERSION = 4
# What engines read as the limit of a model without one.
UNLIMITED_LENGTH = 1_000_000
# The key of what m2v-onnx alone reads.
OUR_SECTION = "m2v_onnx"
_MOST_LENGTH = 2**31 - 1


def read_config(folder: Path, *, defaults: ModelConfig) -> ModelConfig:
    """Read how a model encodes.

    Args:
        folder: the model's folder.
        defaults: what holds where config.json says nothing.

    Raises:
        FolderError: when a value is none that it can have.
    """
    path = folder / CONFIG_NAME
    if not path.exists():
        return defaults
    content = read_json(path, dict)
    normalize = content.get("normalize", defaults.normalize)
    max_length = content.get("max_length", defaults.max_length)
    teacher = content.get("tokenizer_name")
    if not isinstance(normalize, bool):
        raise FolderError(f"normalize in {path} must be true or false, found {normalize!r:.60}")
    if max_length is not None and not (type(max_length) is int and 1 <= max_length <= _MOST_LENGTH):
        raise FolderError(
            f"max_length in {path} must be a whole number from 1 to {_MOST_LENGTH}, or null, found "
            f"{max_length!r:.60}"
        )
    if teacher is not None and not isinstance(teacher, str):
        raise FolderError(f"tokenizer_name in {path} must be a string or null, found {teacher!r:.60}")
    section = _read_section(content, path)
    unknown = section.get("unknown", defaults.unknown)
    if unknown not in get_args(UnknownTokens):
        raise FolderError(f"unknown in {path} must be skip or count, found {unknown!r}: distil again")
    return ModelConfig(
        normalize=normalize,
        max_length=max_length,
        cut_characters=read_value(section, "cut_characters", bool, path, default=defaults.cut_characters),
        unknown=unknown,
        teacher=teacher,
        recipe=_read_recipe(section, path),
        provenance=_read_provenance(section, path) or defaults.provenance,
    )


def is_ours(folder: Path) -> bool:
    """Tell whether m2v-onnx wrote a folder; other libraries write other graphs under the same names."""
    path = folder / CONFIG_NAME
    return path.exists() and OUR_SECTION in read_json(path, dict)


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


def _read_section(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Give what m2v-onnx wrote; nothing for another library's folder."""
    section = read_value(content, OUR_SECTION, dict, path, default={})
    version = read_value(section, "schema_version", int, path, default=SCHEMA_VERSION)
    if version > SCHEMA_VERSION:
        raise FolderError(
            f"{path} was written by a newer m2v-onnx (schema {version}, this one reads up to "
            f"{SCHEMA_VERSION}): run `pip install --upgrade m2v-onnx`"
        )
    return section


def _read_recipe(section: dict[str, Any], path: Path) -> Recipe | None:
    recipe = section.get("recipe")
    try:
        return None if recipe is None else Recipe(**recipe)
    except (TypeError, ArgumentError) as error:
        raise FolderError(
            f"expected a recipe under m2v_onnx in {path}, found a damaged one ({error})"
        ) from error


def _read_provenance(section: dict[str, Any], path: Path) -> Provenance | None:
    content = read_value(section, "provenance", dict, path, default=None)
    if content is None:
        return None
    try:
        provenance = Provenance(**content)
        return replace(provenance, language=tuple(provenance.language))
    except TypeError as error:
        raise FolderError(
            f"expected a provenance under m2v_onnx in {path}, found a damaged one ({error})"
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
        OUR_SECTION: {
            "schema_version": SCHEMA_VERSION,
            "version": __version__,
            "unknown": model.config.unknown,
            "cut_characters": model.config.cut_characters,
            "provenance": asdict(model.config.provenance),
            "recipe": None if recipe is None else asdict(recipe),
        },
    }
