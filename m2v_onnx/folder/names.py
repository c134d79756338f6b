"""The names of all files in a model's folder."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from m2v_onnx.model.quantization import PRECISIONS, Precision

CONFIG_NAME = "config.json"
TABLE_NAME = "model.safetensors"
TORCH_NAME = "pytorch_model.bin"
TOKENIZER_NAME = "tokenizer.json"
HEAD_NAME = "head.safetensors"
GOLDENS_NAME = "goldens.json"
CARD_NAME = "README.md"
MODULES_NAME = "modules.json"
VOCABULARY_NAME = "vocab.txt"
SPECIAL_TOKENS_NAME = "special_tokens_map.json"
TOKENIZER_CONFIG_NAME = "tokenizer_config.json"
ST_CONFIG_NAME = "config_sentence_transformers.json"
ROUTER_NAME = "router_config.json"
# Names that engines look for: transformers.js picks a precision by its suffix.
EMBEDDED_GRAPHS = "onnx"
IDS_STEM = "model"
TEXT_STEM = "model_text"
CODEPOINTS_STEM = "model_codepoints"
GRAPH_NAME = f"{EMBEDDED_GRAPHS}/{IDS_STEM}.onnx"
# Beside the table that it shares: onnxruntime takes no path that leads out of the graph's own folder.
SHARED_GRAPH_NAME = f"{IDS_STEM}.onnx"

# Files that transformers makes a tokenizer.json of.
SLOW_TOKENIZERS = ("vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
# Where the table of a static model may lie; its tokenizer.json lies beside it. The second is
# model2vec 0.1's, the third the nested form of sentence-transformers.
TABLE_PATHS = (TABLE_NAME, "embeddings.safetensors", f"0_StaticEmbedding/{TABLE_NAME}")
# What a static model, or a classifier, is read from.
READ_FILES = (
    CONFIG_NAME,
    HEAD_NAME,
    MODULES_NAME,
    TOKENIZER_NAME,
    f"0_StaticEmbedding/{TOKENIZER_NAME}",
    *TABLE_PATHS,
)
# All graphs, wherever they lie.
GRAPH_PATTERNS = (f"{EMBEDDED_GRAPHS}/*", f"{IDS_STEM}*.onnx")
# What belongs to a model at the root of its folder: replaced with it, never carried over.
_MODEL_ENTRIES = {name.split("/")[0] for name in (*READ_FILES, GRAPH_NAME, GOLDENS_NAME)} | {
    "1_Normalize",
    "1_Pooling",
    "2_Normalize",
    ST_CONFIG_NAME,
    SPECIAL_TOKENS_NAME,
    TOKENIZER_CONFIG_NAME,
    VOCABULARY_NAME,
}
# In a model card that nobody has made their own.
CARD_MARK = "<!-- Written by m2v-onnx."


def graph_file_name(stem: str, precision: Precision) -> str:
    """Give the name of a graph's file, without its folder.

    >>> graph_file_name("model", "fp32"), graph_file_name("model_tokens", "int8")
    ('model.onnx', 'model_tokens_quantized.onnx')
    """
    return f"{stem}{PRECISIONS[precision].suffix}.onnx"


def graph_places(stem: str, precision: Precision) -> tuple[str, str]:
    """Give where a graph may lie in a model's folder: embedded, or beside the table that it shares.

    >>> graph_places("model", "int8")
    ('onnx/model_quantized.onnx', 'model_quantized.onnx')
    """
    name = graph_file_name(stem, precision)
    return f"{EMBEDDED_GRAPHS}/{name}", name


def export_command(folder: Path, *, graph: str | None = None, precision: str | None = None) -> str:
    """Give the command that writes a folder again, with a graph that it lacks.

    >>> export_command(Path("my model"), precision="int8")
    "m2v-onnx export 'my model' 'my model' --precision int8"
    """
    given = {"--graph": graph, "--precision": precision}
    options = [part for name, value in given.items() if value is not None for part in (name, value)]
    return shlex.join(["m2v-onnx", "export", str(folder), str(folder), *options])


def model_name(folder: Path) -> str:
    """Give what a model is called: its folder; bytes that are no text are replaced.

    >>> model_name(Path("models/minilm"))
    'minilm'
    """
    return os.fsencode(folder.resolve().name).decode("utf-8", "replace")


def is_graph_file(path: Path) -> bool:
    """Tell whether a file has the name of a model's graph, or of data that lies beside one.

    >>> [is_graph_file(Path(name)) for name in ("model_int8.onnx", "model.onnx_data", "my_notes.txt")]
    [True, True, False]
    """
    return path.match(f"{IDS_STEM}*.onnx*")


def is_model_entry(path: Path) -> bool:
    """Tell whether a file or folder at the root of a model's folder belongs to the model."""
    if path.name == CARD_NAME:
        return path.is_file() and CARD_MARK in path.read_text(encoding="utf-8", errors="replace")
    return path.name in _MODEL_ENTRIES or path.match(GRAPH_PATTERNS[1])
