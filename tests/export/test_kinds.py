"""A kind of graph is one record, and what graphs are built from goes when they are built."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import onnx

from m2v_onnx.export.kinds import GRAPH_KINDS, GraphKind
from m2v_onnx.export.sources import GraphSources
from m2v_onnx.export.verification import verify_folder
from tests.builders import tiny_model


def add_kind(monkeypatch, build, **options) -> None:
    kind = GraphKind("model_new", "a kind that nothing else knows", build, GRAPH_KINDS["ids"].feed, **options)
    monkeypatch.setitem(GRAPH_KINDS, "new", kind)


def test_a_new_kind_is_written_described_and_verified(monkeypatch, tmp_path):
    add_kind(monkeypatch, GRAPH_KINDS["ids"].build)
    tiny_model().save_pretrained(tmp_path / "m", graphs=("new",), precisions=("fp32", "int8"))
    reports = list(verify_folder(tmp_path / "m"))
    assert [(report.file, report.graph, report.problem) for report in reports] == [
        ("onnx/model_new.onnx", "new", None),
        ("onnx/model_new_quantized.onnx", "new", None),
    ]
    card = (tmp_path / "m/README.md").read_text()
    assert "| `onnx/model_new_quantized.onnx` | a kind that nothing else knows; int8 |" in card


def test_a_kind_is_held_to_the_result_that_it_promises(monkeypatch, tmp_path):
    add_kind(monkeypatch, GRAPH_KINDS["ids"].build, result="token vectors")
    tiny_model().save_pretrained(tmp_path / "m", graphs=("new",), precisions=("fp32",))
    [report] = verify_folder(tmp_path / "m")
    assert report.problem.startswith("expected other hidden states, found a difference of")


def test_a_kind_without_a_table_has_one_file(monkeypatch, tmp_path):
    add_kind(monkeypatch, GRAPH_KINDS["tokenizer"].build, result="token ids")
    tiny_model().save_pretrained(tmp_path / "m", graphs=("new",), precisions=("fp32", "int8"))
    assert [path.name for path in (tmp_path / "m/onnx").iterdir()] == ["model_new.onnx"]


def n_long_lists() -> int:
    """Count the lists that could hold something for each character of Unicode."""
    gc.collect()
    return sum(type(found) is list and len(found) > 1_000_000 for found in gc.get_objects())


def test_tables_are_made_once_and_freed_with_their_sources():
    before = n_long_lists()
    sources = GraphSources(tiny_model())
    graphs = [GRAPH_KINDS[name].build(sources, "fp32") for name in ("text", "codepoints")]
    tables = weakref.ref(sources.tables)
    assert tables() is sources.tables
    del sources
    assert n_long_lists() == before
    assert tables() is None
    for graph in graphs:
        onnx.checker.check_model(graph.to_proto())


def test_ids_need_no_tables():
    sources = GraphSources(tiny_model())
    GRAPH_KINDS["ids"].build(sources, "fp32")
    GRAPH_KINDS["tokens"].build(sources, "fp32")
    assert "tables" not in vars(sources)


def test_feeds_of_code_points_are_padded():
    feeds = GRAPH_KINDS["codepoints"].feed(["ab", "é"], [[2], [3]])
    np.testing.assert_array_equal(feeds["codepoints"], [[97, 98], [233, 0]])
