"""Teachers that are several models behind a Router, of which one route is taken."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.distill import distill
from m2v_onnx.errors import FolderError, TeacherError
from m2v_onnx.folder.sentence_transformers import read_description
from m2v_onnx.teacher.encoder import TeacherEncoder
from m2v_onnx.teacher.loading import load_teacher
from m2v_onnx.teacher.options import TeacherSource
from tests import peer_cases
from tests.builders import replace_json, teacher_rows, tiny_teacher_graph, write_tiny_teacher

RAW = {"recipe": "model2vec-0.10", "pca_dims": None, "weighting": "none", "normalize": False}
STRUCTURE = {"query": ["q_0_Transformer", "q_1_Pooling"], "document": ["d_0_Transformer"]}


@pytest.fixture
def routed(tmp_path):
    """Give a folder as sentence-transformers 6 saves it; the hidden states of documents have 3 numbers."""
    folder = tmp_path / "routed"
    write_tiny_teacher(folder / "q_0_Transformer")
    peer_cases.write_json(folder / "q_1_Pooling/config.json", {"pooling_mode": "max"})
    write_tiny_teacher(folder / "d_0_Transformer", tiny_teacher_graph(3))
    replace_json(folder / "d_0_Transformer/config.json", hidden_size=3)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.router.Router"}
    ]
    peer_cases.write_json(folder / "modules.json", modules)
    types = {m: f"sentence_transformers.models.{m[4:]}" for ids in STRUCTURE.values() for m in ids}
    parameters = {"default_route": "document", "allow_empty_key": True, "route_mappings": {}}
    content = {"types": types, "structure": STRUCTURE, "parameters": parameters}
    peer_cases.write_json(folder / "router_config.json", content)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder


def route(name: str | None) -> TeacherSource:
    return TeacherSource(router_path=name)


@pytest.mark.parametrize(("name", "width"), [("query", 4), ("document", 3), (None, 3)])
def test_the_table_is_that_of_one_route(routed, name, width):
    model = distill(routed, source=route(name), **RAW)
    sun = teacher_rows(width)[[3, 7, 4]] + 0.01 * np.arange(1, 4)[:, None]
    row = model.table[model.tokenizer.get_vocab()["sun"]]
    np.testing.assert_allclose(row, sun.mean(axis=0), rtol=1e-5)


def test_a_route_that_nobody_chose_is_said(routed, caplog):
    distill(routed, **RAW)
    said = "of its routes, 'document' is distilled: router_path (--router-path) takes query"
    assert said in caplog.text
    caplog.clear()
    distill(routed, source=route("document"), **RAW)
    assert caplog.text == ""
    distill(routed, source=route("query"), **RAW)
    assert "pools by max" in caplog.text  # which is said of this route alone


def test_its_own_vectors_are_those_of_the_default(routed):
    replace_json(routed / "router_config.json", parameters={"default_route": "query"})
    states = teacher_rows()[[3, 7, 4]] + 0.01 * np.arange(1, 4)[:, None]
    np.testing.assert_allclose(TeacherEncoder(routed).encode(["sun"])[0], states.max(axis=0), rtol=1e-5)


def test_an_onnx_file_beside_the_router_belongs_to_no_route(routed):
    shutil.copytree(routed / "d_0_Transformer/onnx", routed / "onnx")
    found = load_teacher(routed, route("query")).onnx_path
    assert found == routed / "q_0_Transformer/onnx/model.onnx"


@pytest.mark.parametrize("place", ["", "0_Router"])
def test_modules_around_a_router(routed, place):
    if place:
        (routed / place).mkdir()
        for path in [*routed.glob("?_?_*"), routed / "router_config.json"]:
            path.rename(routed / place / path.name)
    entries = [("Router", place), ("Normalize", "1_Normalize")]
    peer_cases.write_json(routed / "modules.json", [{"type": f"x.{k}", "path": path} for k, path in entries])
    description = read_description(routed, router_path="query")
    assert description.kinds == ["Transformer", "Pooling", "Normalize"]
    assert description.transformer_folder == routed / place / "q_0_Transformer"
    assert description.pooling.modes == ("max",)


def test_what_is_fetched_is_the_route(routed, hub):
    hub.repositories = {("o/routed", "main"): routed}
    model = distill("o/routed", source=route("query"), **RAW)
    assert model.dim == 4
    assert [name for name in hub.fetched if name.endswith(".onnx")] == ["q_0_Transformer/onnx/model.onnx"]


def test_a_static_route_comes_from_the_hub(hub, tmp_path):
    routes = {"query": ["StaticEmbedding", "Dense"], "document": ["StaticEmbedding"]}
    folder = peer_cases.write_router(tmp_path / "m", routes, default_route="query")
    hub.repositories = {("o/static", "main"): folder}
    expected = StaticModel.from_pretrained(folder).encode("red fish")
    np.testing.assert_array_equal(StaticModel.from_pretrained("o/static").encode("red fish"), expected)


def test_a_static_route_that_nobody_chose_is_said(tmp_path, caplog):
    routes = {"query": ["StaticEmbedding"], "document": ["StaticEmbedding"]}
    StaticModel.from_pretrained(peer_cases.write_router(tmp_path / "m", routes))
    assert "of its routes, 'query' is read, and not document" in caplog.text


def test_a_transformer_is_no_static_route(routed):
    with pytest.raises(FolderError, match="a transformer wants `m2v-onnx distill` first"):
        StaticModel.from_pretrained(routed)


@pytest.mark.parametrize(
    ("changes", "name", "error", "message"),
    [
        ({}, "passage", FolderError, "among query, document of .*router_config.json, found 'passage': name"),
        (
            {"structure": {}},
            None,
            FolderError,
            "a route among none of .*router_config.json, found 'document'",
        ),
        (
            {"parameters": {"route_mappings": {"('query', 'text')": "query"}}},
            *(None, FolderError, r"among query, document of .*, found no default: .*--router-path"),
        ),
        ({"parameters": {"allow_empty_key": False}}, None, FolderError, "found no default: name one as"),
        ({"parameters": {"default_route": "a"}}, None, FolderError, "among query, document of .*, found 'a'"),
        ({"types": {}}, "query", FolderError, "route 'query' in .* must be a list of modules with types"),
        ({"structure": {"query": 3}}, "query", FolderError, "must be a list of modules with types, found 3"),
        ({"structure": []}, "query", FolderError, "structure in .*router_config.json must be an object"),
        (
            {"structure": {"query": ["../x"]}, "types": {"../x": "x.Pooling"}},
            *("query", FolderError, "path of a module in .* must lie in its folder, found '../x'"),
        ),
        (
            {"structure": {"query": ["q_1_Pooling"], "document": ["d_0_Transformer"]}},
            *("query", TeacherError, "found Pooling: try --router-path document"),
        ),
        (
            {"structure": {"query": ["r"]}, "types": {"r": "x.Router"}},
            *("query", TeacherError, "expected a Transformer among .*, found Router"),
        ),
    ],
)
def test_routes_that_cannot_be_taken(routed, changes, name, error, message):
    replace_json(routed / "router_config.json", **changes)
    with pytest.raises(error, match=message):
        load_teacher(routed, route(name))


def test_a_router_without_its_file(routed):
    (routed / "router_config.json").unlink()
    with pytest.raises(
        FolderError, match="expected router_config.json of the Router in .*routed, found none: fetch the"
    ):
        load_teacher(routed)


def test_a_teacher_without_a_router(teacher):
    with pytest.raises(FolderError, match="a Router in .* for router_path 'query', found none: leave"):
        load_teacher(teacher, route("query"))


def test_on_the_command_line(routed, tmp_path):
    command = [sys.executable, "-m", "m2v_onnx", "distill", str(routed), str(tmp_path / "out")]
    options = ["--router-path", "query", "--pca-dims", "none", "--json"]
    result = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout)["dim"] == 4
