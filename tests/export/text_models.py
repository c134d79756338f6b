"""Small tokenizers for graphs that take text, each with something that is hard to carry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from m2v_onnx.distill.vocabulary import build_vocabulary
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.recipe import RECIPES
from m2v_onnx.static_model import StaticModel
from m2v_onnx.teacher.loading import Teacher
from m2v_onnx.tokenizer.words import find_word_forms, make_word_tokenizer
from tests.builders import word_piece

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789éßıάς中文ᄒ\u1161ᆫ٣"
_MARKS = "!#$%'()*,-./:[]_|~ˆ「£"
TOKENS = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]"),
    *_LETTERS,
    *(f"##{letter}" for letter in _LETTERS),
    *_MARKS,
    *(
        "the",
        "##s",
        "un",
        "##believ",
        "##able",
        "unable",
        "play",
        "##ing",
        "##ings",
        "new",
        "york",
        "abcdefgh",
    ),
    *(
        "abcdefghijklmnopqrstuvwxyz",
        "##abcdefghijklmnop",
        "##",
        "##ab",
        "中文",
        "##中",
        "can",
        "##not",
        "e-mail",
    ),
)
WORDS = (
    *(
        "the",
        "a",
        "i̇stanbul",
        "été",
        "straße",
        "ﬁne",
        "각",
        "한국어",
        "가",
        "कि",
        "か",
        "ガ",
        "χάος",
        "λόγος",
        "ǰ",
    ),
    *("ά", "≠", "!", "...", "!?", "42", "½", "m²", "ñ", "ộ", "न्", "क़", "x" * 40, "new", "york"),
    *(
        "new york",
        "new york city",
        "united states",
        "can't",
        "it is",
        "a b c",
        "c d",
        "ｆｕｌｌ width",
        "e-mail",
    ),
)


def tiny_bert(tokens: tuple[str, ...] = TOKENS, **options: object) -> Tokenizer:
    """Make a WordPiece tokenizer; options are those of its model."""
    tokenizer = word_piece(tuple(dict.fromkeys(tokens)))
    content = json.loads(tokenizer.to_str())
    content["model"].update(options)
    return Tokenizer.from_str(json.dumps(content))


def with_phrases() -> Tokenizer:
    """Extend the vocabulary as `distill` does."""
    return _vocabulary([*WORDS, "the new", "new york", "can not", "of a", "中文 a"], only=False)


def word_level(*words: str) -> Tokenizer:
    """Make the tokenizer of a vocabulary of whole words; a capital keeps it from being lower-cased."""
    return _vocabulary([*WORDS, *words], only=True)


def with_added_phrases() -> Tokenizer:
    """Make the tokenizer that a vocabulary of whole words had once: its phrases are added tokens."""
    tokenizer = make_word_tokenizer(WORDS)
    forms = find_word_forms(tokenizer, WORDS)
    ids = {token: i for i, token in enumerate(["[UNK]", "[PAD]", *forms.words, *forms.phrases])}
    tokenizer.model = models.WordLevel(ids, unk_token="[UNK]")
    options = {"single_word": True, "lstrip": True, "rstrip": True, "normalized": True}
    tokenizer.add_tokens([AddedToken(phrase, **options) for phrase in forms.phrases])
    return tokenizer


def _vocabulary(words: list[str], *, only: bool) -> Tokenizer:
    teacher = Teacher("tiny", Path("tiny"), Path("tiny"), tiny_bert(), "[PAD]", "[UNK]")
    recipe = replace(RECIPES["model2vec-0.10"], vocabulary_mode="only" if only else "extend")
    return build_vocabulary(teacher, recipe, words).tokenizer


def with_added_tokens() -> Tokenizer:
    """Add tokens with every option, some of which contain or overlap each other."""
    tokenizer = tiny_bert()
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True), AddedToken("<s>", normalized=True)])
    tokenizer.add_tokens(
        [
            AddedToken("Raw", normalized=False, single_word=True),
            AddedToken("[CLS][SEP]", normalized=False),
            AddedToken("ab cd", normalized=True),
            AddedToken("ab cd ef", normalized=True, rstrip=True),
            AddedToken("CD EF gh", normalized=True),
            AddedToken("été", normalized=True, single_word=True, lstrip=True, rstrip=True),
            AddedToken("中文字", normalized=True),
            AddedToken("aa", normalized=True),
        ]
    )
    return tokenizer


def cased_bert() -> Tokenizer:
    """Make a tokenizer that keeps case and accents, with another prefix and short words."""
    tokens = [token.replace("##", "@@") for token in TOKENS]
    tokenizer = tiny_bert(
        (*tokens, "É", "E", "\u0301", "İ"), continuing_subword_prefix="@@", max_input_chars_per_word=12
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    return tokenizer


def unclean_bert() -> Tokenizer:
    """Make a tokenizer of the rarer options: lower case with accents, nothing cleaned, Chinese in words."""
    tokenizer = tiny_bert((*TOKENS, "\u0301", "##\u0301", "\0", "i", "\u0307"), continuing_subword_prefix="")
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Whitespace()]
    )
    return tokenizer


TOKENIZERS = {
    "bert": tiny_bert,
    "phrases": with_phrases,
    "added_tokens": with_added_tokens,
    "cased_bert": cased_bert,
    "unclean_bert": unclean_bert,
    "word_level": word_level,
    "added_phrases": with_added_phrases,
    "cased_word_level": lambda: word_level("Paris", "New York", "NASA"),
}


def static_model(tokenizer: Tokenizer, *, max_length: int | None = None, dim: int = 3) -> StaticModel:
    """Make a static model of a tokenizer, with a table of small random numbers."""
    table = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), dim)).astype(np.float32)
    return StaticModel(table, tokenizer, ModelConfig(normalize=False, max_length=max_length))
