"""Fast tokenizers: taken where they equal the reference, and left alone where they do not."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from m2v_onnx.errors import ArgumentError
from m2v_onnx.runtime.batch_tokenizer import ReferenceTokenizer
from m2v_onnx.runtime.choice import choose_tokenizer
from m2v_onnx.runtime.fast_libraries import TokieTokenizer
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS
from tests.builders import tiny_model

CHARACTERS = st.sampled_from("sun mo▁é\u0301\n\0!лу日😀") | st.characters(exclude_categories=["Cs"])
ALPHABET = pre_tokenizers.ByteLevel.alphabet()


def byte_pair() -> Tokenizer:
    tokens = [*sorted(ALPHABET), "su", "sun", "Ġsun", "<unk>"]
    ids = {token: token_id for token_id, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(ids, [("s", "u"), ("su", "n"), ("Ġ", "sun")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def unigram() -> Tokenizer:
    pieces = [
        ("<unk>", 0.0),
        ("▁", -2.0),
        ("▁sun", -3.0),
        ("s", -5.0),
        ("u", -5.0),
        ("n", -5.0),
        ("moon", -4.0),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<unk>"])
    return tokenizer


MODELS = {
    "compiled C": tiny_model,
    "gigatoken": lambda: tiny_model(tokenizer=byte_pair(), table=np.ones((260, 2), np.float32)),
    "tokie": lambda: tiny_model(tokenizer=unigram(), table=np.ones((7, 2), np.float32)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_family_has_its_fast_tokenizer(name):
    choice = choose_tokenizer(MODELS[name]())
    assert choice.tokenizer.name == name
    assert choice.reason == f"equal to tokenizers on {len(HARD_TEXTS)} hard texts"


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text(CHARACTERS)))
def test_it_equals_the_reference(name, texts):
    model = MODELS[name]()
    choice = choose_tokenizer(model)
    assert choice.tokenizer.tokenize(texts).to_lists() == ReferenceTokenizer(model).tokenize(texts).to_lists()


def test_texts_that_tokie_may_get_wrong_go_to_the_reference():
    model = MODELS["tokie"]()
    texts = ["sun", " ", "\x07", "comet sun", ""]
    assert (
        TokieTokenizer(model).tokenize(texts).to_lists()
        == ReferenceTokenizer(model).tokenize(texts).to_lists()
    )


def test_a_package_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "gigatoken", None)
    choice = choose_tokenizer(MODELS["gigatoken"]())
    assert choice.tokenizer.name == "tokenizers"
    assert choice.reason == 'gigatoken is not installed: `pip install "m2v-onnx[fast]"`'


def test_an_installation_without_a_compiler(monkeypatch):
    monkeypatch.setitem(sys.modules, "m2v_onnx.native._word_piece", None)
    choice = choose_tokenizer(tiny_model())
    assert (choice.tokenizer.name, choice.reason) == (
        "tokenizers",
        "m2v-onnx was installed without a C compiler",
    )


def test_a_component_that_the_fast_tokenizer_does_not_know():
    model = tiny_model()
    model.tokenizer.normalizer = normalizers.Prepend("sun")
    choice = choose_tokenizer(model)
    assert choice.tokenizer.name == "tokenizers"
    assert choice.reason.startswith("the fast tokenizer refuses it: ")


def test_a_family_without_a_fast_tokenizer():
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "sun": 1}, unk_token="[UNK]"))
    choice = choose_tokenizer(tiny_model(tokenizer=tokenizer, table=np.ones((2, 2), np.float32)))
    assert (choice.tokenizer.name, choice.reason) == ("tokenizers", "no fast tokenizer for WordLevel")


def test_a_tokenizer_that_differs_is_not_taken(monkeypatch):
    """A library of another version that gives the first token for every token."""
    import gigatoken

    class Forgetful:
        def __init__(self, inner):
            self._inner = inner

        def encode_batch(self, texts, **options):
            layout = self._inner.encode_batch(texts, **options).layout
            content = SimpleNamespace(data=np.zeros_like(layout.content.data))
            return SimpleNamespace(layout=SimpleNamespace(offsets=layout.offsets, content=content))

    library = SimpleNamespace(
        Tokenizer=SimpleNamespace(from_json=lambda text: Forgetful(gigatoken.Tokenizer.from_json(text)))
    )
    monkeypatch.setitem(sys.modules, "gigatoken", library)
    choice = choose_tokenizer(MODELS["gigatoken"]())
    assert choice.tokenizer.name == "tokenizers"
    assert choice.reason.startswith("gigatoken gives other tokens for")


@pytest.mark.parametrize("name", MODELS)
def test_what_is_no_text_is_refused_by_its_index_whatever_tokenises(name):
    model = MODELS[name]()
    with pytest.raises(ArgumentError, match=r"texts\[11\] must be valid Unicode, found a lone surrogate"):
        model.encode(["sun"] * 11 + ["a\ud800"])
    with pytest.raises(ArgumentError, match=r"texts\[11\] must be a string, found int: 3"):
        model.encode(["sun"] * 11 + [3])
