"""Which files a folder gets, and what other libraries read in them."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import ExternalDataInfo

from m2v_onnx import StaticModel
from m2v_onnx.errors import ArgumentError
from m2v_onnx.export.kinds import GraphName, graph_files
from m2v_onnx.model.quantization import Precision
from tests.builders import ROWS, tiny_model


def names(folder) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_files_of_a_folder(folder):
    assert names(folder) == {
        "README.md",
        "1_Pooling/config.json",
        "config.json",
        "config_sentence_transformers.json",
        "goldens.json",
        "model.safetensors",
        "modules.json",
        "onnx/model.onnx",
        "onnx/model_quantized.onnx",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    }


def test_every_graph_in_every_precision(tmp_path):
    kinds = {"graphs": get_args(GraphName), "precisions": get_args(Precision)}
    tiny_model().save_pretrained(tmp_path / "m", **kinds)
    assert {name for name in names(tmp_path / "m") if name.endswith(".onnx")} == {
        f"onnx/model{graph}{precision}.onnx"
        for graph in ("", "_ids3", "_tokens", "_text", "_codepoints")
        for precision in ("", "_fp16", "_quantized", "_q4")
    } | {"onnx/tokenizer.onnx"}
    assert len(list(graph_files(tmp_path / "m"))) == 21


def test_a_shared_table_is_on_disk_once(tmp_path):
    tiny_model().save_pretrained(tmp_path / "m", table="shared")
    graph = onnx.load(tmp_path / "m/model.onnx", load_external_data=False).graph
    (table,) = (tensor for tensor in graph.initializer if tensor.name == "table")
    place = ExternalDataInfo(table)
    assert place.location == "model.safetensors"
    stored = (tmp_path / "m/model.safetensors").read_bytes()[place.offset :][: place.length]
    np.testing.assert_array_equal(np.frombuffer(stored, "<f4").reshape(6, 2)[2:], ROWS[2:])
    assert (tmp_path / "m/onnx/model_quantized.onnx").exists()  # its table is another one
    model = StaticModel.from_pretrained(tmp_path / "m")
    assert model.graph_path == tmp_path / "m/model.onnx"
    np.testing.assert_allclose(model.encode(["sun moon"] * 9), [[1.5, 3]] * 9)


def test_a_graph_is_shared_where_its_table_is_the_stored_one(tmp_path):
    half = tiny_model(table=ROWS.astype(np.float16))
    half.save_pretrained(tmp_path / "m", table="shared", precisions=("fp32", "fp16"))
    graphs = {name for name in names(tmp_path / "m") if name.endswith(".onnx")}
    assert graphs == {"onnx/model.onnx", "model_fp16.onnx"}


def test_three_inputs_of_which_none_may_be_left_out(tmp_path):
    tiny_model().save_pretrained(tmp_path / "m", graphs=("ids3",), precisions=("fp32",))
    graph = onnx.load(tmp_path / "m/onnx/model_ids3.onnx").graph
    assert [entry.name for entry in graph.input] == ["input_ids", "attention_mask", "token_type_ids"]
    assert "token_type_ids" not in {tensor.name for tensor in graph.initializer}


def test_what_engines_read(folder):
    read = {name: json.loads((folder / name).read_text()) for name in names(folder) if name.endswith(".json")}
    config = read["config.json"]
    assert (config["model_type"], config["hidden_size"], config["pad_token_id"]) == ("bert", 2, 0)
    assert read["tokenizer_config.json"] == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 514,  # room for the special tokens that engines add
        "clean_up_tokenization_spaces": False,
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
    }
    assert read["special_tokens_map.json"] == {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    assert [module["type"].split(".")[-1] for module in read["modules.json"]] == ["StaticEmbedding"]
    assert read["1_Pooling/config.json"]["pooling_mode_cls_token"] is True
    assert (folder / "vocab.txt").read_text() == (
        "[PAD]\n[UNK]\nsun\nmoon\n##light\n!\n[CLS]\n[SEP]\n[MASK]\n"
    )


def test_a_model_that_normalises_says_so_in_its_modules(tmp_path):
    tiny_model(normalize=True).save_pretrained(tmp_path / "m")
    modules = json.loads((tmp_path / "m/modules.json").read_text())
    assert [module["type"].split(".")[-1] for module in modules] == ["StaticEmbedding", "Normalize"]
    weighted = tiny_model(normalize=True, weights=np.ones(6, np.float32))
    weighted.save_pretrained(tmp_path / "m")
    modules = json.loads((tmp_path / "m/modules.json").read_text())
    assert [module["type"].split(".")[-1] for module in modules] == ["Transformer", "Pooling", "Normalize"]


def test_rows_that_never_count_are_zeros_on_disk(folder):
    expected = ROWS.copy()
    expected[:2] = 0
    np.testing.assert_array_equal(StaticModel.from_pretrained(folder).table, expected)


def test_other_engines_never_see_a_text_without_a_token(folder):
    tokenizer = StaticModel.from_pretrained(folder).tokenizer
    assert tokenizer.encode("").tokens == ["[UNK]", "[UNK]"]
    assert tokenizer.encode("sun").tokens == ["[UNK]", "sun", "[UNK]"]
    assert tokenizer.encode("sun", "moon").tokens == ["[UNK]", "sun", "[UNK]", "moon", "[UNK]"]


def test_a_card_that_somebody_wrote_is_kept(folder):
    path = folder / "README.md"
    assert "vectors that are not normalised" in path.read_text()
    tiny_model(normalize=True).save_pretrained(folder)
    assert "vectors of length 1" in path.read_text()
    path.write_text("My own words.")
    tiny_model().save_pretrained(folder)
    assert path.read_text() == "My own words."


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"precisions": ("int5",)}, "precision must be one of fp32, fp16, int8, int4, found 'int5'"),
        (
            {"graphs": ("idz",)},
            "graph must be one of ids, ids3, tokens, text, codepoints, tokenizer, found 'idz'",
        ),
        ({"table": "both"}, "table must be one of embedded, shared, found 'both'"),
    ],
)
def test_unknown_choices(tmp_path, choices, message):
    with pytest.raises(ArgumentError, match=message):
        tiny_model().save_pretrained(tmp_path / "m", **choices)
    assert not (tmp_path / "m").exists()


def test_the_card_says_what_every_graph_is(tmp_path):
    precisions = ("fp32", "int8")
    tiny_model().save_pretrained(
        tmp_path / "m", graphs=("ids", "tokenizer"), precisions=precisions, table="shared"
    )
    rows = [line for line in (tmp_path / "m/README.md").read_text().splitlines() if ".onnx` |" in line]
    assert rows == [
        "| `onnx/model_quantized.onnx` | token ids in, the vectors of texts out; int8, in transformers.js "
        "`q8` |",
        "| `onnx/tokenizer.onnx` | strings in, token ids and mask out |",
        "| `model.onnx` | token ids in, the vectors of texts out; fp32, its table in `model.safetensors` |",
    ]
