"""The small files that other libraries look for beside a graph: tokenizer settings, modules, vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from m2v_onnx.folder.config_file import padding_token, sequence_limit
from m2v_onnx.folder.names import MODULES_NAME
from m2v_onnx.model.static_embedding import StaticEmbedding

# BERT tokenizers that read vocab.txt demand these. Those that the model has not follow behind its tokens, and
# graphs that take ids give them no meaning.
EXTRA_TOKENS = ("[CLS]", "[SEP]", "[MASK]")

_ST_MODULES = "sentence_transformers.models"


def write_engine_files(model: StaticEmbedding, folder: Path) -> None:
    """Write what transformers, sentence-transformers, transformers.js, fastembed and others look for.

    Deterministic.
    """
    pad_token, _ = padding_token(model)
    special_tokens = {"pad_token": pad_token, "unk_token": _unk_token(model)}
    special_tokens = {role: token for role, token in special_tokens.items() if token is not None}
    _write_json(folder / "special_tokens_map.json", special_tokens)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": sequence_limit(model),
        "clean_up_tokenization_spaces": False,
        **special_tokens,
    }
    _write_json(folder / "tokenizer_config.json", settings)
    vocabulary = model.tokenizer.get_vocab()
    # Engines that read vocab.txt put [CLS] and [SEP] around a text, where these must not count.
    counts_affixes = model.config.unknown == "count" and not vocabulary.keys().isdisjoint(EXTRA_TOKENS)
    if type(model.tokenizer.model).__name__ == "WordPiece" and not counts_affixes:
        tokens = sorted(vocabulary, key=vocabulary.__getitem__)
        tokens += [token for token in EXTRA_TOKENS if token not in vocabulary]
        (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    _write_json(folder / MODULES_NAME, _modules(model))
    _write_json(folder / "config_sentence_transformers.json", {"similarity_fn_name": "cosine"})
    (folder / "1_Pooling").mkdir()
    # Any pooling gives the sentence vector, which stands at every position; the first costs nothing.
    pooling = {"word_embedding_dimension": model.dim, "pooling_mode_cls_token": True}
    _write_json(folder / "1_Pooling/config.json", {**pooling, "pooling_mode_mean_tokens": False})


def _modules(model: StaticEmbedding) -> list[dict[str, Any]]:
    """List the modules of sentence-transformers: its StaticEmbedding, which knows a table of floats.

    Of a model with weights, a mapping or integers the graph is run instead, as a transformer's would be.
    """
    if model.weights is None and model.mapping is None and model.table.dtype.kind == "f":
        types = [("", f"{_ST_MODULES}.StaticEmbedding")]
    else:
        types = [("", f"{_ST_MODULES}.Transformer"), ("1_Pooling", f"{_ST_MODULES}.Pooling")]
    if model.config.normalize:
        types.append((f"{len(types)}_Normalize", f"{_ST_MODULES}.Normalize"))
    return [
        {"idx": index, "name": str(index), "path": path, "type": kind}
        for index, (path, kind) in enumerate(types)
    ]


def _unk_token(model: StaticEmbedding) -> str | None:
    return None if model.unk_token_id is None else model.tokenizer.id_to_token(model.unk_token_id)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
