"""WordPiece in C against the tokenizers library."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from m2v_onnx.runtime.batch_tokenizer import ReferenceTokenizer
from m2v_onnx.runtime.word_piece import CompiledWordPiece
from tests.builders import tiny_model

try:
    from m2v_onnx.native._word_piece import WordPiece
except ImportError:
    pytest.skip(
        "the package was installed without a C compiler, or without Python.h", allow_module_level=True
    )

WORDS = "sun moon Sun s u moonligh moonlight moonlightsonata moonlightsonatas moonlightsonatassun 1 12 pad x"
OTHERS = "é e éa ß 日 本 лу луна 😀 한 \u1112 \u1161 \u0301 \U0001d165 ! . [ ] - = ½"
PIECES = [*WORDS.split(), *OTHERS.split(), "m" * 64, "x" * 100, "y" * 101]
VOCAB = ["[PAD]", "[UNK]", *PIECES, *(f"##{piece}" for piece in PIECES), "##", "###"]
ALPHABET = "sunmolight éaßе\u0301\u0323日本лу😀한!.[]-12x\n\t\0\u00a0\u2028\u3000\U0001d165\u302e≠½İΣς"
TEXTS = st.lists(
    st.text(st.sampled_from(ALPHABET) | st.characters(exclude_categories=["Cs"]), max_size=200)
    | st.lists(st.sampled_from([*PIECES, " ", "[PAD]", "##"]), max_size=60).map("".join)
)


def make_tokenizer(
    *,
    prefix: str = "##",
    most_characters: int = 100,
    added: tuple[str | AddedToken, ...] = (),
    **options: object,
) -> Tokenizer:
    model = models.WordPiece(
        {token: token_id for token_id, token in enumerate(VOCAB)},
        unk_token="[UNK]",
        continuing_subword_prefix=prefix,
        max_input_chars_per_word=most_characters,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", *added])
    return tokenizer


def make_tokenizers(tokenizer: Tokenizer) -> tuple[CompiledWordPiece, ReferenceTokenizer]:
    model = tiny_model(tokenizer=tokenizer, table=np.ones((tokenizer.get_vocab_size(), 2), np.float32))
    return CompiledWordPiece(model), ReferenceTokenizer(model)


def check(tokenizer: Tokenizer, texts: list[str]) -> None:
    fast, reference = make_tokenizers(tokenizer)
    assert fast.tokenize(texts).to_lists() == reference.tokenize(texts).to_lists()


OPTIONS = [
    dict(zip(("clean_text", "handle_chinese_chars", "lowercase", "strip_accents"), choice, strict=True))
    for choice in product([True, False], [True, False], [True, False], [None, True, False])
]


@settings(deadline=None, max_examples=500)
@given(
    texts=TEXTS,
    options=st.sampled_from(OPTIONS),
    most_characters=st.sampled_from([0, 1, 5, 100]),
    prefix=st.sampled_from(["##", "", "s"]),
)
def test_it_equals_the_reference(texts, options, most_characters, prefix):
    check(make_tokenizer(**options, most_characters=most_characters, prefix=prefix), texts)


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_character(lowercase):
    characters = [chr(point) for point in range(0x110000) if point not in range(0xD800, 0xE000)]
    texts = [" ".join(f"s{c}u" for c in characters[i : i + 500]) for i in range(0, len(characters), 500)]
    check(make_tokenizer(lowercase=lowercase), texts)


@pytest.mark.parametrize("n", [0, 1, 15, 31, 62, 63, 64, 65, 127, 128, 1000, 2047, 2048, 2049, 5000])
def test_words_across_every_border(n):
    texts = []
    for lead in ("", " ", "s" * 3, "."):
        for word in ("sun", "moonlightsonata", "!", "x" * 100, "x" * 101, "zz"):
            texts += [f"{lead}{' ' * n}{word}", f"{lead}{'s ' * n}{word}.", lead + f"{word} " * n]
    texts += ["s" * n, "é" * n, "!" * n, "日" * n, "s" * n + "é", "s" * n + "\x01", ("moon" * 16) * n]
    # A word across the end of every block of 64.
    texts.append("s" * 60 + " " + " ".join(["s" * 63] * n))
    check(make_tokenizer(), texts)


def test_added_tokens_are_for_the_reference():
    added = (AddedToken("<é日>", lstrip=True), AddedToken("sun!", single_word=True), "[")
    texts = [
        "sun[PAD]",
        "[PAD",
        "[PA",
        "sun",
        "<é日> sun",
        "é [UNK]",
        "日<é日",
        "sun! sun!s",
        "moon [",
        "moon",
    ]
    check(make_tokenizer(added=added), texts)
    fast, _ = make_tokenizers(make_tokenizer())
    assert fast._word_piece.tokenize(["[PAD]", "[PA]", "日[UNK]", "moon[PAD"])[2] == [0, 2]


def test_it_seldom_needs_the_reference():
    fast, _ = make_tokenizers(make_tokenizer())
    texts = ["sun moon", "déjà\u0301 vu", "日本 луна 한국", "नमस्ते สวัสดี مرحبا", "\x00\x07 😀👍🏽", "x" * 5000]
    fast.tokenize(texts)
    assert fast._word_piece.tokenize(texts)[2:] == ([], [])
    assert fast._word_piece.tokenize(["\U0001d15e", "\u302e", "\ud800"])[2] == [0, 1, 2]


def test_pages_are_learnt_by_many_threads_at_once():
    fast, reference = make_tokenizers(make_tokenizer())
    texts = [f"s{chr(point)}u {chr(point + 70)}" for point in range(0x20, 0xD000, 97)]
    expected = reference.tokenize(texts).to_lists()
    with ThreadPoolExecutor(8) as pool:
        assert all(found.to_lists() == expected for found in pool.map(fast.tokenize, [texts] * 16))


def test_what_is_no_text():
    fast, _ = make_tokenizers(make_tokenizer())
    with pytest.raises(TypeError, match=r"texts\[1\] must be a string, found int"):
        fast.tokenize(["sun", 3])
    with pytest.raises(TypeError, match="not iterable"):
        fast.tokenize(3)

    class Text(str):
        __slots__ = ()

    assert fast.tokenize((Text("sun"),)).to_lists() == fast.tokenize(["sun"]).to_lists()


def test_strings_and_memory_are_let_go():
    fast, _ = make_tokenizers(make_tokenizer())
    text, texts = "".join(["sun", "é"]), ["sun"] * 10
    texts.append(text)
    before = sys.getrefcount(text)
    for _ in range(100):
        fast.tokenize(texts)
    assert sys.getrefcount(text) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normalizer": normalizers.NFC()}, "takes BertNormalizer and BertPreTokenizer alone"),
        ({"pre_tokenizer": pre_tokenizers.Whitespace()}, "takes BertNormalizer and BertPreTokenizer alone"),
        ({"model": models.WordPiece({"sun": 0}, unk_token="[UNK]")}, "needs an unknown token"),
    ],
)
def test_tokenizers_of_other_parts_are_refused(change, message):
    tokenizer = make_tokenizer()
    for name, part in change.items():
        setattr(tokenizer, name, part)
    with pytest.raises(ValueError, match=message):
        make_tokenizers(tokenizer)


def test_tokens_that_are_searched_in_normalised_text_are_refused():
    tokenizer = make_tokenizer()
    tokenizer.add_tokens([AddedToken("Luna", normalized=True)])
    with pytest.raises(ValueError, match="searched in normalised text"):
        make_tokenizers(tokenizer)
    with pytest.raises(ValueError, match="must begin with an ASCII character"):
        make_tokenizers(make_tokenizer(added=("日",)))
    with pytest.raises(ValueError, match="expected words of 0 to 10000 characters, found 10001"):
        make_tokenizers(make_tokenizer(most_characters=10_001))


@pytest.mark.parametrize(
    ("page", "characters", "error"),
    [
        (-1, [(0, b"")] * 256, "expected a page from 0 to 4351 and 256 characters"),
        (4352, [(0, b"")] * 256, "expected a page from 0 to 4351"),
        (7, [(0, b"")] * 255, "256 characters"),
        (7, [(4, b"")] * 256, "a kind from 0 to 3"),
        (7, [(0, b"x" * 64)] * 256, "63 bytes at most"),
        (7, [(2, b"")] * 256, "a word of 1"),
    ],
)
def test_a_page_that_does_not_fit(page, characters, error):
    word_piece = WordPiece({"sun": 0}, "##", 0, 100, [])
    with pytest.raises(ValueError, match=error):
        word_piece.learn(page, characters)
    assert word_piece.tokenize(["\u0700"])[2:] == ([0], [7])
