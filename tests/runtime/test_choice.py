"""Fast tokenizers: taken where they equal the reference, and left alone where they do not."""

from __future__ import annotations

import json
import lzma
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from m2v_onnx.errors import ArgumentError
from m2v_onnx.runtime.batch_tokenizer import ReferenceTokenizer
from m2v_onnx.runtime.choice import choose_tokenizer
from m2v_onnx.runtime.fast_libraries import TokieTokenizer
from m2v_onnx.runtime.inspection import describe_model
from m2v_onnx.static_model import StaticModel
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
    table = lzma.decompress((Path(__file__).parents[1] / "data/nmt_nfkc.xz").read_bytes())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(table), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<unk>"])
    return tokenizer


def llama() -> Tokenizer:
    tokens = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "s", "u", "n", "su", "sun", "▁sun"]
    merges = [("s", "u"), ("su", "n"), ("▁", "sun")]
    ids = {token: token_id for token_id, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.add_special_tokens(["<unk>"])
    return tokenizer


def model_of(tokenizer: Tokenizer) -> StaticModel:
    return tiny_model(tokenizer=tokenizer, table=np.ones((tokenizer.get_vocab_size(), 2), np.float32))


MODELS = {
    "compiled C": tiny_model,
    "gigatoken": lambda: tiny_model(tokenizer=byte_pair(), table=np.ones((260, 2), np.float32)),
    "tokie": lambda: tiny_model(tokenizer=unigram(), table=np.ones((7, 2), np.float32)),
}


def with_added_word(tokenizer: Tokenizer, **options: bool) -> Tokenizer:
    tokenizer.add_tokens([AddedToken("sun moon", **options)])
    return tokenizer


def edited(tokenizer: Tokenizer, **parts: object) -> Tokenizer:
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    return tokenizer


def bpe(**options: object) -> Tokenizer:
    content = json.loads(byte_pair().to_str())
    content["model"].update(options)
    return Tokenizer.from_str(json.dumps(content))


def split_by(tokenizer: Tokenizer, *steps: pre_tokenizers.PreTokenizer) -> Tokenizer:
    return edited(tokenizer, pre_tokenizer=pre_tokenizers.Sequence(list(steps)))


DIGITS = pre_tokenizers.Digits(individual_digits=True)
OWN_SPLIT = pre_tokenizers.Split(Regex(r"\d"), "isolated")
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
UNSPACED = pre_tokenizers.ByteLevel(add_prefix_space=False)
BLANKS = pre_tokenizers.WhitespaceSplit()
OTHER_SHAPES = {
    "NFKC before ByteLevel": lambda: edited(byte_pair(), normalizer=normalizers.NFKC()),
    "NFC before ByteLevel": lambda: edited(byte_pair(), normalizer=normalizers.NFC()),
    "no space in front": lambda: split_by(byte_pair(), UNSPACED),
    "Digits and ByteLevel": lambda: split_by(byte_pair(), DIGITS, pre_tokenizers.ByteLevel()),
    "a Split and ByteLevel": lambda: split_by(byte_pair(), OWN_SPLIT, BYTES),
    "BPE without bytes": lambda: split_by(bpe(end_of_word_suffix="</w>"), pre_tokenizers.Whitespace()),
    "BPE without a pre-tokenizer": lambda: edited(byte_pair(), pre_tokenizer=None),
    "merges ignored": lambda: bpe(ignore_merges=True),
    "byte fallback": lambda: bpe(byte_fallback=True),
    "a phrase in a BPE": lambda: with_added_word(byte_pair(), normalized=True, lstrip=True),
    "an ordinary added token": lambda: with_added_word(byte_pair()),
    "NFKC before Metaspace": lambda: edited(unigram(), normalizer=normalizers.NFKC()),
    "NFC before Metaspace": lambda: edited(unigram(), normalizer=normalizers.NFC()),
    "a Replace before Metaspace": lambda: edited(unigram(), normalizer=normalizers.Replace("''", '"')),
    "Nmt, NFKC and a Replace before Metaspace": lambda: edited(
        unigram(),
        normalizer=normalizers.Sequence(
            [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
        ),
    ),
    "lower case behind the table": lambda: edited(
        unigram(), normalizer=normalizers.Sequence([unigram().normalizer, normalizers.Lowercase()])
    ),
    "no normalizer": lambda: edited(unigram(), normalizer=None),
    "no space before a Unigram": lambda: split_by(
        unigram(), pre_tokenizers.Metaspace(prepend_scheme="never")
    ),
    "a Unigram split at blanks": lambda: split_by(unigram(), BLANKS, pre_tokenizers.Metaspace()),
}


@pytest.mark.parametrize("name", OTHER_SHAPES)
def test_a_fast_tokenizer_is_taken_for_proven_shapes_alone(name):
    model = model_of(OTHER_SHAPES[name]())
    choice = choose_tokenizer(model)
    assert choice.tokenizer.name == "tokenizers"
    assert re.match(r"(gigatoken|tokie) is not proved for normalizer .*, model (BPE|Unigram)", choice.reason)
    texts = ["sun  moon''", "ﬁ２０ e\u0301", "[PAD] sun moon"] * 2000
    np.testing.assert_array_equal(model.encode(texts)[:3], model.encode_reference(texts[:3]))


def test_what_a_shape_is_called():
    choice = choose_tokenizer(model_of(OTHER_SHAPES["Digits and ByteLevel"]()))
    assert choice.reason == (
        "gigatoken is not proved for normalizer none, pre-tokenizer Digits + ByteLevel, model BPE"
    )
    choice = choose_tokenizer(model_of(OTHER_SHAPES["a phrase in a BPE"]()))
    assert choice.reason.endswith("pre-tokenizer ByteLevel, model BPE, and added tokens")


PROVEN = {
    "GPT-2": (byte_pair, "gigatoken"),
    "RoBERTa, its unknown token": (lambda: bpe(unk_token="<unk>"), "gigatoken"),
    "empty affixes": (lambda: bpe(continuing_subword_prefix="", end_of_word_suffix=""), "gigatoken"),
    "Llama 2": (llama, "gigatoken"),
    "XLM-R": (unigram, "tokie"),
}


@pytest.mark.parametrize("name", PROVEN)
def test_proven_shapes_have_their_fast_tokenizer(name):
    make, library = PROVEN[name]
    assert choose_tokenizer(model_of(make())).tokenizer.name == library


class Panic(BaseException):
    """Stands for what a panic of Rust code gives: no Exception."""


Panic.__name__ = "PanicException"


class FailingLibrary:
    """gigatoken, that fails from some call on."""

    def __init__(self, error: BaseException, *, n_good: int) -> None:
        import gigatoken

        self.Tokenizer = self
        self._library, self._error, self.n_good = gigatoken, error, n_good

    def from_json(self, text: str) -> FailingLibrary:
        self._inner = self._library.Tokenizer.from_json(text)
        return self

    def encode_batch(self, texts: list[str], **options: object) -> object:
        if self.n_good == 0:
            raise self._error
        self.n_good -= 1
        return self._inner.encode_batch(texts, **options)


ERRORS = [
    RuntimeError("Byte remapping\nfailed"),
    Panic("index out of bounds"),
    OverflowError("big"),
    KeyError(3),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_fast_tokenizer_that_fails_at_once_is_not_taken(monkeypatch, error):
    monkeypatch.setitem(sys.modules, "gigatoken", FailingLibrary(error, n_good=0))
    model = model_of(byte_pair())
    choice = choose_tokenizer(model)
    assert choice.tokenizer.name == "tokenizers"
    first_line = str(error).split("\n")[0]
    assert choice.reason == f"gigatoken failed: {type(error).__name__}: {first_line}"
    assert describe_model(model, graph_path=None).batch_tokenizer == f"tokenizers ({choice.reason})"


@pytest.mark.parametrize("error", [*ERRORS, ValueError("bad text")], ids=repr)
def test_the_first_error_is_the_last(monkeypatch, caplog, error):
    library = FailingLibrary(error, n_good=2)
    monkeypatch.setitem(sys.modules, "gigatoken", library)
    model = model_of(byte_pair())
    tokenizer = choose_tokenizer(model).tokenizer
    texts = ["sun", "", "sun sun"]
    expected = ReferenceTokenizer(model).tokenize(texts).to_lists()
    assert tokenizer.tokenize(texts).to_lists() == expected
    assert (tokenizer.name, tokenizer.suits_few) == ("gigatoken", False)
    assert tokenizer.tokenize(texts).to_lists() == expected
    library.n_good = 9  # it is not asked again
    assert tokenizer.tokenize(texts).to_lists() == expected
    assert (library.n_good, tokenizer.name, tokenizer.suits_few) == (9, "tokenizers", True)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"gigatoken failed, tokenizers takes its place: {type(error).__name__}" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_the_end_of_the_program_is_no_failure(monkeypatch, error):
    library = FailingLibrary(error, n_good=1)
    monkeypatch.setitem(sys.modules, "gigatoken", library)
    tokenizer = choose_tokenizer(model_of(byte_pair())).tokenizer
    with pytest.raises(type(error)):
        tokenizer.tokenize(["sun"])
    assert tokenizer.name == "gigatoken"
    library.n_good = 0
    with pytest.raises(type(error)):
        choose_tokenizer(model_of(byte_pair()))


@pytest.mark.parametrize("name", MODELS)
def test_a_text_that_is_none_does_not_cost_the_fast_tokenizer(name):
    tokenizer = choose_tokenizer(MODELS[name]()).tokenizer
    for bad in ("a\ud800", 3):
        with pytest.raises(TypeError):
            tokenizer.tokenize(["sun", bad])
    assert tokenizer.name == name


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
