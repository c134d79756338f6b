"""A teacher's own settings in a distillation: prompts, added tokens, and what is left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import Tokenizer

from m2v_onnx import StaticModel
from m2v_onnx.distill import distill
from m2v_onnx.errors import ArgumentError
from tests import peer_cases
from tests.builders import teacher_rows, write_modules

ROWS = teacher_rows()
RAW = {"recipe": "model2vec-0.10", "pca_dims": None, "weighting": "none", "normalize": False}
SUN, THE, MOON, CLS, SEP = 7, 6, 8, 3, 4
PROMPTS = {"prompts": {"query": "the moon ", "passage": "the "}, "default_prompt_name": "passage"}


def states(*ids: int) -> np.ndarray:
    """Give what `tiny_teacher_graph` gives for these tokens."""
    return ROWS[list(ids)] + 0.01 * np.arange(1, len(ids) + 1)[:, None]


@pytest.mark.parametrize(("prompt", "ids"), [("query", [THE, MOON]), ("passage", [THE]), ("moon", [MOON])])
def test_tokens_and_words_are_fed_behind_the_prompt(teacher, prompt, ids):
    peer_cases.write_json(teacher / "config_sentence_transformers.json", PROMPTS)
    model = distill(teacher, prompt=prompt, vocabulary=["sunmoon"], **RAW)
    vocabulary = model.tokenizer.get_vocab()
    expected = states(CLS, *ids, SUN, SEP).mean(axis=0)
    np.testing.assert_allclose(model.table[vocabulary["sun"]], expected, rtol=1e-5)
    # A name is stored as the text that it stands for.
    assert model.config.recipe.prompt == PROMPTS["prompts"].get(prompt, prompt)


def test_the_prompt_is_kept_in_the_folder(teacher, tmp_path):
    distill(teacher, prompt="the moon ", **RAW).save_pretrained(tmp_path / "m")
    assert StaticModel.from_pretrained(tmp_path / "m").config.recipe.prompt == "the moon "


def test_a_word_is_fed_as_text_behind_the_prompt(teacher):
    model = distill(teacher, prompt="the ", vocabulary=["moonlights"], word_padding="none", **RAW)
    row = model.table[model.tokenizer.get_vocab()["moonlights"]]
    np.testing.assert_allclose(row, states(CLS, THE, MOON, 9, 10, SEP).mean(axis=0), rtol=1e-5)


def test_a_prompt_that_does_not_take_part(teacher):
    write_modules(teacher, "Transformer", "Pooling", Pooling={"include_prompt": False})
    model = distill(teacher, prompt="the moon ", **RAW)
    expected = states(CLS, THE, MOON, SUN, SEP)[3:].mean(axis=0)
    np.testing.assert_allclose(model.table[model.tokenizer.get_vocab()["sun"]], expected, rtol=1e-5)


def test_a_fit_is_to_what_the_teacher_says_with_its_default_prompt(teacher):
    options = {"sequences": 100, "pca_dims": 3}
    without, explicit = distill(teacher, **options), distill(teacher, prompt="the ", **options)
    peer_cases.write_json(teacher / "config_sentence_transformers.json", PROMPTS)
    model = distill(teacher, **options)
    assert model.config.recipe.prompt == "the "
    assert model.table.tobytes() == explicit.table.tobytes() != without.table.tobytes()
    assert distill(teacher, prompt="", **options).table.tobytes() == without.table.tobytes()


def test_columns_that_a_teacher_cuts_off(teacher, caplog):
    peer_cases.write_json(teacher / "config_sentence_transformers.json", {"truncate_dim": 2})
    assert distill(teacher, sequences=100).dim == 2
    assert "truncate_dim" not in caplog.text
    assert distill(teacher, **RAW).dim == 4
    assert "its truncate_dim is left to pca_dims" in caplog.text


def test_a_default_prompt_that_is_left_out_is_said(teacher, caplog):
    peer_cases.write_json(teacher / "config_sentence_transformers.json", PROMPTS)
    model = distill(teacher, **RAW)
    assert "has the default prompt 'the ': its tokens are fed without it" in caplog.text
    assert "(--prompt passage)" in caplog.text
    assert model.config.recipe.prompt is None


@pytest.mark.parametrize("mode", ["cls", "max", "weightedmean", "mean_sqrt_len_tokens"])
def test_a_pooling_that_tokens_do_not_get_is_said(teacher, caplog, mode):
    write_modules(teacher, "Transformer", "Pooling", Pooling={"pooling_mode": mode})
    distill(teacher, pooling="first", **RAW)
    assert "pools by" not in caplog.text
    distill(teacher, **RAW)
    assert f"pools by {mode}: its tokens are pooled by their mean" in caplog.text


def add_token(teacher, content: str, **flags: bool) -> None:
    tokenizer = json.loads((teacher / "tokenizer.json").read_text())
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    entry = {"id": 1, "content": content, **dict.fromkeys(names, False), **flags}
    tokenizer["added_tokens"].append(entry)  # in the place of [unused0], whose row the graph has
    tokenizer["model"]["vocab"] = {
        content if token == "[unused0]" else token: i for token, i in tokenizer["model"]["vocab"].items()
    }
    tokenizer["added_tokens"].sort(key=lambda token: token["id"])
    (teacher / "tokenizer.json").write_text(json.dumps(tokenizer))


class TestAddedTokens:
    @pytest.mark.parametrize("content", ["acme-corp", "New York", "C++"])
    def test_ordinary_ones_are_kept(self, teacher, content):
        add_token(teacher, content)
        model = distill(teacher, added_tokens="keep", **RAW)
        found = model.tokenizer.encode(f"the {content} moon", add_special_tokens=False)
        assert found.tokens == ["the", content, "moon"]
        np.testing.assert_allclose(model.table[found.ids[1]], states(CLS, 1, SEP).mean(axis=0), rtol=1e-5)
        assert model.config.recipe.added_tokens == "keep"
        assert "[CLS]" not in model.tokenizer.get_vocab()  # a special one

    def test_the_recipe_of_model2vec_removes_them_and_says_so(self, teacher, caplog):
        add_token(teacher, "acme-corp")
        model = distill(teacher, **RAW)
        assert "acme-corp" not in model.tokenizer.get_vocab()
        assert "vocabulary: 1 of the teacher's added tokens removed (acme-corp)" in caplog.text

    def test_special_ones_go_without_a_word(self, teacher, caplog):
        add_token(teacher, "<query>", special=True)
        assert "<query>" not in distill(teacher, added_tokens="keep", **RAW).tokenizer.get_vocab()
        assert "added tokens" not in caplog.text

    def test_another_choice(self, teacher):
        with pytest.raises(ArgumentError, match="added_tokens must be one of keep, remove, found 'all'"):
            distill(teacher, added_tokens="all")


def test_case_and_added_tokens_of_the_configuration(teacher):
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": False,
        "added_tokens_decoder": {"1": {"content": "[unused0]", "special": False, "normalized": False}},
    }
    peer_cases.write_json(teacher / "tokenizer_config.json", settings)
    model = distill(teacher, added_tokens="keep", token_remove_pattern=None, **RAW)
    assert isinstance(model.tokenizer, Tokenizer)
    encoding = model.tokenizer.encode("Sun sun [unused0]", add_special_tokens=False)
    assert encoding.tokens == ["[UNK]", "sun", "[unused0]"]
