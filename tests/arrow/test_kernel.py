"""Arrow's columns of texts to columns of vectors."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.arrow import embed_arrow, embedder
from m2v_onnx.errors import ArgumentError, FolderError, MissingExtraError
from tests.builders import tiny_model

pa = pytest.importorskip("pyarrow", reason="needs the extra arrow")

from m2v_onnx.system.records.arrow_texts import as_lists  # noqa: E402  # needs pyarrow

TEXTS = ["sun", None, "", "moon möon", "sun [PAD]", "日本 moonlight!"]
KNOWN = [text or "" for text in TEXTS]
COLUMNS = {
    "string": pa.array(TEXTS),
    "large_string": pa.array(TEXTS, pa.large_string()),
    "string_view": pa.array(TEXTS, pa.string_view()),
    "dictionary": pa.array(TEXTS).dictionary_encode(),
    "a dictionary with a null in it": pa.DictionaryArray.from_arrays(
        pa.array([3, 0, 1, 2, 4, 5], pa.int8()), pa.array([None, *KNOWN[2:4], "sun", *KNOWN[4:]])
    ),
    "chunked dictionaries": pa.chunked_array([TEXTS[:2], TEXTS[2:]]).dictionary_encode(),
    "chunked": pa.chunked_array([TEXTS[:1], [], TEXTS[1:]]),
    "sliced": pa.array(["moon", *TEXTS, "moon"]).slice(1, 6),
    "chunked and sliced": pa.chunked_array([["moon", *TEXTS[:2]], [*TEXTS[2:], "sun"]]).slice(1, 6),
}


def as_array(column) -> np.ndarray:
    return column.flatten().to_numpy().reshape(len(column), column.type.list_size)


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_column_gives_the_vectors_of_encode(model, kind):
    found = embed_arrow(model, COLUMNS[kind])
    assert found.type == pa.list_(pa.float32(), 2)
    assert found.null_count == 0
    np.testing.assert_array_equal(as_array(found), model.encode(KNOWN))


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_null_becomes_a_null_on_request(model, kind):
    found = embed_arrow(model, COLUMNS[kind], nulls="null")
    assert found.to_pylist() == [
        None if text is None else vector
        for text, vector in zip(TEXTS, model.encode(KNOWN).tolist(), strict=True)
    ]


@pytest.mark.parametrize("n_threads", [None, 1, 3])
def test_many_rows_stay_in_their_order(model, n_threads):
    texts = [f"sun {'moon ' * (row % 7)}" for row in range(20_000)]
    found = embed_arrow(model, pa.chunked_array([texts[:9000], texts[9000:]]), n_threads=n_threads)
    np.testing.assert_array_equal(as_array(found), model.encode(texts))


@pytest.mark.parametrize(
    "column", [pa.array([], pa.string()), pa.chunked_array([], pa.string()), pa.nulls(3)]
)
def test_nothing_is_a_column_too(model, column):
    assert embed_arrow(model, column).to_pylist() == [[0, 0]] * len(column)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["sun"], "column must be a pyarrow Array or ChunkedArray, found list: pass a column"),
        (pa.table({"text": ["sun"]}), "column must be a pyarrow Array or ChunkedArray, found Table"),
        (pa.array([1]), "column must hold texts, found int64: pass another, or cast it"),
        (pa.array([b"sun"]), "column must hold texts, found binary"),
        (pa.array([["sun"]]), "column must hold texts, found list<item: string>"),
        (pa.array([1, 2]).dictionary_encode(), "column must hold texts, found dictionary<values=int64"),
    ],
)
def test_what_holds_no_texts_is_named(model, column, message):
    with pytest.raises(ArgumentError, match=message):
        embed_arrow(model, column)


def test_bytes_that_are_no_utf_8_are_named(model):
    column = pa.array([b"sun"] * 9000 + [b"m\xffn"]).view(pa.string())
    with pytest.raises(ArgumentError, match="must hold UTF-8, found other bytes in rows 8,192 to 9,001"):
        embed_arrow(model, column)


@pytest.mark.parametrize("options", [{"nulls": "nan"}, {"n_threads": 0}])
def test_options_are_checked(model, options):
    with pytest.raises(ArgumentError, match=next(iter(options))):
        embed_arrow(model, pa.array(["sun"]), **options)
    with pytest.raises(ArgumentError, match=next(iter(options))):
        embedder("model", **options)


def test_the_output_is_no_copy():
    vectors = np.ones((3, 2), np.float32)
    assert as_lists(vectors).flatten().buffers()[1].address == vectors.ctypes.data


def test_an_embedder_goes_by_name(folder, model, monkeypatch):
    monkeypatch.chdir(folder.parent)
    embed = embedder("model", n_threads=1)
    monkeypatch.chdir("/")
    again = pickle.loads(pickle.dumps(embed))
    assert again == embed
    assert len(pickle.dumps(embed)) < 500
    np.testing.assert_array_equal(as_array(again(pa.array(KNOWN))), model.encode(KNOWN))
    assert (embed.dim, again.model is embed.model) == (2, True)


def test_an_embedder_has_its_options(tmp_path):
    tiny_model(normalize=True).save_pretrained(tmp_path / "m", precisions=("fp32", "int8"))
    int8 = StaticModel.from_pretrained(tmp_path / "m", precision="int8")
    embed = embedder(tmp_path / "m", precision="int8", nulls="null")
    found = embed(pa.array(["sun moon", None]))
    np.testing.assert_array_equal(found[0].as_py(), int8.encode("sun moon"))
    assert found[1].as_py() is None


def test_a_folder_that_a_worker_cannot_see_is_named(folder):
    embed = embedder(folder)
    folder.rename(folder.with_name("gone"))
    with pytest.raises(
        FolderError, match="expected the model's folder .*model on every machine, found none on"
    ):
        embed(pa.array(["sun"]))


def test_a_missing_pyarrow_names_the_extra(folder, monkeypatch):
    monkeypatch.setattr("m2v_onnx.errors.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "m2v-onnx\[arrow\]"'):
        embedder(folder)(["sun"])


def test_the_room_is_imported_without_pyarrow():
    code = "import sys, m2v_onnx.arrow, m2v_onnx.arrow.files; print('pyarrow' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "False\n"
