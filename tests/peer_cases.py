"""Folders that say something of themselves, for us and for the libraries that we compare with.

Each case is written by NumPy, safetensors and tokenizers alone: `checks/peers.py` runs in an environment of
its own, where this package is not installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = (
    *(
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "red",
        "Red",
        "fish",
        "blue",
        "bird",
        "the",
        "The",
        "sing",
        "##s",
        "-",
    ),
    *("cafe", "café", "日", "本", "日本", "internationalization"),
)
TEXTS = (
    "red fish",
    "The Red fish sings",
    "red zzz",
    "zzz",
    "a [CLS] red [PAD] bird",
    "internationalization internationalization red fish blue bird",
    "Café 日本 sings - the bird",
    "",
)
WIDTH = 6


def word_piece(*, lowercase: bool = True, **normalizer: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, **normalizer)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(WORDS[:4]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_static(folder: Path, *kinds: str, tokenizer: Tokenizer | None = None, place: str = "") -> Path:
    """Write a StaticEmbedding and the modules behind it, as sentence-transformers saves them."""
    (folder / place).mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer or word_piece()
    table = np.random.default_rng(0).normal(size=(len(WORDS), WIDTH)).astype(np.float32)
    save_file({"embedding.weight": table}, folder / place / "model.safetensors")
    tokenizer.save(str(folder / place / "tokenizer.json"))
    modules = ["StaticEmbedding", *kinds]
    paths = [place, *(f"{index}_{kind}" for index, kind in enumerate(kinds, 1))]
    entries = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, path) in enumerate(zip(modules, paths, strict=True))
    ]
    write_json(folder / "modules.json", entries)
    return folder


def write_dense(
    folder: Path, *, bias: bool, activation: str = "linear.Identity", n_out: int = 4, **more
) -> None:
    """Write a Dense module."""
    rng = np.random.default_rng(n_out)
    folder.mkdir()
    tensors = {"linear.weight": rng.normal(size=(n_out, WIDTH)).astype(np.float32)}
    if bias:
        tensors["linear.bias"] = rng.normal(size=n_out).astype(np.float32)
    if more.get("use_residual") and n_out != WIDTH:
        tensors["residual.weight"] = rng.normal(size=(n_out, WIDTH)).astype(np.float32)
    save_file(tensors, folder / "model.safetensors")
    settings = {"in_features": WIDTH, "out_features": n_out, "bias": bias, **more}
    write_json(folder / "config.json", {**settings, "activation_function": f"torch.nn.modules.{activation}"})


def _dense(folder: Path) -> None:
    write_dense(write_static(folder, "Dense") / "1_Dense", bias=False)


def _dense_with_bias_and_normalize(folder: Path) -> None:
    write_dense(write_static(folder, "Dense", "Normalize") / "1_Dense", bias=True)


def _two_dense(folder: Path) -> None:
    write_dense(write_static(folder, "Dense", "Dense") / "1_Dense", bias=True, n_out=WIDTH)
    write_dense(folder / "2_Dense", bias=True, n_out=3)


def _dense_with_residual(folder: Path) -> None:
    write_dense(write_static(folder, "Dense", "Dense") / "1_Dense", bias=True, n_out=WIDTH, use_residual=True)
    write_dense(folder / "2_Dense", bias=False, n_out=5, use_residual=True)


def _normalize_and_a_silent_config(folder: Path) -> None:
    write_json(write_static(folder, "Normalize") / "config.json", {"model_type": "static-embedding"})


def _nested(folder: Path) -> None:
    write_static(folder, "Normalize", place="0_StaticEmbedding")


def _elsewhere_with_dropout(folder: Path) -> None:
    write_static(folder, "Dropout", place="encoder")
    write_json(folder / "1_Dropout/config.json", {"dropout": 0.5})


def _truncate_dim(folder: Path) -> None:
    write_json(write_static(folder) / "config_sentence_transformers.json", {"truncate_dim": 3})


def _truncation(folder: Path) -> None:
    tokenizer = word_piece()
    tokenizer.enable_truncation(3)
    write_static(folder, tokenizer=tokenizer)


def _truncation_and_padding(folder: Path) -> None:
    tokenizer = word_piece()
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=16)
    write_static(folder, "Normalize", tokenizer=tokenizer)


# Static models: what sentence-transformers gives for TEXTS.
STATIC: dict[str, Callable[[Path], object]] = {
    "plain": write_static,
    "dense": _dense,
    "dense with a bias, normalised": _dense_with_bias_and_normalize,
    "two dense": _two_dense,
    "dense with residuals": _dense_with_residual,
    "normalize, and a config that says nothing of it": _normalize_and_a_silent_config,
    "nested": _nested,
    "elsewhere, with dropout": _elsewhere_with_dropout,
    "truncate_dim": _truncate_dim,
    "truncation": _truncation,
    "truncation and padding": _truncation_and_padding,
}
