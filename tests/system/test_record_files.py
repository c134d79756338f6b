"""Files of texts in, files of vectors out."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.records import npy
from m2v_onnx.system.records.npy import write_npy
from m2v_onnx.system.records.reading import read_texts
from m2v_onnx.system.text_files import STDIN


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
        ("a.tsv", 'id\ttext\n1\t"sun\n\n2\tmo"on\r\n', ['"sun', 'mo"on']),
        ("a.csv", 'id,text\n1,sun\n2,"two\nlines, ""quoted"""\n', ["sun", 'two\nlines, "quoted"']),
    ],
)
def test_texts_are_read(tmp_path, name, content, texts):
    assert list(read_texts(write(tmp_path / name, content))) == texts


def test_another_column(tmp_path):
    path = write(tmp_path / "a.csv", "title,body\nsun,moon\n")
    assert list(read_texts(path, column="body")) == ["moon"]


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"sun\nmoon\n"))))
    assert list(read_texts(STDIN)) == ["sun", "moon"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "expected texts in .*a.txt, found an empty file"),
        ("a.jsonl", b"", "expected texts in .*a.jsonl, found an empty file"),
        ("a.csv", b"", "expected texts in .*a.csv, found an empty file"),
        ("a.txt", b"sun\nm\xff\n", "expected UTF-8 text in .*a.txt, found other bytes in line 2: convert it"),
        ("a.jsonl", b'{"text": "sun"}\n{"text"\n', "expected JSON in line 2 of .*a.jsonl"),
        (
            "a.jsonl",
            b'{"body": "sun"}\n',
            "a string in field 'text' in line 1 of .*found the fields body: .*--text-column",
        ),
        ("a.jsonl", b"[1]\n", "expected a JSON object in line 1 of .*found .1.: mend the line"),
        ("a.jsonl", b'{"text": 5}\n', "a string in field 'text' in line 1 of .*found 5: .*--text-column"),
        (
            "a.csv",
            b"title,body\nsun,moon\n",
            "expected a column 'text' in .*found title, body: .*--text-column",
        ),
        (
            "a.csv",
            b"text\rsun\r",
            "a line feed in .*a.csv, found a carriage return .* in the row of line 1: .*or put quotes around",
        ),
        (
            "a.tsv",
            b"id\ttext\r\n1\tsu\rn\r\n",
            "a line feed in .*a.tsv, found a carriage return .* line 2: make it a line feed or a space$",
        ),
        ("a.tsv", b"id\ttext\n1\n", "expected 2 fields in line 2 of .*a.tsv, found 1: mend the line"),
        (
            "a.jsonl",
            b'{"text": "sun"}\n{"text": "x\\ud800"}\n',
            "in line 2 of .*surrogate at character 1: mend",
        ),
        ("a.csv", b"id,text\n1\n", "expected 2 fields in line 2 of .*a.csv, found 1: mend the line"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path, name, content, message):
    with pytest.raises(ArgumentError, match=message):
        list(read_texts(write(tmp_path / name, content)))


@pytest.mark.parametrize("content", ['id,text\n1,"sun\n2,moon\n', '"text\nsun\n', 'text\nsun\n"moon\nstar\n'])
def test_an_open_quote_is_named_with_its_line(tmp_path, content):
    line = 1 + content[: content.index('"')].count("\n")
    with pytest.raises(ArgumentError, match=rf"found unexpected end of data in the row of line {line}: mend"):
        list(read_texts(write(tmp_path / "a.csv", content)))


def test_csv_keeps_its_own_limit_for_others(tmp_path):
    before = csv.field_size_limit()
    texts = read_texts(write(tmp_path / "a.csv", f"text\n{'x' * 200_000}\nsun\n"))
    assert len(next(texts)) == 200_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("name", ["a.txt.gz", "a.jsonl.gz", "a.csv.gz", "a.tsv.gz", "a.txt"])
def test_gzip_is_read(tmp_path, name):
    plain = {".jsonl": '{"text": "sun"}\n', ".csv": "text\nsun\n", ".tsv": "text\nsun\n"}.get(
        Path(name).with_suffix("").suffix, "sun\n"
    )
    assert list(read_texts(write(tmp_path / name, gzip.compress(plain.encode())))) == ["sun"]


@pytest.mark.parametrize("damage", [slice(0, 15), slice(0, -4)])
def test_damaged_gzip_is_named(tmp_path, damage):
    path = write(tmp_path / "a.txt.gz", gzip.compress(b"sun\n" * 99)[damage])
    with pytest.raises(ArgumentError, match=r"expected a whole gzip file in .*a.txt.gz, found a damaged one"):
        list(read_texts(path))


@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path, ending):
    path = write(tmp_path / "a.txt", "sun\n" + "x" * (1 << 24) + "y" + ending)
    with pytest.raises(
        ArgumentError, match="expected lines of up to 16 MiB in .*a.txt, found a longer one, line 2"
    ):
        list(read_texts(path))


@pytest.mark.parametrize("name", ["a.txt", "a", "a.xls"])
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(
        ArgumentError, match=f"expected to read .*{name}, found No such file or directory: check the path"
    ):
        list(read_texts(tmp_path / name))


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
    monkeypatch.setattr(npy, "_CACHED_BYTES", 20)
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
