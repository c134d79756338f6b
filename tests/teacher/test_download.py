"""Teachers and static models on the Hub: what their modules name is what is fetched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from huggingface_hub import constants
from onnx import TensorProto, helper

from m2v_onnx import StaticModel
from m2v_onnx.distill import distill
from m2v_onnx.errors import FolderError, M2vOnnxError, TeacherError
from m2v_onnx.system.onnx_file import external_data_names
from m2v_onnx.teacher.download import download_teacher
from m2v_onnx.teacher.encoder import TeacherEncoder
from m2v_onnx.teacher.options import TeacherSource
from tests import peer_cases
from tests.builders import teacher_rows, tiny_teacher_graph, write_modules, write_tiny_teacher

RAW = {"recipe": "model2vec-0.10", "pca_dims": None, "weighting": "none", "normalize": False}


def spread(folder: Path, **places: str) -> None:
    """Move tensors of a teacher's graph into files beside it."""
    graph = tiny_teacher_graph()
    (folder / "onnx/model.onnx").unlink()
    for tensor in graph.graph.initializer:
        if tensor.name in places:
            onnx.external_data_helper.set_external_data(tensor, places[tensor.name])
    onnx.save_model(graph, str(folder / "onnx/model.onnx"))


class TestExternalData:
    @pytest.mark.parametrize(
        "places",
        [
            {"rows": "encoder_weights.bin"},
            {"rows": "model.onnx_data"},
            {"rows": "weights", "step": "small.data"},
        ],
    )
    def test_files_of_any_name_are_fetched(self, hub, teacher, places):
        expected = distill(teacher, **RAW).table
        spread(teacher, **places)
        (teacher / "onnx/notes.bin").write_bytes(b"not needed")
        hub.repositories = {("owner/teacher", "main"): teacher}
        np.testing.assert_array_equal(distill("owner/teacher", **RAW).table, expected)
        assert "onnx/notes.bin" not in hub.fetched

    def test_a_graph_without_its_file(self, teacher):
        spread(teacher, rows="encoder_weights.bin")
        (teacher / "onnx/encoder_weights.bin").unlink()
        with pytest.raises(
            TeacherError, match="the weights of .* in encoder_weights.bin beside it, found no"
        ):
            distill(teacher)

    def test_names_in_subgraphs_and_attributes(self, tmp_path):
        def outside(name: str, place: str) -> onnx.TensorProto:
            tensor = helper.make_tensor(name, TensorProto.FLOAT, [2], b"\0" * 8, raw=True)
            onnx.external_data_helper.set_external_data(tensor, place)
            return tensor

        output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
        constant = helper.make_node("Constant", [], ["y"], value=outside("c", "constant.bin"))
        branch = helper.make_graph([constant], "branch", [], [output], [outside("b", "branch.bin")])
        node = helper.make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=branch)
        graph = helper.make_graph([node], "g", [], [output], [outside("a", "a/b.bin")])
        (tmp_path / "model.onnx").write_bytes(helper.make_model(graph).SerializeToString())
        assert external_data_names(tmp_path / "model.onnx") == ["a/b.bin", "branch.bin", "constant.bin"]

    @pytest.mark.parametrize("content", [b"", b"\x3a\xff\xff\x03abc", b"\xff" * 20, b"\x3f"])
    def test_what_is_no_graph(self, tmp_path, content):
        (tmp_path / "model.onnx").write_bytes(content)
        with pytest.raises(M2vOnnxError, match="expected an ONNX graph in .*, found a damaged one"):
            external_data_names(tmp_path / "model.onnx")


def write_teacher_without_onnx(folder: Path, place: str, weights: dict[str, object]) -> Path:
    """Write a teacher whose transformer lies in a folder, and files of weights, by their paths."""
    write_tiny_teacher(folder)
    shutil.rmtree(folder / "onnx")
    (folder / place).mkdir(exist_ok=True)
    for name in ("config.json", "tokenizer.json", "special_tokens_map.json"):
        (folder / name).rename(folder / place / name)
    modules = [("Transformer", place), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")]
    entries = [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in modules]
    peer_cases.write_json(folder / "modules.json", entries)
    for name, content in weights.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


INDEX = {"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors", "c": "part-1.safetensors"}}


class TestWeights:
    @pytest.mark.parametrize(
        ("place", "weights", "wanted"),
        [
            ("0_Transformer", ["0_Transformer/pytorch_model.bin"], ["0_Transformer/pytorch_model.bin"]),
            (
                "",
                ["pytorch_model.bin", "2_Dense/model.safetensors"],
                ["pytorch_model.bin", "2_Dense/model.safetensors"],
            ),
            ("", ["model.safetensors", "pytorch_model.bin", "tf_model.h5"], ["model.safetensors"]),
            (
                "",
                ["pytorch_model.bin", "adapter_model.safetensors", "training_args.bin"],
                ["pytorch_model.bin"],
            ),
            (
                "0_Transformer",
                ["0_Transformer/model.safetensors", "2_Dense/pytorch_model.bin", "pytorch_model.bin"],
                ["0_Transformer/model.safetensors", "2_Dense/pytorch_model.bin"],
            ),
            ("", ["weights-of-ones-own.safetensors"], ["weights-of-ones-own.safetensors"]),
        ],
    )
    def test_what_the_modules_name_is_fetched(self, hub, tmp_path, place, weights, wanted):
        folder = write_teacher_without_onnx(tmp_path / "t", place, {name: name.encode() for name in weights})
        hub.repositories = {("owner/teacher", "main"): folder}
        local = download_teacher("owner/teacher", TeacherSource())
        assert sorted(set(hub.fetched) & set(weights)) == sorted(wanted)
        assert (local / place / "tokenizer.json").exists()

    def test_shards_are_those_of_the_index(self, hub, tmp_path):
        names = [f"0_T/part-{number}.safetensors" for number in (1, 2, 3)]
        weights = {"0_T/model.safetensors.index.json": INDEX, **{name: name.encode() for name in names}}
        folder = write_teacher_without_onnx(tmp_path / "t", "0_T", weights)
        hub.repositories = {("owner/teacher", "main"): folder}
        download_teacher("owner/teacher", TeacherSource())
        assert set(hub.fetched) & set(names) == {"0_T/part-1.safetensors", "0_T/part-2.safetensors"}

    def test_an_onnx_file_in_the_folder_of_the_transformer(self, hub, teacher, tmp_path):
        folder = tmp_path / "nested"
        shutil.copytree(teacher, folder / "0_Transformer")
        entry = {"type": "sentence_transformers.models.Transformer", "path": "0_Transformer"}
        peer_cases.write_json(folder / "modules.json", [entry])
        (folder / "0_Transformer/model.safetensors").write_bytes(b"x")
        hub.repositories = {("owner/teacher", "main"): folder}
        assert distill("owner/teacher", **RAW).dim == 4
        assert "0_Transformer/model.safetensors" not in hub.fetched

    def test_the_tokenizer_may_lie_at_the_root(self, teacher, tmp_path):
        (teacher / "0_Transformer").mkdir()
        for name in ("onnx", "config.json"):
            (teacher / name).rename(teacher / "0_Transformer" / name)
        entry = {"type": "sentence_transformers.models.Transformer", "path": "0_Transformer"}
        peer_cases.write_json(teacher / "modules.json", [entry])
        assert distill(teacher, **RAW).dim == 4

    def test_dense_comes_along_with_an_onnx_file(self, hub, teacher):
        write_modules(teacher, "Transformer", "Pooling", "Dense", Pooling={})
        rows = teacher_rows()
        peer_cases.write_dense(teacher / "2_Dense", bias=False, n_out=4)
        weight = np.eye(4, dtype=np.float32)[::-1]
        peer_cases.save_file(
            {"linear.weight": np.ascontiguousarray(weight)}, teacher / "2_Dense/model.safetensors"
        )
        hub.repositories = {("owner/teacher", "main"): teacher}
        states = rows[[3, 7, 4]] + 0.01 * np.arange(1, 4)[:, None]
        vectors = TeacherEncoder("owner/teacher").encode(["sun"])
        np.testing.assert_allclose(vectors[0], states.mean(axis=0)[::-1], rtol=1e-5)


class TestStaticModels:
    @pytest.mark.parametrize("name", ["nested", "elsewhere, with dropout", "dense with a bias, normalised"])
    def test_every_module_is_fetched(self, hub, tmp_path, name):
        peer_cases.STATIC[name](tmp_path / "m")
        (tmp_path / "m/pictures.bin").write_bytes(b"large")
        hub.repositories = {("owner/static", "main"): tmp_path / "m"}
        expected = StaticModel.from_pretrained(tmp_path / "m").encode("red fish")
        np.testing.assert_array_equal(
            StaticModel.from_pretrained("owner/static").encode("red fish"), expected
        )
        assert "pictures.bin" not in hub.fetched

    def test_a_table_that_torch_wrote(self, hub, tmp_path):
        folder = peer_cases.write_static(tmp_path / "m")
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        hub.repositories = {("owner/static", "main"): folder}
        with pytest.raises(
            FolderError, match=r"as `torch.save` writes them, in .*pytorch_model.bin, found some"
        ):
            StaticModel.from_pretrained("owner/static")


class TestWithoutTheHub:
    @pytest.fixture
    def cut_off(self, hub, monkeypatch):
        return lambda: monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")

    def test_what_is_cached_is_enough(self, hub, tmp_path, cut_off):
        peer_cases.STATIC["dense"](tmp_path / "m")
        hub.repositories = {("owner/static", "main"): tmp_path / "m"}
        expected = StaticModel.from_pretrained("owner/static").encode("red fish")
        cut_off()
        np.testing.assert_array_equal(
            StaticModel.from_pretrained("owner/static").encode("red fish"), expected
        )

    def test_a_teacher_that_is_cached_in_part(self, hub, tmp_path, cut_off):
        weights = {"model.safetensors": b"x"}
        hub.repositories = {("o/t", "main"): write_teacher_without_onnx(tmp_path / "t", "", weights)}
        local = download_teacher("o/t", TeacherSource())
        (local / "model.safetensors").unlink()
        cut_off()
        message = "all of 'o/t' in the Hub's cache, found .* without model.safetensors, and the Hub cannot be"
        with pytest.raises(TeacherError, match=message):
            download_teacher("o/t", TeacherSource())

    def test_a_graph_that_is_cached_without_its_weights(self, hub, teacher, cut_off):
        spread(teacher, rows="encoder_weights.bin")
        hub.repositories = {("o/t", "main"): teacher}
        local = download_teacher("o/t", TeacherSource())
        (local / "onnx/encoder_weights.bin").unlink()
        cut_off()
        with pytest.raises(TeacherError, match="without onnx/encoder_weights.bin, and the Hub cannot"):
            download_teacher("o/t", TeacherSource())

    def test_a_static_model_that_is_cached_in_part(self, hub, tmp_path, cut_off):
        hub.repositories = {("o/s", "main"): peer_cases.write_static(tmp_path / "m")}
        local = StaticModel.from_pretrained("o/s")
        assert local.dim == 6
        for cached in (Path(constants.HF_HUB_CACHE)).rglob("tokenizer.json"):
            cached.unlink()
        cut_off()
        with pytest.raises(FolderError, match="without tokenizer.json, and the Hub cannot be reached"):
            StaticModel.from_pretrained("o/s")

    @pytest.mark.parametrize("command", ["distill o/t OUT", "inspect o/t"])
    def test_offline_by_choice(self, tmp_path, command):
        arguments = command.replace("OUT", str(tmp_path / "out")).split()
        result = subprocess.run(
            [sys.executable, "-m", "m2v_onnx", *arguments],
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert line.endswith(
            "Hub cannot be reached (HF_HUB_OFFLINE is set): check the network, or name a folder"
        )

    @pytest.mark.parametrize("name", ["owner/-x", "a--b", "owner/name.git"])
    def test_a_name_that_cannot_be(self, hub, name):
        with pytest.raises(TeacherError, match="no repository can have this name: check the spelling"):
            download_teacher(name, TeacherSource())
