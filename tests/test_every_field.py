"""Nothing that a folder says of itself is ignored in silence: it changes something, or is refused or said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.distill import distill
from m2v_onnx.errors import M2vOnnxError
from m2v_onnx.folder.sentence_transformers import (
    EncodeSettings,
    Pooling,
    TransformerSettings,
    read_description,
)
from m2v_onnx.folder.tokenizer_settings import TokenizerSettings
from m2v_onnx.teacher.encoder import TeacherEncoder
from tests import peer_cases
from tests.builders import TEACHER_TOKENS, tiny_teacher_graph, word_piece, write_tiny_teacher

TEXTS = ["The sun", "sún 日本", "moon acme", ""]
MODULES, POOLING = "modules.json", "1_Pooling/config.json"
ENCODE, TRANSFORMER = "config_sentence_transformers.json", "sentence_bert_config.json"
TOKENIZER = "tokenizer_config.json"
QUERY = {"prompts": {"query": "moon "}, "default_prompt_name": "query"}
BERT = {"tokenizer_class": "BertTokenizer"}
ROUTER = {"types": {"a_0_Nothing": "x.Nothing"}, "structure": {"a": ["a_0_Nothing"], "b": []}}

# What a teacher's folder may say, for each field of a description.
TEACHER: dict[str, dict[str, object]] = {
    "modules": {MODULES: [{"type": f"x.{kind}", "path": ""} for kind in ("Transformer", "Dense")]},
    "route": {MODULES: [{"type": "x.Router", "path": ""}], "router_config.json": ROUTER},
    "pooling.modes": {POOLING: {"pooling_mode": "max"}},
    "pooling.include_prompt": {POOLING: {"include_prompt": False}, ENCODE: QUERY},
    "encode.prompts": {ENCODE: QUERY},
    "encode.default_prompt": {ENCODE: QUERY},
    "encode.truncate_dim": {ENCODE: {"truncate_dim": 2}},
    "encode.similarity": {ENCODE: {"similarity_fn_name": "euclidean"}},
    "transformer.max_seq_length": {TRANSFORMER: {"max_seq_length": 3}},
    "transformer.do_lower_case": {TRANSFORMER: {"do_lower_case": True}},
    "tokenizer.family": {TOKENIZER: BERT},
    "tokenizer.do_lower_case": {TOKENIZER: {**BERT, "do_lower_case": False}},
    "tokenizer.strip_accents": {TOKENIZER: {**BERT, "do_lower_case": False, "strip_accents": True}},
    "tokenizer.tokenize_chinese_chars": {TOKENIZER: {**BERT, "tokenize_chinese_chars": False}},
    "tokenizer.add_prefix_space": {TOKENIZER: {"add_prefix_space": True}},
    "tokenizer.added_tokens": {TOKENIZER: {"added_tokens_decoder": {"12": {"content": "acme"}}}},
    "tokenizer.special_tokens": {TOKENIZER: {"pad_token": "[MASK]"}},
    "tokenizer.model_max_length": {TOKENIZER: {"model_max_length": 3}},
}
# And what is said without it, where that is not nothing.
TEACHER_WITHOUT: dict[str, dict[str, object]] = {
    "pooling.include_prompt": {POOLING: {}, ENCODE: QUERY},
    "tokenizer.do_lower_case": {TOKENIZER: BERT},
    "tokenizer.strip_accents": {TOKENIZER: {**BERT, "do_lower_case": False}},
    "tokenizer.tokenize_chinese_chars": {TOKENIZER: BERT},
}
# model2vec alone reads it, of static models.
NOT_OF_TEACHERS = {"encode.normalize"}

STATIC: dict[str, dict[str, object]] = {
    "modules": {MODULES: [{"type": f"x.{kind}", "path": ""} for kind in ("StaticEmbedding", "LSTM")]},
    "route": {MODULES: [{"type": "x.Router", "path": ""}], "router_config.json": ROUTER},
    "encode.prompts": {ENCODE: {"prompts": {"query": "moon "}}},
    "encode.default_prompt": {ENCODE: QUERY},
    "encode.truncate_dim": {ENCODE: {"truncate_dim": 2}},
    "encode.similarity": {ENCODE: {"similarity_fn_name": "euclidean"}},
    "encode.normalize": {ENCODE: {"normalize": True}},
}
# sentence-transformers reads tokenizer.json alone there.
NOT_OF_STATIC = {name for name in TEACHER if name.split(".")[0] in ("pooling", "transformer", "tokenizer")}


def leaves() -> Iterator[str]:
    """Give every field of a description, those of its parts with the part's name."""
    parts = {
        "pooling": Pooling,
        "encode": EncodeSettings,
        "transformer": TransformerSettings,
        "tokenizer": TokenizerSettings,
    }
    for field in dataclasses.fields(read_description(Path())):
        if field.name in parts:
            yield from (f"{field.name}.{inner.name}" for inner in dataclasses.fields(parts[field.name]))
        elif field.name != "folder":  # which is where it was read
            yield field.name


def test_every_field_has_its_case():
    assert set(leaves()) == set(TEACHER) | NOT_OF_TEACHERS
    assert set(leaves()) == set(STATIC) | NOT_OF_STATIC


def write_cased_teacher(folder: Path, name: str) -> None:
    n_tokens = 300 if name == "tokenizer.add_prefix_space" else len(TEACHER_TOKENS) + 1
    write_tiny_teacher(folder, tiny_teacher_graph(n_tokens=n_tokens))
    (folder / "special_tokens_map.json").unlink()
    tokenizer = word_piece(TEACHER_TOKENS, affixes=True)
    tokenizer.normalizer = type(tokenizer.normalizer)(lowercase=False)
    if name == "tokenizer.add_prefix_space":
        tokenizer = peer_cases.byte_level(add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    modules = [("Transformer", ""), ("Pooling", "1_Pooling")]
    peer_cases.write_json(folder / MODULES, [{"type": f"x.{kind}", "path": path} for kind, path in modules])
    peer_cases.write_json(folder / "config.json", {"model_type": "unheard_of"})


def attempt(make: Callable[[], object]) -> str:
    try:
        return repr(make())
    except M2vOnnxError as error:
        return str(error)


def observe(write: Callable[[Path], None], said: dict[str, object], place: Path, makers, caplog) -> str:
    """Give everything that a user sees of a folder."""
    caplog.clear()
    write(place / "it")
    for name, content in said.items():
        peer_cases.write_json(place / "it" / name, content)
    seen = "\n".join([*(attempt(lambda m=make: m(place / "it")) for make in makers), *caplog.messages])
    return seen.replace(str(place), "")


def encode_whole(folder: Path) -> list[object]:
    return np.round(TeacherEncoder(folder).encode(TEXTS), 4).tolist()


def distilled(folder: Path) -> list[object]:
    model = distill(folder, recipe="model2vec-0.10", pca_dims=None, weighting="none", normalize=False)
    return [sorted(model.tokenizer.get_vocab()), np.round(model.encode(TEXTS), 4).tolist()]


@pytest.mark.parametrize("name", TEACHER)
def test_what_a_teacher_says_is_seen(tmp_path, caplog, name):
    def write(folder):
        write_cased_teacher(folder, name)

    makers = (encode_whole, distilled)
    without = observe(write, TEACHER_WITHOUT.get(name, {}), tmp_path / "without", makers, caplog)
    assert observe(write, TEACHER[name], tmp_path / "said", makers, caplog) != without


@pytest.mark.parametrize("name", STATIC)
def test_what_a_static_model_says_is_seen(tmp_path, caplog, name):
    def encoded(folder):
        return np.round(StaticModel.from_pretrained(folder).encode(peer_cases.TEXTS), 4).tolist()

    without = observe(peer_cases.write_static, {}, tmp_path / "without", (encoded,), caplog)
    assert observe(peer_cases.write_static, STATIC[name], tmp_path / "said", (encoded,), caplog) != without
