"""Columns of tables of texts."""

from __future__ import annotations

import gzip

import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.training.command import Columns, Labelled, check_test, read_labelled
from m2v_onnx.training.data_files import read_columns

NAMES = {"text": "--text-column", "label": "--label-column"}


def write(tmp_path, name, content):
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(content.encode()))
    else:
        path.write_text(content, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,label,text\r\n1,x,"a, ""b""\nc"\r\n\r\n2,y,\r\n'),
        ("a.csv.gz", 'label,text\nx,"a, ""b""\nc"\ny,""\n'),
        ("a.jsonl", '{"text": "a, \\"b\\"\\nc", "label": "x"}\n\n{"label": "y", "text": ""}\n'),
    ],
)
def test_the_same_rows_of_every_form(tmp_path, name, content):
    found = read_columns(write(tmp_path, name, content), NAMES)
    assert found == {"text": ['a, "b"\nc', ""], "label": ["x", "y"]}


def test_tsv_has_no_quotes(tmp_path):
    path = write(tmp_path, "a.tsv", 'label\ttext\nx\t"a" b\ny\t"c\n')
    assert read_columns(path, NAMES) == {"text": ['"a" b', '"c'], "label": ["x", "y"]}


def test_types_of_json_stay(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": true}\n')
    assert [type(label) for label in read_labelled(path, Columns(), "single_label").labels] == [int, bool]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,label\n", "expected rows in .*a.csv, found none"),
        ("a.csv", "", "expected rows in .*a.csv, found none"),
        (
            "a.csv",
            "text,topic\na,x\n",
            "expected a column 'label' in .*a.csv, found text, topic: name another with --label-column",
        ),
        ("a.csv", "text,label,label\na,x,y\n", "expected a column 'label' in .*a.csv, found two of them"),
        ("a.csv", "text,label\na,x\nb\n", "expected 2 fields in line 3 of .*, found 1"),
        ("a.csv", "text,label\na,x,y\n", "expected 2 fields in line 2 of .*, found 3"),
        ("a.csv", 'text,label\n"a,x\n', "expected a table in .*a.csv, found .*a quote may be open"),
        ("a.csv", "text,label\na,x\nb,\n", "expected a label for column 'label' in line 3 of .*, found none"),
        ("a.jsonl", '{"text": "a", "label": null}', "expected a label for column 'label' in line 1"),
        ("a.jsonl", '{"text": "a"}', "expected a column 'label' in line 1 of .*, found text"),
        ("a.jsonl", '{"text": ["a"], "label": 1}', "expected a text for column 'text' in line 1"),
        ("a.jsonl", '{"text": "a", "label": ["x"]}', "expected one label .--multi-label takes several. for"),
        ("a.jsonl", '{"text": "a", "label": 0.5}', "whole number .--regression takes numbers. for column"),
        (
            "a.jsonl",
            '{"text": "a", "label": {"x": 1}}',
            "expected a text or a whole number for column 'label'",
        ),
        ("a.csv", "text,label\na, \n", "expected a label for column 'label' in line 2"),
        (
            "a.jsonl",
            '{"text": "\\ud800", "label": 1}',
            "valid Unicode in field 'text' in line 1 of .*a.jsonl",
        ),
        (
            "a.tsv",
            "text\tlabel\na\rb\tx\n",
            "in .*a.tsv, found a carriage return .* in the row of line 2: make",
        ),
        ("a.jsonl", "[1]", "expected a JSON object in line 1"),
        ("a.jsonl", "{", "expected JSON in line 1"),
        ("a.txt", "a", "expected a file that ends in .csv, .tsv, .jsonl, .parquet, .arrow"),
    ],
)
def test_what_is_missing_is_named_by_its_line(tmp_path, name, content, message):
    with pytest.raises(ArgumentError, match=message):
        read_labelled(write(tmp_path, name, content), Columns(), "single_label")


def test_parquet_is_read_by_columns_and_keeps_types(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    labels = pa.array([1, None, 3])
    columns = {
        "other": [[1], [2], [3]],
        "label": labels,
        "text": pa.array(["a", "b", "a"]).dictionary_encode(),
    }
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns).slice(0, 1), path)
    assert read_labelled(path, Columns(), "single_label") == (["a"], [1])
    pq.write_table(pa.table(columns), path, row_group_size=1)
    with pytest.raises(ArgumentError, match="expected a label for column 'label' in row 2 of .*a.parquet"):
        read_labelled(path, Columns(), "single_label")
    with pytest.raises(ArgumentError, match="expected texts in column 'other' of .*a.parquet, found list<"):
        read_columns(path, {"other": "--text-column", "label": "--label-column"})
    path.write_bytes(b"PAR1")
    with pytest.raises(ArgumentError, match="expected to read .*a.parquet, found"):
        read_columns(path, NAMES)


def test_a_missing_file_and_a_damaged_one(tmp_path):
    for name in ("none.csv", "none.xls", "none"):
        with pytest.raises(ArgumentError, match=f"expected to read .*{name}, found No such file"):
            read_columns(tmp_path / name, NAMES)
    (tmp_path / "b.csv").write_bytes(b"text,label\n\xff,x\n")
    with pytest.raises(ArgumentError, match="expected UTF-8 text in .*b.csv, found other bytes in line 2"):
        read_columns(tmp_path / "b.csv", NAMES)


def test_labels_that_are_numbers_with_a_fraction(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\na,1.0\nb,0.25\nc,3\n")
    with pytest.raises(
        ArgumentError, match="whole numbers in .*a.csv, found '0.25' in row 2, .*--regression"
    ):
        read_labelled(path, Columns(), "single_label")
    for labels in (("1.0", "2.0"), ("0.25", "few")):
        path = write(tmp_path, "a.csv", f"text,label\na,{labels[0]}\nb,{labels[1]}\n")
        assert read_labelled(path, Columns(), "single_label").labels == list(labels)


def test_labels_by_problem(tmp_path):
    path = write(tmp_path, "a.csv", "t,l\na,x; y\nb,\n")
    columns = Columns("t", "l", ";")
    assert read_labelled(path, columns, "multi_label") == (["a", "b"], [["x", "y"], []])
    lists = write(tmp_path, "l.csv", 't,l\na,"[""x; z"", ""y""]"\nb,[]\n')
    assert read_labelled(lists, columns, "multi_label").labels == [["x; z", "y"], []]
    lists = write(tmp_path, "p.csv", """t,l\na,"['x', 'y']"\n""")
    with pytest.raises(ArgumentError, match="labels with ';' between them, or a list of JSON .*line 2"):
        read_labelled(lists, columns, "multi_label")
    numbers = write(tmp_path, "n.csv", "t,l\na,1\nb,-2.5e0\n")
    assert read_labelled(numbers, columns, "regression").labels == [1.0, -2.5]
    with pytest.raises(ArgumentError, match="expected a number for column 'l' in line 2 .*found 'x; y'"):
        read_labelled(write(tmp_path, "a.csv", "t,l\na,x; y\nb,z\n"), columns, "regression")


@pytest.mark.parametrize("value", ["nan", "inf", "1_000", "١", "1e39", "", "0x1"])
def test_what_is_no_number_is_none(tmp_path, value):
    path = write(tmp_path, "a.csv", f'text,label\na,"{value}"\n')
    with pytest.raises(ArgumentError, match="expected a number .*for column 'label' in line 2 of .*a.csv"):
        read_labelled(path, Columns(), "regression")


def test_numbers_of_json(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a", "label": -2}\n{"text": "a", "label": 1.5}\n')
    assert read_labelled(path, Columns(), "regression").labels == [-2.0, 1.5]
    for value in ("true", "NaN", "1" + "0" * 400):
        path = write(tmp_path, "b.jsonl", f'{{"text": "a", "label": {value}}}\n')
        with pytest.raises(ArgumentError, match="expected .* in line 1"):
            read_labelled(path, Columns(), "regression")


def test_one_column_is_not_both(tmp_path):
    path = write(tmp_path, "a.csv", "text\na\n")
    with pytest.raises(ArgumentError, match="expected two columns, found 'text' for text and label"):
        read_labelled(path, Columns("text", "text"), "single_label")


def test_a_test_file_with_new_labels_or_old_texts(caplog):
    train = Labelled(["a", "b", "c"], ["x", "y", "x"])
    with pytest.raises(ArgumentError, match="found 'z' in row 1 of the test file"):
        check_test(Labelled(["a", "d"], ["x", "z"]), train, "single_label", allow_unseen=False)
    assert "1 texts of the test file were learned from, too" in caplog.text
    check_test(Labelled(["d"], ["z"]), train, "single_label", allow_unseen=True)
    with pytest.raises(ArgumentError, match="found False in row 0 of the test file"):
        check_test(Labelled(["d"], [False]), Labelled(["a"], [0]), "single_label", allow_unseen=False)
    several = Labelled(["a", "b"], [["x"], []])
    with pytest.raises(ArgumentError, match="found 'z' in row 0"):
        check_test(Labelled(["d"], [["x", "z"]]), several, "multi_label", allow_unseen=False)
