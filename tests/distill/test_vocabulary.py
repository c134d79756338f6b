"""Vocabularies: which tokens stay, in which order, and what the teacher is fed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from m2v_onnx.distill.tokenizer_json import TokenizerJson
from m2v_onnx.distill.vocabulary import Vocabulary, build_vocabulary
from m2v_onnx.errors import ArgumentError, TeacherError
from m2v_onnx.model.recipe import RECIPES
from m2v_onnx.teacher.loading import Teacher
from tests.builders import TEACHER_TOKENS, word_piece

RECIPE = RECIPES["model2vec-0.10"]
OLD_RECIPE = RECIPES["model2vec-0.1"]
ONLY = replace(RECIPE, vocabulary_mode="only")


def teacher_of(
    tokenizer: Tokenizer, pad_token: str | None = "[PAD]", unk_token: str | None = "[UNK]"
) -> Teacher:
    return Teacher("teacher", Path(), Path("model.onnx"), tokenizer, pad_token, unk_token)


def tokens_of(vocabulary: Vocabulary) -> list[str]:
    ids = vocabulary.tokenizer.get_vocab()
    assert sorted(ids.values()) == list(range(len(ids)))
    return sorted(ids, key=ids.__getitem__)


def fed(vocabulary: Vocabulary) -> dict[str, list[int]]:
    packed = vocabulary.teacher_ids
    return {
        token: packed.ids[packed.offsets[i] : packed.offsets[i + 1]].tolist()
        for i, token in enumerate(tokens_of(vocabulary))
    }


@pytest.fixture
def bert() -> Teacher:
    return teacher_of(word_piece(TEACHER_TOKENS, affixes=True))


def byte_pair(*, add_prefix_space: bool = False) -> Tokenizer:
    vocab = ["<s>", "</s>", "<pad>", "Ġ", "s", "u", "n", "su", "sun", "Ġsun", "<mask>"]
    merges = [("s", "u"), ("su", "n"), ("Ġ", "sun")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(vocab)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    tokenizer.add_special_tokens(["<s>", "</s>", "<pad>", "<mask>"])
    return tokenizer


def unigram() -> Tokenizer:
    pieces = [
        ("<s>", 0.0),
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("▁sun", -1.0),
        ("s", -2.0),
        ("▁", -3.0),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    return tokenizer


def test_word_piece(bert):
    vocabulary = build_vocabulary(bert, RECIPE)
    # [unused0] matches the pattern; [CLS], [SEP] and [MASK] are added tokens of no use.
    assert fed(vocabulary) == {
        "[PAD]": [3, 0, 4],
        "[UNK]": [3, 2, 4],
        "the": [3, 6, 4],
        "sun": [3, 7, 4],
        "moon": [3, 8, 4],
        "##light": [3, 9, 4],
        "##s": [3, 10, 4],
        "!": [3, 11, 4],
    }
    assert vocabulary.tokenizer.encode("the suns").tokens == ["the", "sun", "##s"]
    assert vocabulary.tokenizer.post_processor is None


def test_recipe_0_1_keeps_special_tokens_and_swaps_the_affixes(bert):
    sequences = fed(build_vocabulary(bert, OLD_RECIPE))
    assert list(sequences)[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert sequences["sun"] == [4, 7, 3]


def test_byte_pairs():
    vocabulary = build_vocabulary(teacher_of(byte_pair(), "<pad>", None), RECIPE)
    assert tokens_of(vocabulary) == ["<pad>", "Ġ", "s", "u", "n", "su", "sun", "Ġsun"]
    assert fed(vocabulary)["Ġsun"] == [0, 9, 1]
    # The first word of a text gets its space, too.
    assert vocabulary.tokenizer.encode("sun sun").tokens == ["Ġsun", "Ġsun"]


def test_byte_pairs_learn_words_with_their_merges():
    vocabulary = build_vocabulary(teacher_of(byte_pair(), "<pad>", None), RECIPE, ["nuns", "sun"])
    # "sun" is there. "Ġnuns" pairs up from the left, Ġ+n, u+n, then Ġn+un; its parts follow it, sorted.
    assert tokens_of(vocabulary)[8:] == ["Ġnuns", "un", "Ġn", "Ġnun"]
    assert vocabulary.tokenizer.encode("nuns sun").tokens == ["Ġnuns", "Ġsun"]
    # "Ġnun" was learnt on the way.
    again = build_vocabulary(teacher_of(byte_pair(), "<pad>", None), RECIPE, ["nuns", "nun"])
    assert tokens_of(again) == tokens_of(vocabulary)
    assert len(again.teacher_ids) == again.tokenizer.get_vocab_size()


def test_unigram():
    vocabulary = build_vocabulary(teacher_of(unigram(), "<pad>", "<unk>"), RECIPE, ["star"])
    assert tokens_of(vocabulary) == ["<pad>", "<unk>", "▁sun", "s", "▁", "▁star"]
    assert fed(vocabulary)["▁sun"] == [0, 4, 2]
    assert vocabulary.tokenizer.encode("sun star x").tokens == ["▁sun", "▁star", "▁", "x"]
    unknown = vocabulary.tokenizer.encode("x").ids[-1]
    assert unknown == 1  # the unknown piece, at its new id


def test_an_id_without_a_token_closes():
    vocab = {"[PAD]": 0, "[UNK]": 2, "[CLS]": 3, "[SEP]": 4, "sun": 9}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 4), ("[CLS]", 3))
    assert fed(build_vocabulary(teacher_of(tokenizer), RECIPE)) == {
        "[PAD]": [3, 0, 4],
        "[UNK]": [3, 2, 4],
        "sun": [3, 9, 4],
    }


def test_two_tokens_with_one_id_are_refused():
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "sun": 1, "moon": 1}, unk_token="[UNK]"))
    with pytest.raises(
        TeacherError, match="found '(sun|moon)' and '(sun|moon)' with id 1: mend its tokenizer.json"
    ):
        TokenizerJson(tokenizer)


def test_words_extend_the_vocabulary(bert):
    words = ["Sun", "Star", "star", "full moon", "Full  Moon", "", "  ", "c++", "[unused0]", "élan"]
    vocabulary = build_vocabulary(bert, RECIPE, words)
    # Lower-cased and without accents, as the tokenizer meets them; phrases stand behind words.
    added = tokens_of(vocabulary)[8:]
    assert added == ["star", "elan", "full moon", "full  moon", "c++", "[unused0]"]
    assert vocabulary.tokenizer.encode("STAR in full moon").ids == [8, 1, 10]
    assert fed(vocabulary)["full moon"] == [3, 2, 8, 4]


def test_words_that_add_nothing_are_said(bert, caplog):
    build_vocabulary(bert, RECIPE, ["sun", "", "THE"])
    assert "0 words and 0 phrases added of 3 entries; skipped: 2 duplicates" in caplog.text
    assert "1 empty ones" in caplog.text


def test_padding_to_the_longest_does_not_mix_words(bert):
    bert.tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    sequences = fed(build_vocabulary(bert, RECIPE, ["sunlight", "sunlights"]))
    assert sequences["sunlight"] == [3, 7, 9, 4]


def test_a_word_is_fed_with_the_teachers_padding_or_without(bert):
    bert.tokenizer.enable_padding(length=6, pad_id=0, pad_token="[PAD]")
    assert fed(build_vocabulary(bert, RECIPE, ["sunlight"]))["sunlight"] == [3, 7, 9, 4, 0, 0]
    bare = replace(RECIPE, word_padding="none")
    assert fed(build_vocabulary(bert, bare, ["sunlight"]))["sunlight"] == [3, 7, 9, 4]


def test_only_the_users_words(bert):
    vocabulary = build_vocabulary(bert, ONLY, ["Sun", "sunlight", "Sun", "full moon", "", "ﬁne"])
    assert tokens_of(vocabulary) == ["[UNK]", "[PAD]", "Sun", "sunlight", "fine", "full moon"]
    assert fed(vocabulary)["sunlight"] == [3, 7, 9, 4]
    # A capital in the list: case counts.
    assert vocabulary.tokenizer.encode("Sun sun").ids == [2, 0]
    assert vocabulary.tokenizer.encode("a full moon, sunlight!").ids == [0, 5, 0, 3, 0]
    assert vocabulary.tokenizer.encode("full moons").ids == [0, 0]


def test_special_tokens_in_the_list_stay_the_special_tokens(bert):
    vocabulary = build_vocabulary(bert, ONLY, ["[PAD]", "[UNK]", "sun"])
    assert tokens_of(vocabulary) == ["[UNK]", "[PAD]", "sun"]
    assert vocabulary.tokenizer.encode("SUN").ids == [2]


def test_only_lower_case_words_make_a_lower_casing_tokenizer(bert):
    vocabulary = build_vocabulary(bert, ONLY, ["sun", "élan"])
    assert vocabulary.tokenizer.encode("SUN Élan elan").ids == [2, 3, 0]


@pytest.mark.parametrize(
    ("recipe", "words", "message"),
    [
        (ONLY, ["", " "], "must hold words, found that none of its 2 entries is left after"),
        (
            replace(RECIPE, token_remove_pattern="."),
            None,
            "must leave some tokens, '.' removes all 12: narrow it",
        ),
    ],
)
def test_nothing_left(bert, recipe, words, message):
    with pytest.raises(ArgumentError, match=message):
        build_vocabulary(bert, recipe, words)


def test_no_unknown_token_at_all():
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    vocabulary = build_vocabulary(teacher_of(tokenizer, None, None), RECIPE)
    assert tokens_of(vocabulary) == ["a", "b"]


def test_an_added_token_that_repeats_a_token_of_the_model_counts_once():
    tokenizer = word_piece(TEACHER_TOKENS, affixes=True)
    tokenizer.add_tokens(["sun"])
    assert tokens_of(build_vocabulary(teacher_of(tokenizer), RECIPE)).count("sun") == 0
