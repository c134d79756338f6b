"""Phrases: the first from the left, the longest that no word character hides; and so in graphs."""

from __future__ import annotations

from functools import cache
from itertools import product

import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, models, pre_tokenizers

from m2v_onnx.export.tables.tokenizer_tables import build_tokenizer_tables
from m2v_onnx.export.text.text_graph import build_tokenizer_graph
from m2v_onnx.static_model import StaticModel
from m2v_onnx.tokenizer.characters import SURROGATES
from m2v_onnx.tokenizer.phrases import find_phrases, phrase_splitter
from m2v_onnx.tokenizer.words import make_word_tokenizer
from tests.export.test_text_graph import SOURCES, graph_ids, open_graph
from tests.export.text_models import static_model

WHITESPACE = pre_tokenizers.Whitespace()


def splitter(phrases: list[str]) -> pre_tokenizers.PreTokenizer:
    pattern = phrase_splitter(phrases)["pattern"]["Regex"]
    return pre_tokenizers.Split(Regex(pattern), "removed", invert=True)


def pieces(phrases: list[str], text: str) -> list[str]:
    return [piece for piece, _ in splitter(phrases).pre_tokenize_str(text)]


def pieces_of_whitespace(text: str) -> list[str]:
    return [piece for piece, _ in WHITESPACE.pre_tokenize_str(text)]


def expected_pieces(phrases: list[str], text: str) -> list[str]:
    """The specification: at every place the longest phrase between word boundaries, the rest as words."""
    found, place, rest = [], 0, ""
    is_word = [len(pieces_of_whitespace(f"a{character}a")) == 1 for character in text]

    def split_rest():
        nonlocal rest
        found.extend(pieces_of_whitespace(rest) if rest else ())
        rest = ""

    while place < len(text):
        fitting = [
            phrase
            for phrase in phrases
            if text.startswith(phrase, place)
            and not (place and is_word[place - 1])
            and not (place + len(phrase) < len(text) and is_word[place + len(phrase)])
        ]
        if fitting:
            split_rest()
            found.append(max(fitting, key=len))
            place += len(found[-1])
        else:
            rest += text[place]
            place += 1
    split_rest()
    return found


LEARNING = ["machine learning", "machine learning model", "learning models", "model zoo"]
CASES = [
    ("the longer one ends inside a word", LEARNING, "machine learning modelsx", [LEARNING[0], "modelsx"]),
    ("the longest of all", LEARNING, "machine learning model", [LEARNING[1]]),
    ("the first from the left", LEARNING, "machine learning models", [LEARNING[0], "models"]),
    ("one that begins inside a word", LEARNING, "xmachine learning models", ["xmachine", LEARNING[2]]),
    ("three deep", ["a b", "a b c", "a b c d"], "a b c dd", ["a b c", "dd"]),
    ("two deep", ["a b", "a b c", "a b c d"], "a b cc d", ["a b", "cc", "d"]),
    ("none deep", ["a b", "a b c", "a b c d"], "a bb c d", ["a", "bb", "c", "d"]),
    ("an end that is a mark", ["u.s", "u.s."], "u.s.a u.s. u.s.,", ["u.s", ".", "a", "u.s.", "u.s.", ","]),
    ("a beginning that is a mark", [".net", "(.n"], "a.net (.n ..net", ["a", ".", "net", "(.n", ".", ".net"]),
    ("marks alone", [". .", ". . ."], ". . . .x", [". . .", ".", "x"]),
    ("side by side", ["a.", "!b"], "a.!b", ["a.", "!b"]),
    ("joiners and marks are parts of words", ["क ष"], "क ष\u200d क ष", ["क", "ष\u200d", "क ष"]),
    ("what is syntax", ["[a|b]", "a.b*", "(?:x)$"], "axb* [a|b] (?:x)$", ["axb", "*", "[a|b]", "(?:x)$"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("phrases", "text", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_which_phrase_is_found(phrases, text, expected):
    assert pieces(phrases, text) == expected == expected_pieces(phrases, text)
    assert phrase_splitter(phrases) == phrase_splitter([*phrases[::-1], phrases[0]])
    assert find_phrases(phrase_splitter(phrases), ["word", *phrases, "..."]) == phrases


def test_phrases_nested_deeper_than_a_regular_expression_may_be():
    phrases = ["x" + " x" * n for n in range(1, 300)]
    text = "x" + " x" * 250
    assert pieces(phrases, text) == [text]
    assert pieces(phrases, text + "x") == [text[:-2], "xx"]


def test_other_pre_tokenizers_have_no_phrases():
    assert find_phrases(None, ["a b"]) == []
    assert find_phrases({"type": "Whitespace"}, ["a b"]) == []
    assert find_phrases(phrase_splitter(["a b"]), ["a", "b c"]) == []
    assert find_phrases(phrase_splitter(["a b"]), ["a", "b"]) == []


def test_words_are_those_of_whitespace_whatever_the_character():
    split = splitter(["a b"])
    characters = [
        chr(point) for point in (*range(0x33480), *range(0xE0000, 0xE0200)) if point not in SURROGATES
    ]
    for start in range(0, len(characters), 4096):
        text = "".join(f"a{c}! " for c in characters[start : start + 4096])
        assert split.pre_tokenize_str(text) == WHITESPACE.pre_tokenize_str(text)


# Few words, so that phrases nest and overlap.
PARTS = st.lists(st.sampled_from(["a", "b", "ab", ".", "..", " ", "-", "é"]), min_size=1, max_size=6)
TEXTS = st.lists(PARTS.map("".join), min_size=1, max_size=5).map(" ".join)
PHRASES = st.lists(
    TEXTS.map(str.strip).filter(lambda text: len(pieces_of_whitespace(text)) > 1), min_size=1, max_size=8
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(PHRASES, TEXTS)
def test_nested_and_overlapping_phrases(phrases, text):
    assert pieces(phrases, text) == expected_pieces(phrases, text)


# Every third of all phrases of two to four parts: they nest and overlap in every way.
MANY_PHRASES = [
    "".join(parts)
    for n_parts in (2, 3, 4)
    for parts in product(("a", "b", "ab", ".", " ", "é"), repeat=n_parts)
    if " " not in (parts[0], parts[-1]) and len(pieces_of_whitespace("".join(parts))) > 1
][::3]


@cache
def phrase_model() -> StaticModel:
    words = ["a", "b", "ab", ".", "..", "-", "é", "s", "x"]
    tokens = dict.fromkeys(["[UNK]", "[PAD]", *words, *MANY_PHRASES])
    tokenizer = make_word_tokenizer(words)
    tokenizer.model = models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]")
    tokenizer.pre_tokenizer = splitter(MANY_PHRASES)
    return static_model(tokenizer)


@cache
def phrase_session(source: str) -> onnxruntime.InferenceSession:
    return open_graph(
        build_tokenizer_graph(phrase_model(), build_tokenizer_tables(phrase_model().tokenizer), source=source)
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS | st.sampled_from(MANY_PHRASES), max_size=10))
def test_graphs_find_the_phrases_of_the_tokenizer(texts):
    texts += [f"[PAD]{text}{end}" for text in texts for end in ("s", ".", " a", "-[PAD]b")]
    expected = [phrase_model().tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    for source in SOURCES:
        assert graph_ids(phrase_session(source), texts, source) == expected
