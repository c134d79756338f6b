"""A space before the text, or before every piece: byte-level tokenizers that split a text first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from m2v_onnx.distill.tokenizer_json import TokenizerJson
from m2v_onnx.distill.vocabulary import build_vocabulary
from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.recipe import RECIPES
from m2v_onnx.teacher.loading import Teacher

QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT_4 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")


def split(pattern: str, behavior: str = "isolated") -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(pattern), behavior)


def byte_level(*, use_regex: bool = False, add_prefix_space: bool = False) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=use_regex)


STEPS = {
    "Qwen": [split(QWEN), byte_level()],
    "Llama 3, GPT-4": [split(GPT_4), byte_level()],
    "StarCoder, SmolLM": [pre_tokenizers.Digits(individual_digits=True), byte_level(use_regex=True)],
    "DeepSeek": [split(r"\p{N}{1,3}"), split(r"[一-龥]+"), split(r" ?\p{L}+|\s+"), byte_level()],
    "CLIP": [split(r"\p{N}| ?[^\s\p{N}]+", "removed"), byte_level()],
    "a sequence in a sequence": [pre_tokenizers.Sequence([split(QWEN)]), byte_level()],
}
FIRST = {
    "GPT-2": byte_level(use_regex=True),
    "a sequence of one": pre_tokenizers.Sequence([byte_level(use_regex=True)]),
    "bytes first": pre_tokenizers.Sequence([byte_level(), split("Ġ?[^Ġ]+")]),
}


def teacher_tokenizer(pre_tokenizer: pre_tokenizers.PreTokenizer) -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, "ab", "Ġab", "<pad>"]
    merges = [("a", "b"), ("Ġ", "ab")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(["<pad>"])
    return tokenizer


def strip(tokenizer: Tokenizer, **options: str) -> Tokenizer:
    editable = TokenizerJson(tokenizer)
    editable.strip_to_model(**options)
    return editable.to_tokenizer()


@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=100, deadline=None)
@given(text=st.text(st.sampled_from("ab 12.\n\t'sé中") | st.characters(exclude_categories=["Cs"])))
def test_a_text_gets_the_tokens_that_the_teacher_gives_it_behind_a_space(name, text):
    teacher = teacher_tokenizer(pre_tokenizers.Sequence(STEPS[name]))
    spaced = text if text.startswith(" ") or not text else f" {text}"
    assert strip(teacher).encode(text).tokens == teacher.encode(spaced).tokens
    assert strip(teacher, prefix_space="text").to_str() == strip(teacher).to_str()


EXPECTED = {
    "Qwen": (["Ġab", "Ġ", "1", "2", "."], ["Ġab", "Ġ", "Ġ", "1", "Ġ", "2", "Ġ", "."]),
    "Llama 3, GPT-4": (["Ġab", "Ġ", "1", "2", "."], ["Ġab", "Ġ", "Ġ", "1", "2", "Ġ", "."]),
    "StarCoder, SmolLM": (["Ġab", "Ġ", "1", "2", "."], ["Ġab", "Ġ", "Ġ", "1", "Ġ", "2", "Ġ", "."]),
    "DeepSeek": (["Ġab", "Ġ", "1", "2", "."], ["Ġab", "Ġ", "Ġ", "1", "2", "Ġ", "."]),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_pieces_as_the_peer_has_them(name):
    """model2vec 0.10 sets `add_prefix_space` wherever there is one."""
    of_text, of_pieces = EXPECTED[name]
    teacher = teacher_tokenizer(pre_tokenizers.Sequence(STEPS[name]))
    assert strip(teacher).encode("ab 12.").tokens == of_text
    assert strip(teacher, prefix_space="piece").encode("ab 12.").tokens == of_pieces


@pytest.mark.parametrize("name", FIRST)
def test_where_bytes_come_first_both_are_the_same(name):
    teacher = teacher_tokenizer(FIRST[name])
    assert strip(teacher).to_str() == strip(teacher, prefix_space="piece").to_str()
    assert strip(teacher).encode("ab 12").tokens == ["Ġab", "Ġ", "1", "2"]


def test_a_teacher_that_has_a_space_before_every_piece_keeps_it():
    steps = [pre_tokenizers.Digits(individual_digits=True), byte_level(add_prefix_space=True)]
    teacher = teacher_tokenizer(pre_tokenizers.Sequence(steps))
    for prefix_space in ("text", "piece"):
        assert strip(teacher, prefix_space=prefix_space).encode("a1").tokens == ["Ġ", "a", "Ġ", "1"]


@pytest.mark.parametrize(("prefix_space", "n_spaces"), [("text", 1), ("piece", 3)])
def test_the_recipe_chooses(prefix_space, n_spaces):
    own = teacher_tokenizer(pre_tokenizers.Sequence(STEPS["Qwen"]))
    teacher = Teacher("tiny", Path("tiny"), Path("tiny"), own, None, None)
    recipe = replace(RECIPES["model2vec-0.10"], prefix_space=prefix_space)
    tokenizer = build_vocabulary(teacher, recipe).tokenizer
    assert tokenizer.encode("a12").tokens.count("Ġ") == n_spaces


def test_recipes_of_the_peer_put_it_before_every_piece():
    assert {RECIPES[name].prefix_space for name in ("model2vec-0.10", "model2vec-0.1")} == {"piece"}
    with pytest.raises(ArgumentError, match="prefix_space must be one of piece, text, found 'word'"):
        replace(RECIPES["model2vec-0.10"], prefix_space="word")
