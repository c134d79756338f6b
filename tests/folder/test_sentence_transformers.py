"""What a sentence-transformers folder says of itself."""

from __future__ import annotations

import json

import pytest

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.sentence_transformers import (
    EncodeSettings,
    Pooling,
    TransformerSettings,
    read_description,
)
from m2v_onnx.folder.tokenizer_settings import TokenizerSettings
from tests.builders import write_modules


def test_a_folder_that_says_nothing(tmp_path):
    description = read_description(tmp_path)
    assert (description.modules, description.pooling) == ((), None)
    assert description.encode == EncodeSettings()
    assert description.transformer == TransformerSettings()
    assert description.transformer_folder == tmp_path


def test_modules_are_named_by_the_last_part_of_their_type(tmp_path):
    types = {
        "sentence_transformers.base.modules.transformer.Transformer": "0_Transformer",
        "sentence_transformers.models.Dense": "2_Dense",
        "a_package_of_ones_own.Head": "3_Head",
    }
    modules = [{"type": kind, "path": path} for kind, path in types.items()]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    description = read_description(tmp_path)
    assert description.kinds == ["Transformer", "Dense", "Head"]
    assert [module.folder.name for module in description.modules] == ["0_Transformer", "2_Dense", "3_Head"]
    assert description.transformer_folder == tmp_path / "0_Transformer"


@pytest.mark.parametrize("kinds", [("Transformer", "Pooling"), ("Transformer", "Dropout", "Pooling")])
@pytest.mark.parametrize(
    ("content", "pooling"),
    [
        ({}, Pooling(("mean",))),
        ({"pooling_mode": "lasttoken"}, Pooling(("lasttoken",))),
        (
            {"pooling_mode": ["cls", "max"], "include_prompt": False},
            Pooling(("cls", "max"), include_prompt=False),
        ),
        (
            {"pooling_mode_cls_token": False, "pooling_mode_weightedmean_tokens": True},
            Pooling(("weightedmean",)),
        ),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, Pooling(("cls", "mean"))),
        ({"pooling_mode": "max", "pooling_mode_mean_tokens": True}, Pooling(("max",))),
    ],
)
def test_pooling_in_either_dialect_wherever_it_lies(tmp_path, kinds, content, pooling):
    write_modules(tmp_path, *kinds, Pooling=content)
    assert read_description(tmp_path).pooling == pooling


def test_a_pooling_that_no_module_names_says_nothing(tmp_path):
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling/config.json").write_text('{"pooling_mode": "cls"}')
    assert read_description(tmp_path).pooling is None


def test_how_vectors_are_asked_for(tmp_path):
    content = {
        "prompts": {"query": "query: ", "document": ""},
        "default_prompt_name": "query",
        "truncate_dim": 64,
        "similarity_fn_name": "dot",
    }
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(content))
    assert read_description(tmp_path).encode == EncodeSettings({"query": "query: "}, "query", 64, "dot")
    # An empty prompt is none.
    content["default_prompt_name"] = "document"
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(content))
    assert read_description(tmp_path).encode.default_prompt is None


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "distilbert"])
def test_what_happens_to_a_text(tmp_path, family):
    path = tmp_path / f"sentence_{family}_config.json"
    path.write_text('{"max_seq_length": 128, "do_lower_case": true}')
    assert read_description(tmp_path).transformer == TransformerSettings(128, do_lower_case=True)


def test_special_tokens_by_role(tmp_path):
    (tmp_path / "special_tokens_map.json").write_text('{"pad_token": "<pad>", "unk_token": "<unk>"}')
    (tmp_path / "tokenizer_config.json").write_text(
        '{"pad_token": {"content": "[PAD]"}, "model_max_length": 9}'
    )
    assert read_description(tmp_path).tokenizer == TokenizerSettings(
        special_tokens={"pad_token": "[PAD]", "unk_token": "<unk>"}, model_max_length=9
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("modules.json", '[{"type": 3}]', "type in .*modules.json must be a text, found 3"),
        ("modules.json", '[{"type": "Dense", "path": "../d"}]', "must lie in its folder, found '../d'"),
        ("config_sentence_transformers.json", '{"truncate_dim": 0}', "truncate_dim in .* from 1, or null"),
        (
            "config_sentence_transformers.json",
            '{"truncate_dim": "9"}',
            "truncate_dim in .* must be a whole number",
        ),
        (
            "config_sentence_transformers.json",
            '{"prompts": []}',
            r"prompts in .* must be an object, found \[\]",
        ),
        (
            "config_sentence_transformers.json",
            '{"prompts": {"a": "b"}, "default_prompt_name": "q"}',
            r"default_prompt_name in .* must be one of its prompts \(a\), found 'q'",
        ),
        (
            "sentence_bert_config.json",
            '{"max_seq_length": true}',
            "max_seq_length in .* must be a whole number",
        ),
    ],
)
def test_values_that_cannot_be(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(FolderError, match=message):
        read_description(tmp_path)


def test_a_pooling_that_nobody_knows(tmp_path):
    write_modules(tmp_path, "Transformer", "Pooling", Pooling={"pooling_mode": "attention"})
    with pytest.raises(FolderError, match="pooling_mode in .* must be among cls, .*, found 'attention'"):
        read_description(tmp_path)
