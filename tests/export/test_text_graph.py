"""Graphs with the tokenizer inside, against the tokenizers library."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from m2v_onnx.errors import ArgumentError
from m2v_onnx.export.graph import Graph
from m2v_onnx.export.ids.ids_graph import build_ids_graph
from m2v_onnx.export.tables.tokenizer_tables import TokenizerTables, build_tokenizer_tables
from m2v_onnx.export.text.text_graph import build_codepoints_graph, build_text_graph, build_tokenizer_graph
from tests.builders import word_piece
from tests.export.text_models import TOKENIZERS, static_model, tiny_bert

HARD_TEXTS = json.loads((Path(__file__).parents[1] / "data" / "hard_texts.json").read_text("utf-8"))
SOURCES = ("text", "codepoints")
# To the others NUL is a character like any, which code points, padded with 0, cannot say.
NUL_IS_NOTHING = ("bert", "phrases", "added_tokens", "cased_bert")


def open_graph(graph: Graph) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    content = graph.to_proto().SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def feed(texts: list[str], source: str) -> dict[str, np.ndarray]:
    if source == "text":
        return {"text": np.array(texts, dtype=object)}
    code_points = np.zeros((len(texts), max(map(len, texts), default=0)), np.int32)
    for row, text in enumerate(texts):
        code_points[row, : len(text)] = [ord(character) for character in text]
    return {"codepoints": code_points}


@cache
def tables_of(name: str) -> TokenizerTables:
    return build_tokenizer_tables(TOKENIZERS[name]())


@cache
def tokenizer_session(name: str, source: str, max_length: int | None) -> onnxruntime.InferenceSession:
    return open_graph(build_tokenizer_graph(model_of(name, max_length), tables_of(name), source=source))


@cache
def model_of(name: str, max_length: int | None):
    return static_model(TOKENIZERS[name](), max_length=max_length)


def expected_ids(model, texts: list[str]) -> list[list[int]]:
    limit = model.config.max_length
    cut = None if limit is None else limit * model.median_token_length
    return [model.tokenizer.encode(text[:cut], add_special_tokens=False).ids[:limit] for text in texts]


def graph_ids(session, texts: list[str], source: str) -> list[list[int]]:
    ids, mask = session.run(["input_ids", "attention_mask"], feed(texts, source))
    assert ids.dtype == mask.dtype == np.int64
    assert mask.shape == ids.shape == (len(texts), mask.sum(axis=1).max(initial=0))
    np.testing.assert_array_equal(ids * (1 - mask), 0)
    return [row[: n_tokens.sum()].tolist() for row, n_tokens in zip(ids, mask, strict=True)]


def check_ids(name: str, texts: list[str], max_length: int | None) -> None:
    expected = expected_ids(model_of(name, max_length), texts)
    for source in SOURCES:
        session = tokenizer_session(name, source, max_length)
        found = graph_ids(session, texts, source)
        for text, own, other in zip(texts, found, expected, strict=True):
            if source == "text" or "\0" not in text or name in NUL_IS_NOTHING:
                assert own == other, (name, source, text)


@pytest.mark.parametrize("max_length", [None, 3])
@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_ids_of_hard_texts_are_those_of_the_library(name, max_length):
    check_ids(name, HARD_TEXTS, max_length)


# Pieces that do something to each other more often than characters by chance do.
PIECES = st.sampled_from(
    [
        *(
            "a",
            "B",
            "E",
            "e",
            "s",
            "é",
            "İ",
            "ß",
            "Σ",
            "\u0301",
            "\u0307",
            "\u0323",
            "\u0338",
            "\u0345",
            "=",
            "≠",
        ),
        *(
            "가",
            "각",
            "\u1100",
            "\u1161",
            "\u11a8",
            "か",
            "\u3099",
            "ｶ",
            "ﾞ",
            "क",
            "\u093c",
            "\u09c7",
            "\u09be",
        ),
        *(
            " ",
            "  ",
            "\n",
            "\u00a0",
            "\u3000",
            "\u200d",
            "\0",
            "\ufffd",
            "\ue000",
            "中",
            "文",
            "𠀀",
            "😀",
            "ﬁ",
            "\ufdfa",
        ),
        *(
            "[CLS]",
            "[UNK]",
            "[",
            "]",
            "<mask>",
            "<s>",
            "Raw",
            "ab cd",
            " ef",
            "new york",
            " city",
            "NEW",
            "été",
        ),
        *(
            "the",
            "playing",
            "unbelievable",
            "can't",
            "abcdefgh",
            "x" * 40,
            "aa",
            "!",
            "...",
            "_",
            "中文字",
            "²",
        ),
    ]
)
TEXTS = st.lists(st.one_of(st.text(max_size=12), st.lists(PIECES, max_size=10).map("".join)), max_size=6)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_ids_of_any_texts_are_those_of_the_library(name):
    @settings(max_examples=150, deadline=None)
    @given(TEXTS)
    def check(texts):
        check_ids(name, texts, None)

    check()


@pytest.fixture(scope="module", params=SOURCES)
def sentence_session(request):
    build = {"text": build_text_graph, "codepoints": build_codepoints_graph}[request.param]
    return request.param, open_graph(build(model_of("bert", 40), tables_of("bert")))


def test_the_vectors_are_those_of_the_specification(sentence_session):
    source, session = sentence_session
    model = static_model(TOKENIZERS["bert"](), max_length=40)
    texts = HARD_TEXTS * 40  # more than one round of blocks
    [vectors] = session.run(["sentence_embedding"], feed(texts, source))
    np.testing.assert_allclose(vectors, model.encode_reference(texts), rtol=0, atol=1e-6)


@pytest.mark.parametrize("precision", ["fp16", "int8", "int4"])
def test_every_precision_gives_the_vectors_of_the_ids_graph(precision):
    model = static_model(TOKENIZERS["bert"](), dim=5)
    ids = [model.tokenizer.encode(text, add_special_tokens=False).ids for text in HARD_TEXTS]
    padded = np.zeros((len(ids), max(map(len, ids))), np.int64)
    mask = np.zeros_like(padded)
    for row, own in enumerate(ids):
        padded[row, : len(own)], mask[row, : len(own)] = own, 1
    feeds = {"input_ids": padded, "attention_mask": mask}
    [expected] = open_graph(build_ids_graph(model, precision=precision)).run(["sentence_embedding"], feeds)
    graph = build_text_graph(model, tables_of("bert"), precision=precision)
    [found] = open_graph(graph).run(None, feed(HARD_TEXTS, "text"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("texts", [[], [""], ["", "  ", "\u200b"], ["\U0001f600"]])
def test_nothing_known_gives_zeros(sentence_session, texts):
    source, session = sentence_session
    [vectors] = session.run(None, feed(texts, source))
    np.testing.assert_array_equal(vectors, np.zeros((len(texts), 3), np.float32))


def test_texts_of_very_unequal_length_do_not_change_each_other(sentence_session):
    source, session = sentence_session
    texts = ["the", "unable " * 20_000, "", "playing \u0301" * 300, "!"]
    [together] = session.run(None, feed(texts, source))
    alone = np.concatenate([session.run(None, feed([text], source))[0] for text in texts])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


def test_numbers_that_are_no_characters_count_as_the_replacement_character():
    session = tokenizer_session("unclean_bert", "codepoints", None)
    strange = np.array([[-1, 97], [0x110000, 97], [2**31 - 1, 97], [-(2**31), 97], [0xD800, 97]], np.int32)
    expected = session.run(["input_ids"], {"codepoints": np.array([[0xFFFD, 97]], np.int32)})[0]
    found = session.run(["input_ids"], {"codepoints": strange})[0]
    np.testing.assert_array_equal(found, np.repeat(expected, len(strange), axis=0))


def test_padding_may_stand_anywhere():
    session = tokenizer_session("bert", "codepoints", None)
    code_points = np.array([[0, ord("a"), 0, 0, ord("b"), 0]], np.int32)
    expected = expected_ids(model_of("bert", None), ["ab"])
    assert session.run(["input_ids"], {"codepoints": code_points})[0].tolist() == expected


@pytest.mark.parametrize("source", SOURCES)
def test_the_graph_is_valid_and_loads_in_older_runtimes(source):
    graph = build_tokenizer_graph(static_model(tiny_bert()), tables_of("bert"), source=source)
    proto = graph.to_proto()
    onnx.checker.check_model(proto)
    opsets = {opset.domain: opset.version for opset in proto.opset_import}
    contrib = {"com.microsoft": 1, "ai.onnx.ml": 2}
    assert opsets == {"": 17} | (contrib if source == "text" else {})
    assert proto.ir_version == 8


def test_the_graph_is_the_same_every_time():
    model = static_model(tiny_bert())
    first, second = (
        build_text_graph(model, build_tokenizer_tables(model.tokenizer)).to_proto() for _ in range(2)
    )
    assert first == second


def changed(**components: object) -> Tokenizer:
    tokenizer = word_piece()
    for name, component in components.items():
        setattr(tokenizer, name, component)
    return tokenizer


def with_added(content: str, **options: bool) -> Tokenizer:
    tokenizer = word_piece()
    tokenizer.add_tokens([AddedToken(content, **options)])
    return tokenizer


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (Tokenizer(models.BPE({"a": 0}, [])), "models WordPiece, WordLevel, found BPE"),
        (Tokenizer(models.Unigram([("a", 0.0)])), "models WordPiece, WordLevel, found Unigram"),
        (changed(normalizer=normalizers.Strip()), "normalizers .* found Strip: use the ids graph"),
        (
            changed(normalizer=normalizers.Sequence([normalizers.Lowercase(), normalizers.NFC()])),
            "NFC as the first normalizer only, found it behind Lowercase",
        ),
        (changed(pre_tokenizer=pre_tokenizers.ByteLevel()), "pre-tokenizers .* found ByteLevel"),
        (Tokenizer(models.WordPiece({"a": 0, "[UNK]": 1})), "needs a pre-tokenizer, found none"),
        (changed(model=models.WordPiece({"a": 0}, unk_token="[UNK]")), r"found '\[UNK\]' without an id"),
        (with_added(" sun", normalized=False), "begins or ends with white space, found ' sun'"),
        (with_added("\u200b", normalized=True), r"cannot carry the added token '\\u200b'"),
    ],
)
def test_what_a_graph_cannot_carry_is_refused_by_name(tokenizer, message):
    with pytest.raises(ArgumentError, match=message):
        build_tokenizer_tables(tokenizer)
