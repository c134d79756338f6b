"""The folder that a static model lives in: its names, reading, and writing all or nothing.

The folder is the seam between distillation, every exported graph and every runtime in every language.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from m2v_onnx import __version__
from m2v_onnx.config import DEFAULT_MAX_LENGTH, GraphName, ModelConfig, Precision, Recipe
from m2v_onnx.errors import ArgumentError, FolderError, M2vOnnxError
from m2v_onnx.graph_names import (
    EMBEDDED_GRAPHS,
    GRAPH_STEMS,
    PRECISION_SUFFIXES,
    graph_file_name,
    graph_places,
)
from m2v_onnx.hub import download_folder, looks_like_hub_id, upload_folder
from m2v_onnx.model import StaticModel, Table
from m2v_onnx.row_blocks import rows_not_finite
from m2v_onnx.word_vectors import read_word_vectors

CONFIG_NAME = "config.json"
TABLE_NAME = "model.safetensors"
TOKENIZER_NAME = "tokenizer.json"
GOLDENS_NAME = "goldens.json"
CARD_NAME = "README.md"
MODULES_NAME = "modules.json"
GRAPH_NAME = "onnx/model.onnx"
# Beside the table that it shares: onnxruntime takes no path that leads out of the graph's own folder.
SHARED_GRAPH_NAME = "model.onnx"

SCHEMA_VERSION = 2
# What engines read as the limit of a model without one.
UNLIMITED_LENGTH = 1_000_000

_Json = TypeVar("_Json", dict[str, Any], list[Any])

# Where the table of a static model may lie; its tokenizer.json lies beside it. The second is
# model2vec 0.1's, the third the nested form of sentence-transformers.
_TABLE_PATHS = (TABLE_NAME, "embeddings.safetensors", f"0_StaticEmbedding/{TABLE_NAME}")
_TABLE_TENSORS = ("embeddings", "embedding.weight")
_NESTED_TOKENIZER = f"0_StaticEmbedding/{TOKENIZER_NAME}"
# What a static model is read from.
_READ_FILES = (CONFIG_NAME, MODULES_NAME, TOKENIZER_NAME, _NESTED_TOKENIZER, *_TABLE_PATHS)
# What belongs to a model at the root of its folder: replaced with it, never carried over.
_MODEL_ENTRIES = {name.split("/")[0] for name in (*_READ_FILES, GRAPH_NAME, GOLDENS_NAME)} | {
    "1_Normalize",
    "1_Pooling",
    "2_Normalize",
    "config_sentence_transformers.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "vocab.txt",
}
# In a model card that nobody has made their own.
CARD_MARK = "<!-- Written by m2v-onnx."


def graph_files(folder: Path) -> Iterator[GraphFile]:
    """Give every graph of a static model that a folder holds, embedded and shared ones."""
    found: dict[Path, GraphFile] = {}
    for parent in (folder / EMBEDDED_GRAPHS, folder):
        for graph in GRAPH_STEMS:
            for precision in PRECISION_SUFFIXES:
                path = parent / graph_file_name(graph, precision)
                if path.exists():
                    found.setdefault(path, GraphFile(path, graph, precision))
    yield from found.values()


def is_model_entry(path: Path) -> bool:
    """Tell whether a file or folder at the root of a model's folder belongs to the model."""
    if path.name == CARD_NAME:
        return CARD_MARK in path.read_text(encoding="utf-8", errors="replace")
    return path.name in _MODEL_ENTRIES or path.match("model*.onnx")


@dataclass(frozen=True)
class GraphFile:
    """A graph in a model's folder."""

    path: Path
    graph: GraphName
    precision: Precision


def download_model(
    path_or_id: str | Path,
    *,
    precision: Precision | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> Path:
    """Give the local folder or file of a static model, downloading it when it is a Hub id.

    The ids graph of one precision comes along, by default the float32 one.

    Raises:
        FolderError: when there is no such folder or repository.
    """
    path = Path(path_or_id)
    if path.exists():
        return path
    if not looks_like_hub_id(str(path_or_id)):
        raise FolderError(f"expected a static model's folder or a Hub id, found nothing at {path}")
    try:
        wanted = [*_READ_FILES, *graph_places("ids", precision or "fp32")]
        return download_folder(str(path_or_id), wanted, revision=revision, token=token)
    except M2vOnnxError as error:
        raise FolderError(str(error)) from error


def upload_model(
    path: Path,
    repo_id: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
    show_progress_bar: bool = False,
) -> str:
    """Upload a static model's folder to the Hub as it is, with every graph in it; give the commit's address.

    Args and errors of the upload are those of `m2v_onnx.hub.upload_folder`.

    Raises:
        FolderError: when the folder is none of a static model; nothing is sent then.
    """
    if not is_model_folder(path):
        raise FolderError(
            f"expected the folder of a static model, found none at {path}: write one with "
            "`m2v-onnx distill` or `m2v-onnx export`"
        )
    return upload_folder(
        path,
        repo_id,
        private=private,
        revision=revision,
        token=token,
        show_progress_bar=show_progress_bar,
    )


def is_model_folder(path: Path) -> bool:
    """Tell whether a folder holds a static model's table, and not, say, a transformer's weights."""
    for table_path in (path / name for name in _TABLE_PATHS):
        if table_path.exists() and table_path.with_name(TOKENIZER_NAME).exists():
            try:
                return not _map_tensors(table_path).keys().isdisjoint(_TABLE_TENSORS)
            except FolderError:
                return False
    return False


def read_model(path: Path, *, precision: Precision | None = None) -> StaticModel:
    """Read a static model of any known layout.

    Args:
        path: a local folder, or a file of word vectors in text form.
        precision: the number type of the graph to encode by; None leaves it open.

    Returns:
        The model; a folder's table is memory-mapped read-only from its file.

    Raises:
        FolderError: when the folder is none of a static model, or a file is damaged, or there is no graph
            of the precision.
    """
    if path.is_file():
        return read_word_vectors(path)
    table_path = next((path / name for name in _TABLE_PATHS if (path / name).exists()), None)
    if table_path is None:
        remedy = ": a transformer wants `m2v-onnx distill` first" if (path / CONFIG_NAME).exists() else ""
        raise FolderError(
            f"expected a static model with one of {', '.join(_TABLE_PATHS)}, found none in {path}{remedy}"
        )
    tensors = _map_tensors(table_path)
    table = next((tensors[name] for name in _TABLE_TENSORS if name in tensors), None)
    if table is None:
        raise FolderError(
            f"expected a static model's tensor {' or '.join(_TABLE_TENSORS)} in {table_path}, found "
            f"{', '.join(sorted(tensors)[:3]) or 'no tensor'} …: a transformer wants `m2v-onnx distill` first"
        )
    weights, mapping = tensors.get("weights"), tensors.get("mapping")
    config, is_ours = _read_config(path)
    tokenizer = read_tokenizer(table_path.with_name(TOKENIZER_NAME))
    try:
        return StaticModel(
            table=table,
            tokenizer=tokenizer,
            config=config,
            weights=None if weights is None else weights.astype(np.float32),
            mapping=None if mapping is None else mapping.astype(np.int32),
            # Other libraries write graphs of other inputs and outputs under this name.
            graph_path=_find_graph(path, precision) if is_ours else None,
            precision=precision,
        )
    except FolderError as error:
        raise FolderError(f"{path}: {error}") from error


def _find_graph(folder: Path, precision: Precision | None) -> Path | None:
    """Give the ids graph of a precision, by default of float32 where there is one."""
    found = next(
        (folder / name for name in graph_places("ids", precision or "fp32") if (folder / name).exists()), None
    )
    if found is None and precision is not None:
        there = sorted({file.precision for file in graph_files(folder) if file.graph == "ids"})
        raise FolderError(
            f"expected a graph of precision {precision}, found {', '.join(there) or 'none'}: write it with "
            f"`m2v-onnx export --precision {precision}`"
        )
    return found


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a `tokenizer.json`.

    Raises:
        FolderError: when it is missing or damaged.
    """
    if not path.exists():
        raise FolderError(f"expected a {TOKENIZER_NAME} at {path}, found nothing: the model is incomplete")
    text = _read_text(path)
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the tokenizers library raises no narrower type
        raise FolderError(
            f"expected a tokenizer of the `tokenizers` library in {path}, found a damaged one ({error}): "
            "fetch the file again"
        ) from error


def read_json(path: Path, kind: type[_Json]) -> _Json:
    """Read a JSON file whose outermost value is of the given kind.

    Raises:
        FolderError: when the file holds something else.
    """
    try:
        content = json.loads(_read_text(path))
    except ValueError as error:
        raise FolderError(
            f"expected JSON in {path}, found damaged text ({error}): fetch the file again"
        ) from error
    if not isinstance(content, kind):
        raise FolderError(f"expected a JSON {kind.__name__} in {path}, found a {type(content).__name__}")
    return content


def write_model_files(model: StaticModel, folder: Path) -> None:
    """Write config, table and tokenizer into an existing folder; the graphs are `export`'s.

    The bytes depend on the model alone. model2vec reads the same three files. Rows of tokens that never count
    are zeros there: engines that count them all the same then give the right unit vectors.

    Raises:
        FolderError: when the table holds NaN or infinity.
    """
    check_finite(model.table)
    tensors: dict[str, npt.NDArray[Any]] = {"embeddings": np.ascontiguousarray(model.table)}
    if model.weights is not None:
        tensors["weights"] = model.weights
    if model.mapping is not None:
        tensors["mapping"] = model.mapping
    save_file(tensors, folder / TABLE_NAME)
    if model.mapping is None:
        _zero_rows(folder / TABLE_NAME, sorted(model.masked_ids))
    (folder / TOKENIZER_NAME).write_text(model.tokenizer.to_str(), encoding="utf-8")
    config = json.dumps(_config_to_json(model), indent=2, ensure_ascii=False)
    (folder / CONFIG_NAME).write_text(config + "\n", encoding="utf-8")
    shutil.copymode(folder / CONFIG_NAME, folder / TABLE_NAME)  # safetensors writes for the owner alone


def _zero_rows(path: Path, rows: list[int]) -> None:
    """Write zeros over some rows of a table on disk, which needs no second table in memory."""
    header, start = _read_header(path)
    entry = header[_TABLE_TENSORS[0]]
    begin, end = entry["data_offsets"]
    row_bytes = (end - begin) // entry["shape"][0]
    with path.open("r+b") as file:
        for row in rows:
            file.seek(start + begin + row * row_bytes)
            file.write(bytes(row_bytes))


def locate_table(path: Path, dtype: npt.DTypeLike) -> tuple[int, int] | None:
    """Give the offset and the length in bytes of the table in `model.safetensors`.

    None when the table there has another number type.
    """
    header, start = _read_header(path)
    entry = header[_TABLE_TENSORS[0]]
    if _DTYPES[entry["dtype"]] != np.dtype(dtype).str:
        return None
    begin, end = entry["data_offsets"]
    return start + begin, end - begin


def padding_token(model: StaticModel) -> tuple[str, int]:
    """Give the token, and its id, that engines pad a batch with: any will do where the model has none."""
    token_id = model.pad_token_id if model.pad_token_id is not None else model.unk_token_id or 0
    return str(model.tokenizer.id_to_token(token_id)), token_id


def sequence_limit(model: StaticModel) -> int:
    """Give the tokens that engines cut a text to: the model's limit, and the special tokens that they add."""
    if model.config.max_length is None:
        return UNLIMITED_LENGTH
    return int(model.config.max_length + model.tokenizer.num_special_tokens_to_add(is_pair=False))


def check_finite(table: Table) -> None:
    """Refuse a table with NaN or infinity.

    Raises:
        FolderError: naming the first rows.
    """
    bad_rows = rows_not_finite(table)
    if len(bad_rows):
        raise FolderError(
            f"the table must be finite, found NaN or infinity in {len(bad_rows)} of {len(table)} rows "
            f"(ids {', '.join(map(str, bad_rows[:5]))} …): distil again"
        )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FolderError(
            f"expected UTF-8 text in {path}, found other bytes ({error}): fetch the file again"
        ) from error
    except OSError as error:
        raise FolderError(f"expected to read {path}, found {error.strerror}: check the file") from error


def _map_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Memory-map every tensor of a safetensors file, read-only."""
    try:
        with safe_open(path, framework="numpy") as tensors:  # checks header, sizes and coverage
            names = list(tensors.keys())
    except (SafetensorError, OSError) as error:
        raise FolderError(
            f"expected a safetensors file in {path}, found a damaged one ({error}): fetch the file again"
        ) from error
    header, start = _read_header(path)
    return {name: _map_tensor(path, header[name], start=start) for name in names}


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Give the header of a safetensors file, and where the tensors begin."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(header_bytes)), 8 + header_bytes


_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I8": "|i1", "I32": "<i4", "I64": "<i8"}


def _map_tensor(path: Path, entry: dict[str, Any], *, start: int) -> npt.NDArray[Any]:
    if entry["dtype"] not in _DTYPES:
        raise FolderError(
            f"expected tensors of {', '.join(_DTYPES)} in {path}, found {entry['dtype']}: convert the table"
        )
    dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
    if 0 in shape:
        return np.zeros(shape, dtype)
    return np.asarray(np.memmap(path, dtype, mode="r", offset=start + entry["data_offsets"][0], shape=shape))


def _read_config(folder: Path) -> tuple[ModelConfig, bool]:
    """Give the configuration, and whether m2v-onnx wrote the folder."""
    if not (folder / CONFIG_NAME).exists():
        # sentence-transformers' own layout: normalisation is a module, and nothing is cut.
        return ModelConfig(normalize=_has_normalize_module(folder), max_length=None), False
    content = read_json(folder / CONFIG_NAME, dict)
    normalize = content.get("normalize", False)
    max_length = content.get("max_length", DEFAULT_MAX_LENGTH)
    if not isinstance(normalize, bool):
        raise FolderError(f"normalize in {folder / CONFIG_NAME} must be true or false, found {normalize!r}")
    if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
        raise FolderError(
            f"max_length in {folder / CONFIG_NAME} must be a number from 1, or null, found {max_length!r}"
        )
    config = ModelConfig(
        normalize=normalize,
        max_length=max_length,
        teacher=content.get("tokenizer_name"),
        recipe=_read_recipe(content.get("m2v_onnx"), folder / CONFIG_NAME),
    )
    return config, "m2v_onnx" in content


def _has_normalize_module(folder: Path) -> bool:
    path = folder / MODULES_NAME
    return path.exists() and '.Normalize"' in _read_text(path)


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


def _config_to_json(model: StaticModel) -> dict[str, Any]:
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
        "m2v_onnx": {
            "schema_version": SCHEMA_VERSION,
            "version": __version__,
            "recipe": None if recipe is None else asdict(recipe),
        },
    }
