"""Static models that sentence-transformers made: the vectors are its own (see `make peers`)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from m2v_onnx import StaticModel
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.export.verification import verify_folder
from tests import peer_cases
from tests.builders import replace_json

DATA = Path(__file__).parents[1] / "data"
PEERS = json.loads((DATA / "peers.json").read_text(encoding="utf-8"))


COUNTING = ["plain", "rows behind the last token", "route query"]


def known(name: str) -> list[int]:
    """Give the texts where we follow: a text without a token gives zeros, where Dense gives its bias."""
    return [i for i, text in enumerate(peer_cases.TEXTS) if text or "dense" not in name]


@pytest.mark.parametrize("name", peer_cases.STATIC)
def test_vectors_are_those_of_sentence_transformers(tmp_path, name):
    peer_cases.STATIC[name](tmp_path / "m")
    model = StaticModel.from_pretrained(tmp_path / "m")
    expected = np.array(PEERS["static"][name], np.float32)[known(name)]
    texts = [peer_cases.TEXTS[i] for i in known(name)]
    np.testing.assert_allclose(model.encode_reference(texts), expected, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(model.encode(texts), expected, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(model.encode(texts * 300)[-len(texts) :], expected, rtol=2e-6, atol=2e-6)
    assert not model.encode("").any()


@pytest.mark.parametrize("name", ["dense with a bias, normalised", "truncation", "truncate_dim", *COUNTING])
def test_the_rules_are_carried_into_folder_and_graphs(tmp_path, name):
    peer_cases.STATIC[name](tmp_path / "m")
    model = StaticModel.from_pretrained(tmp_path / "m")
    model.save_pretrained(tmp_path / "ours", graphs=("ids", "text", "codepoints"))
    again = StaticModel.from_pretrained(tmp_path / "ours")
    assert again.config == model.config
    assert (again.config.unknown, again.config.cut_characters) == ("count", False)
    np.testing.assert_allclose(again.encode(peer_cases.TEXTS), model.encode(peer_cases.TEXTS), atol=1e-6)
    assert [report.problem for report in verify_folder(tmp_path / "ours")] == [None] * 6


def test_a_nul_that_counts_is_no_padding(tmp_path):
    peer_cases.STATIC["unknown words of a WordLevel"](tmp_path / "m")
    model = StaticModel.from_pretrained(tmp_path / "m")
    with pytest.raises(
        ArgumentError, match=r"graph codepoints, .* found that it counts as '\[UNK\]': use the"
    ):
        model.save_pretrained(tmp_path / "ours", graphs=("codepoints",))
    model.save_pretrained(tmp_path / "ours", graphs=("ids", "text"))
    assert [report.problem for report in verify_folder(tmp_path / "ours")] == [None] * 4


def test_engines_put_nothing_that_counts_around_a_text(tmp_path):
    model = StaticModel.from_pretrained(peer_cases.write_static(tmp_path / "m"))
    assert model.tokenizer.encode("red fish").tokens == ["red", "fish"]
    model.save_pretrained(tmp_path / "ours")
    assert not (tmp_path / "ours/vocab.txt").exists()  # whose readers put [CLS] and [SEP] there
    card = (tmp_path / "ours/README.md").read_text()
    assert "Unknown and special tokens count like any other" in card


def test_a_model_of_model2vec_skips_what_it_does_not_know(tmp_path):
    folder = peer_cases.write_static(tmp_path / "m")
    table = StaticModel.from_pretrained(folder).table
    save_file({"embeddings": np.array(table)}, folder / "model.safetensors")
    model = StaticModel.from_pretrained(folder)
    assert (model.config.unknown, model.config.cut_characters) == ("skip", True)
    np.testing.assert_array_equal(model.encode("red zzz"), table[4])


def test_tables_of_other_number_types(tmp_path):
    folder = peer_cases.write_static(tmp_path / "m")
    expected = StaticModel.from_pretrained(folder).encode("red fish")
    table = np.array(StaticModel.from_pretrained(folder).table)
    write_bfloat16(table, folder / "model.safetensors")
    np.testing.assert_allclose(StaticModel.from_pretrained(folder).encode("red fish"), expected, atol=0.01)
    save_file({"embedding.weight": table.astype(np.float16)}, folder / "model.safetensors")
    np.testing.assert_allclose(StaticModel.from_pretrained(folder).encode("red fish"), expected, atol=1e-3)


def write_bfloat16(table: np.ndarray, path: Path) -> None:
    raw = (table.view(np.uint32) >> 16).astype("<u2").tobytes()
    entry = {"dtype": "BF16", "shape": table.shape, "data_offsets": [0, len(raw)]}
    header = json.dumps({"embedding.weight": entry}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + raw)


def test_a_table_that_torch_wrote(tmp_path):
    """The file is `torch.save` of a transposed 0 … 11, so that its strides are none of a plain matrix."""
    folder = peer_cases.write_static(tmp_path / "m", tokenizer=peer_cases.word_piece())
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes((DATA / "pytorch_model.bin").read_bytes())
    vocabulary = {"red": 0, "fish": 1, "[UNK]": 2, "a": 3, "b": 4, "c": 5}
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"], tokenizer["added_tokens"], tokenizer["post_processor"] = vocabulary, [], None
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    model = StaticModel.from_pretrained(folder)
    np.testing.assert_array_equal(model.encode("red fish"), [0.5, 6.5])


def refuse(folder: Path, message: str) -> None:
    with pytest.raises(FolderError, match=message):
        StaticModel.from_pretrained(folder)


def test_a_default_prompt_is_refused(tmp_path):
    folder = peer_cases.write_static(tmp_path / "m")
    settings = {"prompts": {"query": "blue bird "}, "default_prompt_name": "query"}
    peer_cases.write_json(folder / "config_sentence_transformers.json", settings)
    refuse(
        folder, r"found the default prompt 'blue bird ' \(default_prompt_name 'query' in .*\).* set default"
    )
    replace_json(folder / "config_sentence_transformers.json", default_prompt_name=None)
    assert StaticModel.from_pretrained(folder).dim == 6


def test_what_is_left_to_the_caller_is_said(tmp_path, caplog):
    folder = peer_cases.write_static(tmp_path / "m", "Normalize")
    settings = {"prompts": {"query": "q: "}, "similarity_fn_name": "dot", "truncate_dim": 2}
    peer_cases.write_json(folder / "config_sentence_transformers.json", settings)
    StaticModel.from_pretrained(folder)
    assert "its prompts are yours to put before a text: query" in caplog.text
    assert "its vectors are to be compared by dot, not by cosine" in caplog.text
    assert "truncate_dim 2 keeps the first columns; the vectors have length 1" in caplog.text


@pytest.mark.parametrize("kind", ["LayerNorm", "CNN", "WeightedLayerPooling", "WordWeights"])
def test_modules_that_no_table_holds(tmp_path, kind):
    folder = peer_cases.write_static(tmp_path / "m", kind)
    refuse(folder, f"modules that a table can hold .* in .*modules.json, found {kind}: use the model through")


@pytest.mark.parametrize("kind", ["BoW", "WordEmbeddings", "CLIPModel"])
def test_first_modules_that_are_no_table(tmp_path, kind):
    folder = peer_cases.write_static(tmp_path / "m")
    peer_cases.write_json(folder / "modules.json", [{"type": f"sentence_transformers.models.{kind}"}])
    refuse(folder, f"StaticEmbedding first.* found {kind}: use the model through")


class TestDense:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = peer_cases.write_static(tmp_path / "m", "Dense")
        peer_cases.write_dense(folder / "1_Dense", bias=True)
        return folder

    @pytest.mark.parametrize("activation", ["activation.Tanh", "activation.ReLU", "activation.GELU"])
    def test_an_activation_is_refused(self, folder, activation):
        function = f"torch.nn.modules.{activation}"
        replace_json(folder / "1_Dense/config.json", activation_function=function)
        refuse(folder, f"found Dense with activation {activation.split('.')[1]}: use the model through")

    def test_an_activation_that_is_not_named_is_tanh(self, folder):
        peer_cases.write_json(folder / "1_Dense/config.json", {"in_features": 6, "out_features": 4})
        refuse(folder, "found Dense with activation Tanh")

    def test_dense_behind_normalize(self, folder):
        modules = [
            {"type": f"x.{kind}", "path": path}
            for kind, path in (("StaticEmbedding", ""), ("Normalize", ""), ("Dense", "1_Dense"))
        ]
        peer_cases.write_json(folder / "modules.json", modules)
        refuse(folder, "no Dense behind Normalize.* found Dense behind Normalize")

    def test_other_features(self, folder):
        replace_json(folder / "1_Dense/config.json", module_input_name="token_embeddings")
        refuse(folder, "module_input_name in .* must be 'sentence_embedding', found 'token_embeddings'")

    @pytest.mark.parametrize(
        ("tensors", "message"),
        [
            ({"linear.weight": np.ones((4, 5), np.float32)}, "a matrix of 6 columns in .*1_Dense, found 5"),
            (
                {"linear.bias": np.ones(4, np.float32)},
                "expected a matrix linear.weight in .*, found linear.bias",
            ),
            (
                {"linear.weight": np.ones((4, 6), np.float32), "linear.bias": np.ones(3, np.float32)},
                r"linear.bias in .* must have shape \(4,\), found \(3,\)",
            ),
        ],
    )
    def test_tensors_that_do_not_fit(self, folder, tensors, message):
        save_file(tensors, folder / "1_Dense/model.safetensors")
        refuse(folder, message)

    def test_weights_that_are_not_there(self, folder):
        (folder / "1_Dense/model.safetensors").unlink()
        refuse(folder, "expected model.safetensors or pytorch_model.bin in .*1_Dense, found neither")


def test_a_truncation_at_the_start(tmp_path):
    tokenizer = peer_cases.word_piece()
    tokenizer.enable_truncation(2, direction="left")
    refuse(
        peer_cases.write_static(tmp_path / "m", tokenizer=tokenizer),
        "cuts texts at their end, found truncation direction 'left'",
    )
