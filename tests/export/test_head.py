"""The graphs of a classifier against its specification in NumPy."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
from tokenizers import Tokenizer

from m2v_onnx.export.ids.ids_graph import build_ids_graph
from m2v_onnx.export.kinds import GRAPH_KINDS
from m2v_onnx.export.sources import GraphSources
from m2v_onnx.export.tables.tokenizer_tables import build_tokenizer_tables
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.quantization import PRECISIONS, dequantize_table, quantize_table
from m2v_onnx.model.quantized_head import dequantize_head, quantize_head
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS
from tests.classifiers import random_head
from tests.export.text_models import static_model, tiny_bert, with_phrases, word_level

TEXTS = (*HARD_TEXTS, "the new york play", "the", "unable the £ the ☃ the new", "the the " * 300)
FORMS = ("ids", "ids3", "text", "codepoints")


def build(form, model, head, precision):
    sources = GraphSources(model, head)
    if form in ("text", "codepoints"):
        vars(sources)["tables"] = tables(model.tokenizer.to_str())
    return GRAPH_KINDS[form].build(sources, precision).to_proto()


@cache
def tables(tokenizer):
    return build_tokenizer_tables(Tokenizer.from_str(tokenizer))


def run(form, model, head, precision, texts) -> dict[str, np.ndarray]:
    proto = build(form, model, head, precision)
    onnx.checker.check_model(proto, full_check=form in ("ids", "ids3", "codepoints"))
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    feeds = GRAPH_KINDS[form].feed(texts, [model.token_ids_reference(text) for text in texts])
    return dict(zip(names, session.run(None, feeds), strict=True))


def expected_logits(model, head, precision, texts):
    table = dequantize_table(quantize_table(model.table, precision))
    return dequantize_head(quantize_head(head, precision)).logits_reference(
        replace(model, table=table), texts
    )


def assert_near(found, expected) -> None:
    assert found.shape == expected.shape
    assert (np.abs(found - expected) <= 1e-5 * np.maximum(1, np.abs(expected))).all()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("form", FORMS)
def test_logits_are_those_of_numpy(form, precision):
    model = static_model(with_phrases(), max_length=50)
    head = random_head(model)
    found = run(form, model, head, precision, TEXTS)
    assert_near(found["logits"], expected_logits(model, head, precision, TEXTS))
    np.testing.assert_allclose(found["probabilities"], head.probabilities(found["logits"]), atol=1e-6)


@pytest.mark.parametrize("parts", [{"terms": None}, {"pairs": None}, {"terms": None, "pairs": None}])
@pytest.mark.parametrize("form", ["ids", "text", "codepoints"])
def test_a_head_may_lack_terms_and_pairs(form, parts):
    model = static_model(tiny_bert())
    head = random_head(model, **parts)
    found = run(form, model, head, "fp32", TEXTS)
    assert_near(found["logits"], head.logits_reference(model, TEXTS))


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_the_vector_has_length_one_where_the_head_says_so(unit, normalize):
    model = static_model(word_level(), dim=4)
    model = replace(model, config=ModelConfig(normalize=normalize, max_length=None))
    head = random_head(model, unit=unit)
    found = run("text", model, head, "fp32", TEXTS)
    assert_near(found["logits"], head.logits_reference(model, TEXTS))
    np.testing.assert_allclose(found["sentence_embedding"], model.encode_reference(TEXTS), atol=1e-5)


def test_the_outputs_in_their_order():
    model = static_model(tiny_bert())
    head = random_head(model)
    assert list(run("ids", model, head, "fp32", ["the"])) == ["logits", "probabilities", "sentence_embedding"]
    for form in ("text", "codepoints"):
        found = run(form, model, head, "fp32", ["the", ""])
        assert list(found) == ["logits", "probabilities", "label", "sentence_embedding"]
        assert found["label"].tolist() == [head.labels[column] for column in found["logits"].argmax(axis=1)]


def test_many_labels_may_hold_at_once():
    model = static_model(tiny_bert())
    head = random_head(model, problem="multi_label")
    found = run("codepoints", model, head, "fp32", TEXTS)
    np.testing.assert_allclose(found["probabilities"], 1 / (1 + np.exp(-found["logits"])), atol=1e-6)


def test_a_regression_gives_its_values_alone():
    model = static_model(tiny_bert())
    head = random_head(model, problem="regression", labels=())
    found = run("text", model, head, "fp32", TEXTS)
    assert list(found) == ["logits", "sentence_embedding"]
    assert_near(found["logits"], head.logits_reference(model, TEXTS))


@pytest.mark.parametrize("form", FORMS)
def test_texts_of_one_token_and_of_none(form):
    model = static_model(tiny_bert())
    head = random_head(model)
    for texts in (["the"], ["", "☃"], ["the", ""]):
        assert_near(run(form, model, head, "fp32", texts)["logits"], head.logits_reference(model, texts))
    np.testing.assert_allclose(head.logits_reference(model, [""]), head.bias[None])


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0)])
def test_nothing_to_classify_gives_the_prior(shape):
    model = static_model(tiny_bert())
    head = random_head(model)
    proto = build_ids_graph(model, head=head).to_proto()
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    nothing = np.zeros(shape, np.int64)
    logits = session.run(["logits"], {"input_ids": nothing, "attention_mask": nothing})[0]
    np.testing.assert_array_equal(logits, np.tile(head.bias, (shape[0], 1)))


def test_token_types_are_taken_and_change_nothing():
    model = static_model(tiny_bert())
    proto = build_ids_graph(model, head=random_head(model)).to_proto()
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {"input_ids": np.array([[8, 9]]), "attention_mask": np.array([[1, 1]])}
    plain, typed = (
        session.run(None, {**feeds, **more}) for more in ({}, {"token_type_ids": np.ones((1, 2), np.int64)})
    )
    for one, other in zip(plain, typed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_metadata_hold_the_labels_in_ascii():
    model = static_model(tiny_bert())
    proto = build_ids_graph(model, head=random_head(model)).to_proto()
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    assert metadata["labels"].isascii()
    assert json.loads(metadata["labels"]) == ["no", "yes\t🙂", "ñ"]
    assert metadata["problem_type"] == "single_label_classification"


def test_int8_tables_are_near():
    model = static_model(tiny_bert())
    head = random_head(model)
    near = dequantize_head(quantize_head(head, "int8"))
    assert near.weight is head.weight
    for one, other in ((near.terms, head.terms), (near.pairs, head.pairs)):
        assert 0 < np.sqrt(np.square(one - other).mean()) < 0.01  # the numbers are about 1
