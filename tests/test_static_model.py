"""The specification of `encode`, and that the fast ways equal it."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, processors

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.static_model import StaticModel
from tests.builders import ROWS, tiny_model, word_piece

TEXTS = [
    "sun",
    "moonlight",
    "sun moon!",
    "",
    "   ",
    "comet",
    "sun comet",
    "[PAD] sun [UNK]",
    "SUN\0",
    "sunlight " * 99,
]


@pytest.fixture(scope="module")
def models_by_path(tmp_path_factory):
    """One model of every kind of table, that averages without a graph, and by its graph."""
    weights = np.array([1, 1, 2, 0.5, 1, 3], np.float32)
    mapping = np.array([0, 0, 1, 2, 2, 3], np.int32)
    kinds = {
        "plain": tiny_model(),
        "normalized": tiny_model(normalize=True),
        "short": tiny_model(max_length=3),
        "float16": tiny_model(table=ROWS.astype(np.float16)),
        "int8": tiny_model(table=ROWS.astype(np.int8), normalize=True),
        "float64": tiny_model(table=ROWS.astype(np.float64)),
        "quantized": tiny_model(table=ROWS[1:5], weights=weights, mapping=mapping),
    }
    folder = tmp_path_factory.mktemp("models")
    for name, model in kinds.items():
        model.save_pretrained(folder / name)
    return {
        name: (model, StaticModel.from_pretrained(folder / name, precision="fp32"))
        for name, model in kinds.items()
    }


def test_encode_is_the_mean_of_the_token_rows():
    vectors = tiny_model().encode(["sun", "sun moon", "moonlight", "sun sun moon"])
    np.testing.assert_allclose(vectors, [[3, 4], [1.5, 3], [0.5, 1], [2, 10 / 3]], rtol=1e-6)


def test_normalized_vectors_have_length_one():
    np.testing.assert_allclose(tiny_model(normalize=True).encode("sun"), [0.6, 0.8], rtol=1e-6)


def test_unknown_and_special_tokens_do_not_count():
    vectors = tiny_model().encode(["sun comet", "[PAD] sun [UNK]", "comet", ""])
    np.testing.assert_array_equal(vectors, [[3, 4], [3, 4], [0, 0], [0, 0]])


def test_weights_and_mapping():
    weights = np.array([1, 1, 2, 0.5, 1, 3], np.float32)
    mapping = np.array([0, 0, 1, 2, 2, 3], np.int32)  # "sun" is row 1, "moon" row 2
    model = tiny_model(table=ROWS[1:5], weights=weights, mapping=mapping)
    np.testing.assert_allclose(model.encode("sun moon"), [(2 * 3 + 0.5 * 0) / 2, (2 * 4 + 0.5 * 2) / 2])


def test_a_text_is_cut_before_its_unknown_tokens_are_dropped():
    model = tiny_model(max_length=2)
    assert model.tokenize(["x sun !"]) == [[2]]
    assert model.tokenize(["x sun !"], max_length=None) == [[2, 5]]
    np.testing.assert_array_equal(model.encode("x sun !", max_length=3), [1.5, 2])


def test_a_text_is_cut_to_max_length_median_tokens_in_characters():
    # The median of the lengths 5, 5, 3, 4, 7, 1 is 4.5, rounded down to 4: two tokens are 8 characters.
    model = tiny_model()
    assert model.median_token_length == 4
    assert model.tokenize(["      sun"], max_length=2) == [[]]  # " " x 6 + "su" is unknown
    assert model.tokenize(["     sun moon"], max_length=2) == [[2]]


def test_shapes_and_dtype(model):
    assert model.encode("sun").shape == (2,)
    assert model.encode(["sun"]).shape == (1, 2)
    assert model.encode([]).shape == (0, 2)
    assert model.encode(text for text in ["sun", "moon"]).shape == (2, 2)
    assert model.encode([]).dtype == model.encode("sun").dtype == np.float32
    assert model.encode_reference([]).shape == (0, 2)


def test_encode_as_sequence_gives_the_rows(model):
    np.testing.assert_array_equal(model.encode_as_sequence("sun comet moon"), ROWS[[2, 3]])
    first, second = model.encode_as_sequence(["comet", "moonlight"])
    assert first.shape == (0, 2)
    np.testing.assert_array_equal(second, ROWS[[3, 4]])


@pytest.mark.usefixtures("_no_compiled_mean")
@pytest.mark.parametrize("kind", ["plain", "normalized", "short", "float16", "int8", "float64", "quantized"])
def test_graph_and_table_equal_the_specification(models_by_path, kind):
    without_graph, with_graph = models_by_path[kind]
    assert without_graph.graph_path is None
    assert with_graph.graph_path is not None
    expected = without_graph.encode_reference(TEXTS)
    np.testing.assert_allclose(without_graph.encode(TEXTS), expected, atol=1e-6)
    np.testing.assert_allclose(with_graph.encode(TEXTS), expected, atol=1e-6)
    np.testing.assert_array_equal(with_graph.encode_reference(TEXTS), expected)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8))
def test_any_text_gives_a_finite_vector_of_length_0_or_1(models_by_path, texts):
    for model in models_by_path["normalized"]:
        vectors = model.encode([*texts, *TEXTS])[: len(texts)]  # enough texts for the graph
        lengths = np.linalg.norm(vectors, axis=1)
        assert np.all((np.abs(lengths - 1) < 1e-6) | (lengths == 0))
        np.testing.assert_allclose(vectors, model.encode_reference(texts), atol=1e-6)
        np.testing.assert_allclose(vectors, model.encode(texts), atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), max_size=200), st.integers(1, 50))
def test_splitting_a_batch_changes_nothing(models_by_path, texts, batch_size):
    _, model = models_by_path["normalized"]
    np.testing.assert_allclose(model.encode(texts, batch_size=batch_size), model.encode(texts), atol=1e-6)


def test_eight_threads_on_one_model(models_by_path):
    _, model = models_by_path["normalized"]
    expected = model.encode_reference(TEXTS)
    worst: list[float] = []

    def work():
        worst.extend(float(np.abs(model.encode(TEXTS) - expected).max()) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(worst) == 400
    assert max(worst) < 1e-6


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["sun", 3], r"texts\[1\] must be a string, found int: 3"),
        (["sun", None], r"texts\[1\] must be a string, found NoneType"),
        ([b"sun"], r"texts\[0\] must be a string, found bytes"),
        (
            ["sun", "moon \ud800"],
            r"texts\[1\] must be valid Unicode, found a lone surrogate at character 5.*replace",
        ),
    ],
)
def test_what_is_no_text_is_refused_by_its_index(model, texts, message):
    with pytest.raises(ArgumentError, match=message):
        model.encode(texts)
    with pytest.raises(
        ArgumentError,
        match=message.replace(r"texts\[1\]", r"texts\[3\]").replace(r"texts\[0\]", r"texts\[2\]"),
    ):
        model.encode(["sun", "moon", *texts], batch_size=2)


def test_a_text_of_a_megabyte_is_cut(model):
    text = "sun " * 250_000
    assert len(model.tokenize([text])[0]) == 512
    np.testing.assert_allclose(model.encode(text), ROWS[2], rtol=1e-6)


def test_options_out_of_range(model):
    with pytest.raises(ArgumentError, match="texts must be a list of strings, found one string"):
        model.tokenize("sun")
    with pytest.raises(ArgumentError, match="max_length must be 1 or more, found 0"):
        model.encode("sun", max_length=0)
    with pytest.raises(ArgumentError, match="batch_size must be 1 or more, found 0"):
        model.encode("sun", batch_size=0)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"table": ROWS[:4]}, "one row per token: the tokenizer has 6 tokens, the table 4 rows"),
        ({"table": ROWS[:, :0]}, r"must have rows and columns, found shape \(6, 0\)"),
        ({"table": ROWS[0]}, r"must have rows and columns, found shape \(2,\)"),
        ({"weights": np.ones(4, np.float32)}, r"weights must hold one value per token.*6 tokens.*\(4,\)"),
        (
            {"mapping": np.array([0, 1, 2, 3, 4, 6], np.int32)},
            r"mapping must name rows of the table \(0 to 5\)",
        ),
    ],
)
def test_parts_that_do_not_fit(parts, message):
    with pytest.raises(FolderError, match=message):
        tiny_model(**parts)


def test_the_unknown_token_of_every_family():
    assert tiny_model().unk_token_id == 1
    unigram = Tokenizer(models.Unigram([("a", -1.0), ("<unk>", -2.0)], unk_id=1))
    assert tiny_model(tokenizer=unigram, table=ROWS[:2]).unk_token_id == 1
    byte_pair = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    assert tiny_model(tokenizer=byte_pair, table=ROWS[:2]).unk_token_id is None


@pytest.mark.parametrize(
    ("template", "added"),
    [
        ("[CLS] $A [SEP]", ["[UNK]", "[UNK]"]),  # ids of the teacher's vocabulary, here "moon" and "##light"
        ("$A [PAD]", ["[UNK]", "[UNK]"]),  # an engine that drops the first token would drop a word
        ("[PAD] $A [PAD]", ["[PAD]", "[PAD]"]),
    ],
)
def test_the_tokens_that_engines_put_around_a_text_never_count(template, added):
    tokenizer = word_piece()
    ids = {"[CLS]": 3, "[SEP]": 4, "[PAD]": 0}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(token, ids[token]) for token in ids if token in template]
    )
    assert tiny_model(tokenizer=tokenizer).tokenizer.encode("").tokens == added


def test_the_tokenizer_that_it_is_given_stays_as_it_was():
    tokenizer = word_piece()
    tokenizer.enable_truncation(1)
    tokenizer.enable_padding()
    before = tokenizer.to_str()
    model = tiny_model(tokenizer=tokenizer)
    np.testing.assert_array_equal(model.encode("sun moon"), [1.5, 3])  # both tokens count
    assert tokenizer.to_str() == before


def test_float32_is_as_fast_by_its_name(folder):
    by_name, plain = (StaticModel.from_pretrained(folder, precision=one) for one in ("fp32", None))
    parts = [model._encoder._parts.for_many() for model in (by_name, plain)]
    assert type(parts[0].row_mean) is type(parts[1].row_mean)


def test_a_replaced_table_has_no_graph(folder):
    model = StaticModel.from_pretrained(folder, precision="fp32")
    assert model.graph_path is not None
    other = replace(model, table=model.table + 1)
    assert (other.graph_path, other.precision) == (None, None)
    np.testing.assert_array_equal(other.encode("sun"), [4, 5])
