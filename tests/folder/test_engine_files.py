"""The files that other engines look for."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.builders import ROWS, tiny_model


def saved_json(model, folder, name):
    model.save_pretrained(folder / "model")
    return json.loads((folder / "model" / name).read_text())


@pytest.mark.parametrize(("max_length", "limit"), [(10, 12), (None, 1_000_000)])
def test_the_limit_leaves_room_for_the_special_tokens_that_engines_add(max_length, limit, tmp_path):
    # The tokenizer puts one token before and one behind a text.
    model = tiny_model(max_length=max_length)
    assert saved_json(model, tmp_path, "tokenizer_config.json")["model_max_length"] == limit
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert config["max_position_embeddings"] == limit


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({}, "StaticEmbedding"),
        ({"weights": np.ones(6, np.float32)}, "Transformer"),
        ({"mapping": np.arange(6, dtype=np.int32)}, "Transformer"),
        ({"table": ROWS.astype(np.int8)}, "Transformer"),
    ],
)
def test_sentence_transformers_takes_the_graph_where_it_cannot_use_the_table(parts, kind, tmp_path):
    modules = saved_json(tiny_model(**parts), tmp_path, "modules.json")
    assert modules[0]["type"] == f"sentence_transformers.models.{kind}"


def test_a_bert_made_from_the_config_has_no_token_type_to_look_up(tmp_path):
    assert saved_json(tiny_model(), tmp_path, "config.json")["type_vocab_size"] == 0
