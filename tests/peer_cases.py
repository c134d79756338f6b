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
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

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
    "acme-corp sings: fish bird, Fish Bird",
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


def write_static(
    folder: Path,
    *kinds: str,
    tokenizer: Tokenizer | None = None,
    place: str = "",
    n_rows: int | None = None,
    seed: int = 0,
) -> Path:
    """Write a StaticEmbedding and the modules behind it, as sentence-transformers saves them."""
    (folder / place).mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer or word_piece()
    n_rows = n_rows or tokenizer.get_vocab_size()
    table = np.random.default_rng(seed).normal(size=(n_rows, WIDTH)).astype(np.float32)
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


def _truncate_dim_behind_dense(folder: Path) -> None:
    _two_dense(folder)
    write_json(folder / "config_sentence_transformers.json", {"truncate_dim": 2})


def _truncate_dim_beyond_the_table(folder: Path) -> None:
    write_json(write_static(folder, "Normalize") / "config_sentence_transformers.json", {"truncate_dim": 64})


def _of(tokenizer: Callable[[], Tokenizer], **parts: int) -> Callable[[Path], object]:
    return lambda folder: write_static(folder, tokenizer=tokenizer(), **parts)


def unigram() -> Tokenizer:
    pieces = [("<unk>", 0.0), *((f"\u2581{word}", -3.0) for word in ("red", "fish", "the", "bird"))]
    tokenizer = Tokenizer(models.Unigram([*pieces, ("\u2581", -2.0), ("s", -4.0), ("-", -4.0)], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "[CLS]"])
    return tokenizer


def word_level() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(list(WORDS[:4]))
    return tokenizer


def small_bpe() -> Tokenizer:
    pieces = {piece: i for i, piece in enumerate([*"redfishblut\u2581", "re", "red", "<unk>"])}
    tokenizer = Tokenizer(models.BPE(pieces, [("r", "e"), ("re", "d")]))
    tokenizer.model.unk_token = "<unk>"
    tokenizer.model.fuse_unk = True
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def write_router(folder: Path, routes: dict[str, list[str]], *, name: str = "Router", **parameters) -> Path:
    """Write a Router whose routes are of static modules, with Normalize behind it."""
    types, structure = {}, {}
    for index, (route, kinds) in enumerate(routes.items()):
        structure[route] = [f"{route}_{i}_{kind}" for i, kind in enumerate(kinds)]
        types |= {
            module: f"sentence_transformers.models.{kind}"
            for module, kind in zip(structure[route], kinds, strict=True)
        }
        place, *more = structure[route]
        write_static(folder, place=place, seed=index)
        for module in more:
            write_dense(folder / module, bias=True, n_out=WIDTH)
    kinds, paths = (name, "Normalize"), ("", "1_Normalize")
    entries = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    write_json(folder / "modules.json", entries)
    content = {"types": types, "structure": structure, "parameters": parameters}
    write_json(folder / ("router_config.json" if name == "Router" else "config.json"), content)
    return folder


_ROUTES = {"query": ["StaticEmbedding"], "document": ["StaticEmbedding", "Dense"]}


def _routed(routes: dict[str, list[str]] = _ROUTES, **parameters: object) -> Callable[[Path], object]:
    return lambda folder: write_router(folder, routes, **parameters)


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
    "truncate_dim behind two dense": _truncate_dim_behind_dense,
    "truncate_dim beyond the table": _truncate_dim_beyond_the_table,
    "unknown pieces of a Unigram": _of(unigram),
    "unknown words of a WordLevel": _of(word_level),
    "unknown characters of a BPE": _of(small_bpe),
    "rows behind the last token": _of(word_piece, n_rows=len(WORDS) + 4),
    "route document, with dense": _routed(default_route="document"),
    "route query": _routed(default_route="query", allow_empty_key=False, route_mappings={}),
    "route text, with dense": _routed(
        {"image": _ROUTES["query"], "text": _ROUTES["document"]}, default_route="image"
    ),
    "the first route, as it was once written": _routed(name="Asym", allow_empty_key=True),
}

# Heads: what the modules behind a transformer make of HIDDEN, whose first N_PROMPT positions are a prompt.
HIDDEN = np.random.default_rng(1).normal(size=(2, 5, WIDTH)).astype(np.float32)
N_PROMPT = 2


def write_head(folder: Path, pooling: dict[str, object], *kinds: str) -> Path:
    """Write modules.json and a Pooling module."""
    kinds = ("Transformer", "Pooling", *kinds)
    paths = ["", *(f"{index}_{kind}" for index, kind in enumerate(kinds[1:], 1))]
    entries = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    write_json(folder / "modules.json", entries)
    write_json(folder / "1_Pooling/config.json", {"word_embedding_dimension": WIDTH, **pooling})
    return folder


def _pooled(**pooling: object) -> Callable[[Path], object]:
    return lambda folder: write_head(folder, pooling)


def _projected(activation: str, **dense: object) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        write_head(folder, {"pooling_mode": "cls"}, "Dense")
        write_dense(folder / "2_Dense", bias=True, activation=activation, **dense)

    return write


def _layer_norm_and_normalize(folder: Path) -> None:
    write_head(folder, {"pooling_mode_mean_tokens": True}, "LayerNorm", "Normalize")
    rng = np.random.default_rng(2)
    tensors = {f"norm.{name}": rng.normal(size=WIDTH).astype(np.float32) for name in ("weight", "bias")}
    write_json(folder / "2_LayerNorm/config.json", {"dimension": WIDTH})
    save_file(tensors, folder / "2_LayerNorm/model.safetensors")


_MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")

HEADS: dict[str, Callable[[Path], object]] = {
    **{f"pooling {mode}": _pooled(pooling_mode=mode) for mode in _MODES},
    **{f"pooling {mode}, no prompt": _pooled(pooling_mode=mode, include_prompt=False) for mode in _MODES},
    "two flags": _pooled(pooling_mode_max_tokens=True, pooling_mode_cls_token=True),
    "two names": _pooled(pooling_mode=["weightedmean", "max"]),
    **{f"dense {a}": _projected(f"activation.{a}") for a in ("Tanh", "ReLU", "GELU", "Sigmoid", "SiLU")},
    "dense Identity": _projected("linear.Identity"),
    "dense with residual": _projected("activation.Tanh", use_residual=True),
    "layer norm, normalised": _layer_norm_and_normalize,
}


def _configured(model_type: str, tokenizer: Tokenizer, **settings: object) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        write_json(folder / "config.json", {"model_type": model_type, "vocab_size": 300, "hidden_size": 8})
        special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
        write_json(folder / "tokenizer_config.json", {**special, **settings})
        tokenizer.save(str(folder / "tokenizer.json"))

    return write


def byte_level(*, add_prefix_space: bool) -> Tokenizer:
    alphabet = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    vocabulary = alphabet | {token: len(alphabet) + i for i, token in enumerate(special)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def _in_sequence() -> Tokenizer:
    tokenizer = word_piece(lowercase=False)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), tokenizer.normalizer])
    return tokenizer


def _added(content: str, **flags: bool) -> dict[str, object]:
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"content": content, **dict.fromkeys(names, False), **flags}


_DOMAIN = {
    "20": _added("acme-corp"),
    "21": _added("Fish Bird", normalized=True),
    "7": _added("blue", lstrip=True),
}

# Tokenizers: the tokens of TEXTS, where transformers 4 and 5 agree.
TOKENIZERS: dict[str, Callable[[Path], object]] = {
    "bert: keeps case": _configured(
        "bert", word_piece(), tokenizer_class="BertTokenizer", do_lower_case=False
    ),
    "bert: lowers": _configured(
        "bert", word_piece(lowercase=False), tokenizer_class="BertTokenizerFast", do_lower_case=True
    ),
    "bert: nothing said": _configured("bert", word_piece(lowercase=False), tokenizer_class="BertTokenizer"),
    "bert: no class": _configured("bert", word_piece(), do_lower_case=False),
    "bert: accents stay": _configured(
        "bert",
        word_piece(),
        tokenizer_class="BertTokenizer",
        strip_accents=False,
        tokenize_chinese_chars=False,
    ),
    "bert: accents go": _configured(
        "bert", word_piece(), tokenizer_class="BertTokenizer", strip_accents=True, do_lower_case=False
    ),
    "mpnet: keeps case": _configured(
        "mpnet", word_piece(), tokenizer_class="MPNetTokenizer", do_lower_case=False
    ),
    "plain class: nothing counts": _configured(
        "bert", word_piece(lowercase=False), tokenizer_class="PreTrainedTokenizerFast", do_lower_case=True
    ),
    "roberta: no space": _configured(
        "roberta", byte_level(add_prefix_space=True), tokenizer_class="RobertaTokenizer"
    ),
    "roberta: a space": _configured(
        *("roberta", byte_level(add_prefix_space=False)),
        tokenizer_class="RobertaTokenizer",
        add_prefix_space=True,
    ),
    "added tokens": _configured(
        "bert", word_piece(), tokenizer_class="PreTrainedTokenizerFast", added_tokens_decoder=_DOMAIN
    ),
    "added tokens, bert": _configured(
        "bert", word_piece(), tokenizer_class="BertTokenizer", added_tokens_decoder=_DOMAIN
    ),
}
# Where transformers 5 leaves out what 4 does, or the other way round: we follow 4, which the teachers knew.
TOKENIZERS_OF_TRANSFORMERS_4: dict[str, Callable[[Path], object]] = {
    **{
        f"{family}: lowers": _configured(
            family, word_piece(lowercase=False), tokenizer_class=f"{name}Tokenizer", do_lower_case=True
        )
        for family, name in (("distilbert", "DistilBert"), ("electra", "Electra"), ("convbert", "ConvBert"))
    },
    "electra: nothing said": _configured(
        "electra", word_piece(lowercase=False), tokenizer_class="ElectraTokenizer"
    ),
    "bert in a sequence": _configured(
        "bert", _in_sequence(), tokenizer_class="BertTokenizer", do_lower_case=True
    ),
    "plain class: a space": _configured(
        *("roberta", byte_level(add_prefix_space=False)),
        tokenizer_class="PreTrainedTokenizerFast",
        add_prefix_space=True,
    ),
}

_WORDS_OF_GPT_4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _split_first(*steps: pre_tokenizers.PreTokenizer, use_regex: bool = False) -> Callable[[Path], object]:
    tokenizer = byte_level(add_prefix_space=False)
    bytes_last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*steps, bytes_last])
    return _configured("qwen2", tokenizer, tokenizer_class="PreTrainedTokenizerFast")


def _split_at(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(pattern), "isolated")


# Byte-level tokenizers that split a text first: what model2vec makes of them.
SPLIT_FIRST: dict[str, Callable[[Path], object]] = {
    "Qwen": _split_first(_split_at(_WORDS_OF_GPT_4.replace("{1,3}", ""))),
    "Llama 3, GPT-4": _split_first(_split_at(_WORDS_OF_GPT_4)),
    "StarCoder, SmolLM": _split_first(pre_tokenizers.Digits(individual_digits=True), use_regex=True),
    "DeepSeek": _split_first(_split_at(r"\p{N}{1,3}"), _split_at("[一-龥]+"), _split_at(r" ?\p{L}+|\s+")),
}

# Lower-cased by sentence-transformers, whatever the tokenizer does.
LOWERED: dict[str, Callable[[Path], object]] = {
    "bert that keeps case": _configured(
        "bert", word_piece(lowercase=False), tokenizer_class="BertTokenizer", do_lower_case=False
    ),
    "accents go": _configured(
        *("bert", word_piece(lowercase=False)),
        tokenizer_class="BertTokenizer",
        do_lower_case=False,
        strip_accents=True,
    ),
    "bert that lowers": _configured(
        "bert", word_piece(), tokenizer_class="BertTokenizer", do_lower_case=True
    ),
    "no normalizer": _configured(
        "roberta", byte_level(add_prefix_space=False), tokenizer_class="RobertaTokenizer"
    ),
}

# Teachers: the vocabulary and the tokens that model2vec's static models of them have.
DISTILLED = TOKENIZERS | SPLIT_FIRST
