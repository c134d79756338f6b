"""Files of records in, the same records with their vectors out: `encode` as a user runs it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx.arrow.files import Wanted, embed_file, plan_files
from m2v_onnx.errors import ArgumentError, FolderError, M2vOnnxError
from tests.faults.test_outputs import files_of_at_most, names

pa = pytest.importorskip("pyarrow", reason="needs the extra arrow")
pq = pytest.importorskip("pyarrow.parquet")

ROWS = [
    {"id": 7, "text": "sun", "tags": ["a"], "when": 1.5},
    {"id": 8, "text": None, "tags": [], "when": None},
    {"id": 9, "text": 'möon, "x"\nsun', "tags": None, "when": 2.0},
]
VECTORS = [[3, 4], [0, 0], [1.5, 3]]
TABLE = pa.Table.from_pylist(ROWS)


def embed(model, source, output, **wanted):
    """Embed one file; give its counts."""
    (job,) = plan_files([source], output, Wanted(**wanted))
    return embed_file(model, job)


def write(path, table=TABLE):
    """Write records in the format of a name."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    else:
        lines = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
        path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".gz" else lines.encode())
    return path


def write_ipc(path, table):
    """Write columns as they are: Parquet knows fewer types."""
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    return path


def read(path):
    """Give the records of a file that was written."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".arrow":
        return pa.ipc.open_file(path).read_all().to_pylist()
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return [json.loads(line) for line in lines.splitlines()]


def run(*arguments, stdin=b""):
    command = [sys.executable, "-m", "m2v_onnx", "encode", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


FORMATS = ["parquet", "arrow", "jsonl", "jsonl.gz"]


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_every_column_is_kept(tmp_path, model, source, target):
    counts = embed(model, write(tmp_path / f"in.{source}"), tmp_path / f"out.{target}")
    assert (counts.n_records, counts.n_nulls) == (3, 1)
    expected = [{**row, "embedding": vector} for row, vector in zip(ROWS, VECTORS, strict=True)]
    assert read(tmp_path / f"out.{target}") == expected
    assert names(tmp_path) == sorted({f"in.{source}", f"out.{target}"})


@pytest.mark.parametrize("target", ["parquet", "arrow", "jsonl"])
def test_csv_keeps_its_texts(tmp_path, model, target):
    (tmp_path / "in.csv").write_text('id,text\n007,"sun\nmoon"\n,\n')
    embed(model, tmp_path / "in.csv", tmp_path / f"out.{target}")
    assert read(tmp_path / f"out.{target}") == [
        {"id": "007", "text": "sun\nmoon", "embedding": [1.5, 3]},
        {"id": "", "text": "", "embedding": [0, 0]},
    ]


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz"])
def test_csv_is_written_as_it_is_read(tmp_path, model, name):
    embed(model, write(tmp_path / "in.parquet"), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    text = (gzip.decompress(content) if name.endswith("gz") else content).decode()
    assert list(csv.reader(io.StringIO(text))) == [
        ["id", "text", "tags", "when", "embedding"],
        ["7", "sun", '["a"]', "1.5", "[3, 4]"],
        ["8", "", "[]", "", "[0, 0]"],
        ["9", 'möon, "x"\nsun', "", "2.0", "[1.5, 3]"],
    ]


def test_lines_of_text_become_lines_of_numbers(tmp_path, model):
    (tmp_path / "in.txt").write_text("sun\n\nmoon\n")
    embed(model, tmp_path / "in.txt", tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == "3 4\n0 0\n0 2\n"
    embed(model, tmp_path / "in.txt", tmp_path / "out.parquet", text_column="body")
    assert read(tmp_path / "out.parquet")[2] == {"body": "moon", "embedding": [0, 2]}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "txt"])
def test_nine_digits_give_the_same_float32(tmp_path, model, kind):
    texts = [f"sun {'moon ' * n}" for n in range(99)]
    (tmp_path / "in.txt").write_text("\n".join(texts))
    embed(model, tmp_path / "in.txt", tmp_path / f"out.{kind}")
    written = (tmp_path / f"out.{kind}").read_text()
    if kind == "jsonl":
        found = [json.loads(line)["embedding"] for line in written.splitlines()]
    elif kind == "csv":
        found = [json.loads(row["embedding"]) for row in csv.DictReader(io.StringIO(written))]
    else:
        found = np.loadtxt(io.StringIO(written))
    np.testing.assert_array_equal(np.array(found, np.float32), model.encode(texts))


@pytest.mark.parametrize("kind", ["parquet", "arrow", "npy"])
def test_half_precision(tmp_path, model, kind):
    embed(model, write(tmp_path / "in.jsonl"), tmp_path / f"out.{kind}", dtype="float16")
    if kind == "npy":
        found = np.load(tmp_path / "out.npy")
        assert found.dtype == np.float16
    else:
        path = tmp_path / f"out.{kind}"
        table = pq.read_table(path) if kind == "parquet" else pa.ipc.open_file(path).read_all()
        assert table.schema.field("embedding").type == pa.list_(pa.float16(), 2)
        found = table["embedding"].to_pylist()
    np.testing.assert_array_equal(np.asarray(found, np.float16), np.array(VECTORS, np.float16))


def test_columns_are_chosen_and_named(tmp_path, model):
    table = TABLE.rename_columns(["id", "body", "embedding", "when"])
    for name in ("in.parquet", "in.jsonl", "in.arrow"):
        wanted = {"columns": ("when", "id"), "text_column": "body", "embedding_column": "v"}
        embed(model, write(tmp_path / name, table), tmp_path / "out.parquet", if_there="replace", **wanted)
        assert list(read(tmp_path / "out.parquet")[0].items()) == [("when", 1.5), ("id", 7), ("v", [3, 4])]


def test_parquet_has_vectors_without_dictionary_statistics_and_compression(tmp_path, model):
    embed(model, write(tmp_path / "in.parquet"), tmp_path / "out.parquet")
    group = pq.ParquetFile(tmp_path / "out.parquet").metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    vectors = columns.pop("embedding.list.element")
    assert (vectors.compression, vectors.has_dictionary_page, vectors.is_stats_set) == (
        "UNCOMPRESSED",
        False,
        False,
    )
    for other in columns.values():
        assert (other.compression, other.has_dictionary_page, other.is_stats_set) == ("SNAPPY", True, True)


def test_types_and_metadata_stay(tmp_path, model):
    schema = pa.schema(
        [
            pa.field("text", pa.large_string(), nullable=False, metadata={b"a": b"b"}),
            pa.field("n", pa.decimal128(9, 2)),
            pa.field("day", pa.date32()),
        ],
        {b"mine": b"1", b"huggingface": b"{}"},
    )
    table = pa.Table.from_pylist([{"text": "sun", "n": 1, "day": None}], schema)
    embed(model, write(tmp_path / "in.parquet", table), tmp_path / "out.parquet")
    found = pq.read_schema(tmp_path / "out.parquet")
    assert found.remove(3).equals(schema.with_metadata({b"mine": b"1"}), check_metadata=True)
    embed(model, tmp_path / "in.parquet", tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl") == [{"text": "sun", "n": "1.00", "day": None, "embedding": [3, 4]}]


def test_numbers_that_json_does_not_know(tmp_path, model):
    columns = {"text": ["sun"], "x": [float("nan")], "y": [[1.5, float("-inf")]], "z": [{"a": float("inf")}]}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    embed(model, tmp_path / "in.parquet", tmp_path / "out.jsonl")
    expected = {"text": "sun", "x": None, "y": [1.5, None], "z": {"a": None}, "embedding": [3, 4]}
    assert read(tmp_path / "out.jsonl") == [expected]
    embed(model, tmp_path / "in.parquet", tmp_path / "out.csv", columns=("x",))
    assert (tmp_path / "out.csv").read_text() == 'x,embedding\nnan,"[3, 4]"\n'
    maps = pa.array([[("a", float("nan"))]], pa.map_(pa.string(), pa.float64()))
    pq.write_table(pa.table({"text": ["sun"], "x": maps}), tmp_path / "in.parquet")
    embed(model, tmp_path / "in.parquet", tmp_path / "out.jsonl", if_there="replace")
    assert read(tmp_path / "out.jsonl") == [{"text": "sun", "x": [["a", None]], "embedding": [3, 4]}]


NANOSECONDS = pa.timestamp("ns")
TIMES = [
    (1, NANOSECONDS, "1970-01-01T00:00:00.000000001"),
    (1000, NANOSECONDS, "1970-01-01T00:00:00.000001"),
    (1, pa.timestamp("ns", "Europe/Berlin"), "1970-01-01T00:00:00.000000001Z"),
    (1, pa.timestamp("s", "Nowhere/Land"), "1970-01-01T00:00:01Z"),
    (253_402_300_800_000, pa.timestamp("ms"), "10000-01-01T00:00:00.000"),
    (10**17, pa.timestamp("s"), f"<value out of range: {10**17}>"),
    (1, pa.time64("ns"), "00:00:00.000000001"),
    (10**17, pa.duration("s"), f"{10**17} s"),
]


@pytest.mark.parametrize(("value", "kind", "text"), TIMES)
@pytest.mark.parametrize("target", ["jsonl", "csv"])
def test_times_that_python_cannot_hold(tmp_path, model, value, kind, text, target):
    table = pa.table({"text": ["sun", "moon"], "when": pa.array([value, None], pa.int64()).view(kind)})
    embed(model, write_ipc(tmp_path / "in.arrow", table), tmp_path / f"out.{target}")
    if target == "csv":
        rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    else:
        rows = read(tmp_path / "out.jsonl")
    assert [row["when"] or None for row in rows] == [text, None]


def test_times_inside_of_other_values(tmp_path, model):
    one = pa.array([1], pa.int64()).view(NANOSECONDS)
    columns = {
        "text": ["sun"],
        "struct": pa.StructArray.from_arrays([one, pa.array(["a"])], ["when", "who"]),
        "list": pa.FixedSizeListArray.from_arrays(one, 1),
        "dictionary": one.dictionary_encode(),
        "map": pa.MapArray.from_arrays([0, 1], ["a"], one),
        "runs": pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), one),
    }
    embed(model, write_ipc(tmp_path / "in.arrow", pa.table(columns)), tmp_path / "out.jsonl")
    text = "1970-01-01T00:00:00.000000001"
    expected = {
        "text": "sun",
        "struct": {"when": text, "who": "a"},
        "list": [text],
        "dictionary": text,
        "map": [["a", text]],
        "runs": text,
        "embedding": [3, 4],
    }
    assert read(tmp_path / "out.jsonl") == [expected]


def test_another_column_that_is_no_utf_8(tmp_path, model):
    table = pa.table({"text": ["sun"], "a": pa.array([b"m\xff"]).view(pa.string())})
    with pytest.raises(ArgumentError, match="expected values that Python can hold in row group 0 of .*utf-8"):
        embed(model, write(tmp_path / "in.parquet", table), tmp_path / "out.jsonl")


def test_dictionaries_that_differ_become_plain_values(tmp_path, model):
    kind = pa.dictionary(pa.int8(), pa.string())
    batches = [
        pa.record_batch({"text": ["sun"], "a": pa.array([value], pa.string()).cast(kind)}) for value in "xy"
    ]
    with pa.ipc.new_stream(tmp_path / "in.arrow", batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    embed(model, tmp_path / "in.arrow", tmp_path / "out.arrow")
    table = pa.ipc.open_file(tmp_path / "out.arrow").read_all()
    assert (table.schema.field("a").type, table["a"].to_pylist()) == (pa.string(), ["x", "y"])
    embed(model, tmp_path / "in.arrow", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["a"].to_pylist() == ["x", "y"]


def test_dictionaries_of_any_values_become_plain_values(tmp_path, model):
    lists = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int8()), pa.array([["a"]]))
    table = pa.table({"text": pa.array(["sun", None]).dictionary_encode(), "a": lists})
    embed(model, write_ipc(tmp_path / "in.arrow", table), tmp_path / "out.arrow")
    assert read(tmp_path / "out.arrow") == [
        {"text": "sun", "a": ["a"], "embedding": [3, 4]},
        {"text": None, "a": ["a"], "embedding": [0, 0]},
    ]
    with pytest.raises(ArgumentError, match="expected values that parquet holds in .*in.arrow, found others"):
        embed(model, tmp_path / "in.arrow", tmp_path / "out.parquet")


def test_dictionaries_inside_of_lists_are_refused_where_they_differ(tmp_path, model):
    batches = [
        pa.record_batch(
            {"text": ["sun"], "a": pa.ListArray.from_arrays([0, 1], pa.array([value]).dictionary_encode())}
        )
        for value in "xy"
    ]
    with pa.ipc.new_stream(tmp_path / "in.arrow", batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    with pytest.raises(ArgumentError, match="expected values that arrow holds in .*in.arrow, found others"):
        embed(model, tmp_path / "in.arrow", tmp_path / "out.arrow")
    assert names(tmp_path) == ["in.arrow"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), ["x"]),
        pa.array([[{}]], pa.list_(pa.struct([]))),
    ],
)
def test_types_that_parquet_does_not_hold_are_named(tmp_path, model, column):
    write_ipc(tmp_path / "in.arrow", pa.table({"text": ["sun"], "m": column}))
    with pytest.raises(
        ArgumentError,
        match="expected types that Parquet holds in .*in.arrow, found .* in column 'm': .*--columns",
    ):
        embed(model, tmp_path / "in.arrow", tmp_path / "out.parquet")
    embed(model, tmp_path / "in.arrow", tmp_path / "out.parquet", columns=("text",))
    assert read(tmp_path / "out.parquet") == [{"text": "sun", "embedding": [3, 4]}]


def test_an_object_without_fields_is_named(tmp_path, model):
    (tmp_path / "in.jsonl").write_text('{"text": "sun", "m": {}}\n')
    with pytest.raises(ArgumentError, match=r"Parquet holds in .*in.jsonl, found struct<> in column 'm'"):
        embed(model, tmp_path / "in.jsonl", tmp_path / "out.parquet")


@pytest.mark.parametrize("kind", ["parquet", "arrow", "csv"])
def test_two_columns_of_one_name_are_named(tmp_path, model, kind):
    path = tmp_path / f"in.{kind}"
    if kind == "csv":
        path.write_text("text,a,a\nsun,1,2\n")
    else:
        write(path, pa.Table.from_arrays([pa.array(["sun"]), *2 * [pa.array([1])]], ["text", "a", "a"]))
    with pytest.raises(ArgumentError, match=f"columns of different names in .*in.{kind}, found text, a, a: "):
        embed(model, path, tmp_path / "out.jsonl")
    embed(model, path, tmp_path / "out.jsonl", columns=("text",))
    assert read(tmp_path / "out.jsonl") == [{"text": "sun", "embedding": [3, 4]}]


def test_no_records_are_a_file_too(tmp_path, model):
    embed(model, write(tmp_path / "in.parquet", TABLE.slice(0, 0)), tmp_path / "out.parquet")
    assert pq.read_schema(tmp_path / "out.parquet").names == ["id", "text", "tags", "when", "embedding"]
    assert read(tmp_path / "out.parquet") == []


@pytest.mark.parametrize("source", ["in.csv", "in.tsv", "in.parquet", "in.arrow", "stream.arrow"])
def test_a_header_without_records_is_kept(tmp_path, model, source):
    empty = pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    if source == "stream.arrow":
        pa.ipc.new_stream(tmp_path / source, empty.schema).close()
    elif source.endswith("sv"):
        (tmp_path / source).write_text("id,text\n" if source == "in.csv" else "id\ttext\n")
    else:
        write(tmp_path / source, empty)
    for name in ("out.csv", "out.parquet", "out.arrow", "out.jsonl"):
        assert embed(model, tmp_path / source, tmp_path / name).n_records == 0
    assert (tmp_path / "out.csv").read_text() == "id,text,embedding\n"
    assert (tmp_path / "out.jsonl").read_text() == ""
    vectors = pa.field("embedding", pa.list_(pa.float32(), 2))
    assert pa.ipc.open_file(tmp_path / "out.arrow").schema == empty.schema.append(vectors)
    assert pq.read_schema(tmp_path / "out.parquet").names == ["id", "text", "embedding"]
    with pytest.raises(ArgumentError, match="expected no column 'id' in .*, found one"):
        embed(model, tmp_path / source, tmp_path / "other.csv", embedding_column="id")


def test_tables_with_tabs_are_read_alone(tmp_path, model):
    (tmp_path / "in.tsv").write_text('id\ttext\n1\t"sun\n')
    (tmp_path / "in2.tsv.gz").write_bytes(gzip.compress(b"id\ttext\n2\tmoon\n"))
    embed(model, tmp_path / "in.tsv", tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl") == [{"id": "1", "text": '"sun', "embedding": [3, 4]}]
    embed(model, tmp_path / "in2.tsv.gz", tmp_path / "out.parquet", columns=("id",))
    assert read(tmp_path / "out.parquet") == [{"id": "2", "embedding": [0, 2]}]
    for output in (tmp_path / "out.tsv", tmp_path):
        with pytest.raises(ArgumentError, match="ends in .parquet.*.npy, or .*found .*tsv.*--output-format"):
            embed(model, tmp_path / "in.tsv", output, if_there="replace")


def test_json_lines_have_types_that_hold_every_line(tmp_path, model):
    rows = [{"text": "sun", "n": 1}] * 9000 + [{"text": "moon", "n": 0.5, "late": {"a": 1}}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    embed(model, tmp_path / "in.jsonl", tmp_path / "out.parquet")
    found = read(tmp_path / "out.parquet")
    assert found[0] == {"text": "sun", "n": 1.0, "late": None, "embedding": [3, 4]}
    assert found[-1] == {"text": "moon", "n": 0.5, "late": {"a": 1}, "embedding": [0, 2]}


def test_many_row_groups_stay_in_their_order(tmp_path, model):
    texts = [f"sun {'moon ' * (n % 9)}" for n in range(30_000)]
    pq.write_table(
        pa.table({"n": range(30_000), "text": texts}), tmp_path / "in.parquet", row_group_size=7000
    )
    embed(model, tmp_path / "in.parquet", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["n"].to_pylist() == list(range(30_000))
    vectors = table["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, 2)
    np.testing.assert_array_equal(vectors, model.encode(texts))


def test_long_texts_come_in_smaller_blocks(tmp_path, model):
    texts = ["sun " * 2_000_000, "moon"] * 3
    pq.write_table(
        pa.table({"text": texts}), tmp_path / "in.parquet", compression="none", use_dictionary=False
    )
    (job,) = plan_files([tmp_path / "in.parquet"], tmp_path / "out.npy", Wanted())
    sizes = []
    embed_file(model, job, advance=lambda _bytes, n_records: sizes.append(n_records))
    assert sizes == [2, 2, 2]
    assert np.load(tmp_path / "out.npy").shape == (6, 2)


class TestPlaces:
    def test_a_folder_gets_a_file_for_each(self, tmp_path, folder):
        for name in ("a.parquet", "b.parquet", "c.jsonl"):
            write(tmp_path / name)
        result = run(folder, tmp_path / "*.parquet", tmp_path / "c.jsonl", "-o", tmp_path / "out", "--json")
        assert (result.returncode, result.stderr) == (0, b"3 of 9 texts were null: their vectors are zeros\n")
        assert json.loads(result.stdout) == {
            "output": str(tmp_path / "out"),
            "texts": 9,
            "nulls": 3,
            "dim": 2,
            "files": 3,
            "skipped": 0,
        }
        assert names(tmp_path / "out") == ["a.parquet", "b.parquet", "c.jsonl"]
        assert read(tmp_path / "out/b.parquet")[0]["embedding"] == [3, 4]

    def test_what_is_finished_is_skipped(self, tmp_path, folder):
        write(tmp_path / "a.jsonl")
        write(tmp_path / "b.jsonl")
        (tmp_path / "out").mkdir()
        (tmp_path / "out/a.parquet").write_text("finished")
        (tmp_path / "out/.b.parquet.1-0123abcd.draft").write_text("of a writer that was killed")
        arguments = (folder, tmp_path / "?.jsonl", "-o", tmp_path / "out", "--output-format", "parquet")
        refused = run(*arguments)
        assert refused.returncode == 1
        assert b"expected a new file to write, found " in refused.stderr
        result = run(*arguments, "--resume")
        assert (
            result.stdout.decode()
            == f"{tmp_path}/out: 3 texts x 2 dimensions, float32; 1 of 2 files were there\n"
        )
        assert (tmp_path / "out/a.parquet").read_text() == "finished"
        assert read(tmp_path / "out/b.parquet")[0]["id"] == 7
        assert names(tmp_path / "out") == ["a.parquet", "b.parquet"]
        assert run(*arguments, "--force", "-q").returncode == 0
        assert read(tmp_path / "out/a.parquet")[0]["id"] == 7

    def test_all_columns_to_standard_output(self, tmp_path, folder):
        result = run(folder, write(tmp_path / "a.parquet"), write(tmp_path / "b.arrow"), "-q")
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert rows == 2 * [{**row, "embedding": v} for row, v in zip(ROWS, VECTORS, strict=True)]

    def test_standard_output_keeps_what_it_holds(self, tmp_path, folder):
        (tmp_path / "a.txt").write_text("sun\n")
        for start, mode in ((b"HEAD\n", "wb"), (b"", "ab"), (b"HEAD\n", "ab")):
            (tmp_path / "f").write_bytes(start if mode == "ab" else b"")
            with (tmp_path / "f").open(mode) as file:
                if mode == "wb":
                    file.write(start)
                    file.flush()
                command = [sys.executable, "-m", "m2v_onnx", "encode", folder, tmp_path / "a.txt", "-o", "-"]
                subprocess.run(list(map(str, command)), stdout=file, check=True)
            content = (tmp_path / "f").read_bytes()
            assert content.startswith(start)
            np.testing.assert_array_equal(np.load(io.BytesIO(content[len(start) :])), [[3, 4]])

    @pytest.mark.parametrize("kind", ["parquet", "arrow", "npy"])
    def test_what_cannot_be_joined_is_refused(self, tmp_path, kind):
        for name in ("a.csv", "b.csv"):
            (tmp_path / name).write_text("text\nsun\n")
        with pytest.raises(ArgumentError, match=f"expected one input for {kind} on standard output, found 2"):
            plan_files([tmp_path / "*.csv"], Path("-"), Wanted(output_format=kind))

    def test_tables_are_joined_under_one_header(self, tmp_path, folder):
        (tmp_path / "a.csv").write_text("id,text\n1,sun\n")
        (tmp_path / "b.csv").write_text("text,id\nmoon,2\n")
        (tmp_path / "c.csv").write_text("text\nmoon\n")
        both = (folder, tmp_path / "a.csv", tmp_path / "b.csv", "--output-format", "csv")
        joined = b'id,text,embedding\n1,sun,"[3, 4]"\n2,moon,"[0, 2]"\n'
        assert run(*both).stdout == joined
        result = run(*both, tmp_path / "c.csv")
        assert (result.returncode, result.stdout) == (1, joined)
        assert b"error: expected the fields id, text in records 1 to 1 of " in result.stderr

    def test_a_file_named_as_standard_output(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "a.txt").write_text("sun\n")
        (tmp_path / "-").write_text("mine")
        for if_there in ("refuse", "skip"):
            (job,) = plan_files([Path("a.txt")], None, Wanted(if_there=if_there))
            assert not job.is_finished

    @pytest.mark.parametrize(
        ("arguments", "option"),
        [
            (("-o", "-", "--columns", "text"), "--columns"),
            (("-o", "v.npy", "--embedding-column", "v"), "--embedding-column"),
            (("-o", "v.txt", "--columns", "text"), "--columns"),
            (("--resume",), "--resume"),
            (("-o", "-", "--force"), "--force"),
            (("--json",), "--json"),
        ],
    )
    def test_options_that_do_nothing_are_refused(self, tmp_path, folder, arguments, option):
        (tmp_path / "a.txt").write_text("sun\n")
        places = [tmp_path / one if one.startswith("v.") else one for one in arguments]
        result = run(folder, tmp_path / "a.txt", *places)
        assert (result.returncode, result.stdout) == (2, b"")
        assert f"Invalid value for {option}: it does nothing w" in " ".join(result.stderr.decode().split())
        assert names(tmp_path) == ["a.txt", "model"]

    def test_formats_of_pipes_are_named(self, tmp_path, folder):
        lines = b'{"text": "sun", "n": 1}\n'
        result = run(
            folder, "-", "-o", "-", "--input-format", "jsonl", "--output-format", "parquet", stdin=lines
        )
        assert (result.returncode, result.stderr) == (0, b"")
        assert pq.read_table(pa.BufferReader(result.stdout)).to_pylist() == [
            {"text": "sun", "n": 1, "embedding": [3, 4]}
        ]
        stream = run(
            folder, "-", "-o", "-", "--input-format", "jsonl", "--output-format", "arrow", stdin=lines
        )
        assert pa.ipc.open_stream(stream.stdout).read_all()["n"].to_pylist() == [1]
        again = run(folder, "-", "--input-format", "arrow", "--embedding-column", "v", stdin=stream.stdout)
        assert json.loads(again.stdout) == {"text": "sun", "n": 1, "embedding": [3, 4], "v": [3, 4]}

    def test_an_input_without_a_suffix(self, tmp_path, folder):
        (tmp_path / "lines").write_text("sun\n")
        refused = run(folder, tmp_path / "lines")
        assert refused.returncode == 1
        assert b"or name its format by --input-format" in refused.stderr
        assert json.loads(run(folder, tmp_path / "lines", "--input-format", "txt").stdout)["embedding"] == [
            3,
            4,
        ]


@pytest.mark.parametrize(
    ("inputs", "output", "wanted", "message"),
    [
        (["a.jsonl", "b/a.jsonl"], "out", {}, "expected inputs of different names, found two for .*a.jsonl"),
        (["a.jsonl", "b/a.jsonl"], "out.parquet", {}, "expected a folder for the vectors of 2 files, found"),
        (["*.csv"], "out", {}, "expected files that fit .*.csv, found none: check the pattern"),
        (["b"], "out.npy", {}, "expected a file of texts, found the folder .*b: name its files"),
        (["a.jsonl"], "a.jsonl", {"if_there": "replace"}, "expected another file than the input to write"),
        (["a.jsonl"], "out.xls", {}, "expected a name that ends in .parquet, .arrow, .*, found .*out.xls"),
        (["a.xls"], "out.npy", {}, "expected a name that ends in .parquet.*found .*a.xls.*--input-format"),
        (["a.jsonl"], "out.npy", {"input_format": "xls"}, "--input-format must be one of parquet, .*'xls'"),
        (["no"], "out.npy", {}, "expected to read .*no, found No such file or directory: check the path"),
        (["a.jsonl"], "out.npy", {"columns": ("n", "id", "n")}, "names in --columns, found 'n' twice"),
        (["-"], "b", {}, "expected a file for the vectors of standard input, found the folder"),
        (["a.jsonl"], "nowhere/out.npy", {}, "expected a folder for out.npy at .*nowhere, found none"),
    ],
)
def test_places_are_refused_before_any_work(tmp_path, monkeypatch, inputs, output, wanted, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    for name in ("a.jsonl", "b/a.jsonl", "a.xls"):
        write(tmp_path / name)
    with pytest.raises(ArgumentError, match=message):
        plan_files(
            [tmp_path / name if name != "-" else Path("-") for name in inputs],
            tmp_path / output,
            Wanted(**wanted),
        )
    assert names(tmp_path) == ["a.jsonl", "a.xls", "b"]


NESTED = pa.table({"id": [1], "text": [["sun"]], "doc": [{"text": "sun"}]})


@pytest.mark.parametrize(
    ("name", "table", "wanted", "message"),
    [
        (
            "in.parquet",
            TABLE,
            {"text_column": "body"},
            "a column 'body' in .*in.parquet, found id, text, tags, when: ",
        ),
        (
            "in.arrow",
            TABLE,
            {"text_column": "body"},
            "a column 'body' in .*in.arrow, found id, text, tags, when: ",
        ),
        (
            "in.jsonl",
            TABLE,
            {"text_column": "id"},
            "a string in field 'id' in line 1 of .*in.jsonl, found 7: ",
        ),
        ("in.parquet", TABLE, {"columns": ("id", "no")}, "a column 'no' in .*found id, .*--columns"),
        ("in.jsonl", TABLE, {"columns": ("id", "no")}, "a field 'no' in line 1 of .*found id, .*--columns"),
        (
            "in.parquet",
            TABLE,
            {"text_column": "id"},
            "texts in column 'id' of .*in.parquet, found int64: name",
        ),
        (
            "in.arrow",
            TABLE,
            {"text_column": "tags"},
            "texts in column 'tags' of .*, found list<item: string>",
        ),
        (
            "in.parquet",
            NESTED,
            {},
            "expected texts in column 'text' of .*in.parquet, found list<element: string>",
        ),
        (
            "in.parquet",
            NESTED,
            {"text_column": "doc"},
            "found struct<text: string>: name another with --text-column",
        ),
        (
            "in.parquet",
            TABLE,
            {"embedding_column": "when"},
            "no column 'when' in row group 0 of .*found one: .*--embedding-",
        ),
        (
            "in.jsonl",
            TABLE,
            {"embedding_column": "when"},
            "no column 'when' in records 1 to 3 of .*in.jsonl, found one",
        ),
    ],
)
@pytest.mark.parametrize("output", ["out.parquet", "out.jsonl"])
def test_records_that_do_not_fit_are_named(tmp_path, model, name, table, wanted, message, output):
    with pytest.raises(ArgumentError, match=message):
        embed(model, write(tmp_path / name, table), tmp_path / output, **wanted)
    assert names(tmp_path) == [name]


def test_a_column_of_vectors_that_is_there_already(tmp_path, model):
    embed(model, write(tmp_path / "in.parquet"), tmp_path / "once.parquet")
    with pytest.raises(
        ArgumentError, match="expected no column 'embedding' in row group 0 of .*once.parquet, fou"
    ):
        embed(model, tmp_path / "once.parquet", tmp_path / "twice.parquet")
    embed(model, tmp_path / "once.parquet", tmp_path / "twice.parquet", columns=("id",))
    assert read(tmp_path / "twice.parquet")[0] == {"id": 7, "embedding": [3, 4]}


def test_fields_that_change_their_type_are_named(tmp_path, model):
    (tmp_path / "in.jsonl").write_text('{"text": "sun", "n": 1}\n{"text": "sun", "n": [1]}\n')
    with pytest.raises(
        ArgumentError, match="expected values of one type in each field in records 1 to 2 of .*jsonl"
    ):
        embed(model, tmp_path / "in.jsonl", tmp_path / "out.parquet")
    embed(model, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert [row["n"] for row in read(tmp_path / "out.jsonl")] == [1, [1]]


def test_half_a_character_is_named(tmp_path, model):
    (tmp_path / "in.jsonl").write_text('{"text": "sun", "a": "\\ud800"}\n')
    embed(model, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert '"a": "\\ud800"' in (tmp_path / "out.jsonl").read_text()
    assert read(tmp_path / "out.jsonl") == [{"text": "sun", "a": "\ud800", "embedding": [3, 4]}]
    with pytest.raises(ArgumentError, match="expected values of one type .* in records 1 to 1 of .*ud800"):
        embed(model, tmp_path / "in.jsonl", tmp_path / "out.parquet")
    (tmp_path / "in.jsonl").write_text('{"text": "sun"}\n{"text": "\\ud800"}\n')
    with pytest.raises(
        ArgumentError, match="expected valid Unicode in field 'text' in line 2 of .*in.jsonl, found a lone"
    ):
        embed(model, tmp_path / "in.jsonl", tmp_path / "other.jsonl")


class TestDamage:
    @pytest.mark.parametrize("start", [b"", b"no Parquet at all, but long enough"])
    @pytest.mark.parametrize("name", ["in.parquet", "in.arrow"])
    def test_another_file(self, tmp_path, model, name, start):
        (tmp_path / name).write_bytes(start)
        with pytest.raises(ArgumentError, match=f"expected to read .*{name}, found .*: check the file"):
            embed(model, tmp_path / name, tmp_path / "out.parquet")

    def test_a_file_that_is_not_there(self, tmp_path, model):
        with pytest.raises(ArgumentError, match="expected to read .*in.parquet, found .*No such file"):
            embed(model, tmp_path / "in.parquet", tmp_path / "out.jsonl")

    @pytest.mark.parametrize("checksum", [True, False])
    def test_a_damaged_row_group(self, tmp_path, model, checksum):
        table = pa.table({"text": [f"sun {n}" for n in range(40_000)]})
        pq.write_table(
            table,
            tmp_path / "in.parquet",
            row_group_size=10_000,
            write_page_checksum=checksum,
            use_dictionary=False,
        )
        column = pq.ParquetFile(tmp_path / "in.parquet").metadata.row_group(2).column(0)
        with (tmp_path / "in.parquet").open("r+b") as file:
            file.seek(column.data_page_offset + 40)
            file.write(b"\xff" * (column.total_compressed_size // 2))
        with pytest.raises(ArgumentError, match="expected to read row group 2 of .*in.parquet, found "):
            embed(model, tmp_path / "in.parquet", tmp_path / "out.parquet")
        assert names(tmp_path) == ["in.parquet"]

    def test_a_cut_arrow_file(self, tmp_path, model):
        content = write(tmp_path / "in.arrow").read_bytes()
        (tmp_path / "in.arrow").write_bytes(content[: len(content) // 2])
        with pytest.raises(ArgumentError, match="expected to read .*in.arrow, found "):
            embed(model, tmp_path / "in.arrow", tmp_path / "out.parquet")

    @pytest.mark.parametrize("footer", [True, False])
    def test_encrypted_parquet(self, tmp_path, model, footer):
        encryption = pytest.importorskip("pyarrow.parquet.encryption")

        class Keys(encryption.KmsClient):
            def wrap_key(self, key_bytes, master_key_identifier):
                return key_bytes.hex()

            def unwrap_key(self, wrapped_key, master_key_identifier):
                return bytes.fromhex(wrapped_key)

        factory = encryption.CryptoFactory(lambda _settings: Keys())
        settings = encryption.EncryptionConfiguration(
            footer_key="footer", column_keys={"column": ["text"]}, plaintext_footer=not footer
        )
        properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), settings)
        with pq.ParquetWriter(
            tmp_path / "in.parquet", TABLE.schema, encryption_properties=properties
        ) as writer:
            writer.write_table(TABLE)
        place = ".*in.parquet" if footer else "row group 0 of .*in.parquet"
        with pytest.raises(ArgumentError, match=f"expected to read {place}, found .*: check the file"):
            embed(model, tmp_path / "in.parquet", tmp_path / "out.parquet")
        assert names(tmp_path) == ["in.parquet"]

    def test_bytes_that_are_no_utf_8(self, tmp_path, model):
        table = pa.table({"text": pa.array([b"sun", b"m\xff"]).view(pa.string())})
        with pytest.raises(
            ArgumentError,
            match="expected to read column 'text' of row group 0 of .*in.parquet, found .*utf-8",
        ):
            embed(model, write(tmp_path / "in.parquet", table), tmp_path / "out.parquet")

    @pytest.mark.parametrize("kind", ["parquet", "arrow", "jsonl", "csv", "txt", "npy", "jsonl.gz"])
    @pytest.mark.parametrize("n_bytes", [0, 4096, 100_000])
    def test_a_full_disk_in_the_middle(self, tmp_path, model, kind, n_bytes):
        pq.write_table(pa.table({"text": [f"sun {n}" for n in range(60_000)]}), tmp_path / "in.parquet")
        (tmp_path / f"out.{kind}").write_text("old")
        with (
            files_of_at_most(n_bytes),
            pytest.raises(
                FolderError, match=f"expected to write .*out.{kind}, found File too large: make room"
            ),
        ):
            embed(model, tmp_path / "in.parquet", tmp_path / f"out.{kind}", if_there="replace")
        assert (tmp_path / f"out.{kind}").read_text() == "old"
        assert names(tmp_path) == ["in.parquet", f"out.{kind}"]

    def test_parquet_from_standard_input(self, folder):
        result = run(folder, "-", "--input-format", "parquet", stdin=b"PAR1")
        assert result.stderr == (
            b"error: expected a Parquet file, which is read from its end, found standard input: name it\n"
        )

    def test_numbers_are_no_texts(self, tmp_path, model):
        np.save(tmp_path / "in.npy", [1])
        with pytest.raises(
            ArgumentError, match="expected a file of texts, found .*in.npy, which holds numbers"
        ):
            embed(model, tmp_path / "in.npy", tmp_path / "out.parquet")

    def test_without_pyarrow_the_extra_is_named(self, tmp_path, model, monkeypatch):
        write(tmp_path / "in.parquet")
        monkeypatch.setattr("m2v_onnx.errors.find_spec", lambda _name: None)
        for source, output in (("in.parquet", "out.jsonl"), ("in.jsonl", "out.parquet")):
            (tmp_path / "in.jsonl").write_text('{"text": "sun"}\n')
            with pytest.raises(M2vOnnxError, match=r'pip install "m2v-onnx\[arrow\]"'):
                embed(model, tmp_path / source, tmp_path / output)
