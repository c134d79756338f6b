"""Files of texts in, files of vectors out."""

from __future__ import annotations

import io
import os
import sys

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.runtime import files
from m2v_onnx.runtime.files import STDIN, read_texts, write_npy


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.txt", "sun\nmoon", ["sun", "moon"]),
        ("a.txt", "\ufeffsun\r\n\n  moon  \n", ["sun", "", "  moon  "]),
        ("a.txt", "sun\u2028moon\rstar\x0c\n", ["sun\u2028moon\rstar\x0c"]),
        ("a.jsonl", '{"text": "sun"}\n{"text": "mo\\non", "n": 1}\n', ["sun", "mo\non"]),
        ("a.jsonl", '{"text": "sun"}\n\n', ["sun"]),
        ("a.csv", 'id,text\n1,sun\n2,"two\nlines, ""quoted"""\n', ["sun", 'two\nlines, "quoted"']),
    ],
)
def test_texts_are_read(tmp_path, name, content, texts):
    assert list(read_texts(write(tmp_path / name, content))) == texts


def test_another_column(tmp_path):
    path = write(tmp_path / "a.csv", "title,body\nsun,moon\n")
    assert list(read_texts(path, column="body")) == ["moon"]


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"sun\nmoon\n")))
    assert list(read_texts(STDIN)) == ["sun", "moon"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "expected texts in .*a.txt, found an empty file"),
        ("a.jsonl", b"", "expected texts in .*a.jsonl, found an empty file"),
        ("a.csv", b"", "expected texts in .*a.csv, found an empty file"),
        ("a.txt", b"sun\nm\xff\n", "expected UTF-8 text in .*a.txt, found other bytes in line 2: convert it"),
        ("a.jsonl", b'{"text": "sun"}\n{"text"\n', "expected a JSON object in line 2 of .*a.jsonl"),
        ("a.jsonl", b'{"body": "sun"}\n', "a string in field 'text' in line 1 of .*found None.*--column"),
        ("a.jsonl", b"[1]\n", "a string in field 'text' in line 1 of"),
        ("a.csv", b"title,body\nsun,moon\n", "expected a column 'text' in .*found title, body.*--column"),
        ("a.csv", b"text\rsun\r", "expected CSV in .*a.csv, found new-line character"),
        ("a.csv", b"id,text\n1\n", "expected a value for column 'text' in line 2 of"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path, name, content, message):
    with pytest.raises(ArgumentError, match=message):
        list(read_texts(write(tmp_path / name, content)))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ArgumentError, match=r"expected a file of texts at .*a.txt, found No such file"):
        list(read_texts(tmp_path / "a.txt"))


def test_vectors_are_written_as_numpy_reads_them(tmp_path, model):
    texts = ["sun", "moon", "comet"] * 3000
    blocks = list(model.encode_stream(texts))
    assert len(blocks) > 1
    assert write_npy(tmp_path / "v.npy", blocks, dim=2) == 9000
    loaded = np.load(tmp_path / "v.npy", mmap_mode="r")
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, model.encode(texts))


@pytest.mark.parametrize("can_let_go", [True, False])
def test_a_large_npy_does_not_fill_the_page_cache(tmp_path, monkeypatch, can_let_go):
    calls = []
    monkeypatch.setattr(files, "_CACHED_BYTES", 20)
    monkeypatch.setattr(os, "posix_fadvise", lambda *arguments: calls.append(arguments), raising=False)
    if not can_let_go:
        monkeypatch.delattr(os, "posix_fadvise")
    blocks = np.arange(24, dtype=np.float32).reshape(6, 2, 2)  # 16 bytes each
    write_npy(tmp_path / "v.npy", blocks, dim=2)
    assert len(calls) == (3 if can_let_go else 0)
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), blocks.reshape(12, 2))


def test_no_vectors_are_an_array_too(tmp_path):
    assert write_npy(tmp_path / "v.npy", [], dim=2) == 0
    assert np.load(tmp_path / "v.npy").shape == (0, 2)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ArgumentError, match="expected a folder for v.npy at .*nowhere, found none"):
        write_npy(tmp_path / "nowhere" / "v.npy", [], dim=2)


def test_an_error_half_way_leaves_the_old_file(tmp_path, model):
    write_npy(tmp_path / "v.npy", [model.encode(["sun"])], dim=2)

    def blocks():
        yield model.encode(["moon"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_npy(tmp_path / "v.npy", blocks(), dim=2)
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), [[3, 4]])
    assert [path.name for path in tmp_path.iterdir()] == ["v.npy"]
