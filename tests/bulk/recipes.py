"""The recipes of docs/bulk.md, each run as it stands there, in an environment of its own: `make bulk`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m2v_onnx import StaticModel
from tests.builders import tiny_model
from tests.bulk.environments import PACKAGES, python_of
from tests.environments import ROOT

DOCUMENT = (ROOT / "docs/bulk.md").read_text(encoding="utf-8")
HEAVY = {"Dask", "Daft", "Spark", "Ray Data"}
# Ray gives up what takes longer than a minute, as its start does on a busy machine.
PATIENCE = {
    "RAY_raylet_start_wait_time_s": "600",
    "RAY_agent_register_timeout_ms": "600000",
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_DEDUP_LOGS": "0",
}
N_ROWS = 20_000
WORDS = ["sun", "moon", "moonlight!", "möon", "日本", "sun moon", "comet", "[PAD] sun"]


def recipe(engine: str) -> str:
    """Give the program below an engine's heading."""
    found = re.search(rf"^## {engine}\n.*?^```python\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert found is not None, f"docs/bulk.md has no program for {engine}"
    return found[1]


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder with a model and the texts that the recipes name."""
    rows = np.random.default_rng(0).normal(size=(6, 64)).astype(np.float32)
    tiny_model(table=rows, normalize=True).save_pretrained(tmp_path / "my-model")
    texts = [" ".join([WORDS[n % 8]] * (1 + n % 5)) for n in range(N_ROWS)]
    texts[7], texts[8], texts[-1] = None, "", None
    table = pa.table({"id": pa.array(range(N_ROWS), pa.int64()), "text": texts})
    pq.write_table(table, tmp_path / "texts.parquet", row_group_size=2500)
    return tmp_path


def run(engine: str, place: Path, program: str) -> str:
    (place / "recipe.py").write_text(program, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    paths = os.pathsep.join([str(place), str(ROOT)])
    environment = {**kept, "PYTHONPATH": paths, "HF_HOME": str(place / "hf"), **PATIENCE}
    python = python_of(engine)
    environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
    child = subprocess.run(
        [python, "recipe.py"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert child.returncode == 0, child.stdout[-3000:] + child.stderr[-6000:]
    return child.stdout + child.stderr


def check(place: Path) -> None:
    """Compare what a recipe wrote with `encode`, row by row."""
    model = StaticModel.from_pretrained(place / "my-model")
    table = pq.read_table(place / "embedded.parquet")
    rows = table.sort_by("id") if "id" in table.column_names else table
    before = pq.read_table(place / "texts.parquet")
    assert rows["id"].to_pylist() == list(range(N_ROWS))
    texts = rows["text"].to_pylist()
    assert texts == before["text"].to_pylist()
    column = rows["embedding"].combine_chunks()
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    assert column.null_count == 0
    found = column.flatten().to_numpy().reshape(N_ROWS, -1)
    assert found.dtype == np.float32
    expected = model.encode([text or "" for text in texts])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "engine", [pytest.param(one, marks=pytest.mark.heavy) if one in HEAVY else one for one in PACKAGES]
)
def test_a_recipe_gives_the_vectors_of_encode(engine, place):
    if engine == "Spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    run(engine, place, recipe(engine))
    check(place)


@pytest.mark.heavy
@pytest.mark.parametrize("engine", ["Spark", "Ray Data"])
def test_a_killed_worker_changes_no_row(engine, place):
    shutil.copy(ROOT / "tests/bulk/killed_once.py", place)
    ours = "from m2v_onnx.arrow import embedder"
    assert ours in recipe(engine)
    run(engine, place, recipe(engine).replace(ours, "from killed_once import embedder"))
    assert (place / "killed").exists()
    check(place)


@pytest.mark.heavy
@pytest.mark.parametrize("engine", ["Spark", "Ray Data"])
def test_a_folder_that_workers_cannot_see_is_named(engine, place):
    name = 'embedder("my-model"'
    assert name in recipe(engine)
    gone = recipe(engine).replace(name, 'embedder("gone"')
    program = f"import shutil\nshutil.copytree('my-model', 'gone')\n{gone}"
    program = re.sub(r"^(embed = .*)$", r"\1\nshutil.rmtree('gone')", program, count=1, flags=re.MULTILINE)
    (place / "recipe.py").write_text(program)
    with pytest.raises(
        AssertionError, match="expected the model's folder .*gone on every machine, found none on"
    ):
        run(engine, place, program)


def test_duckdb_registers_again_and_embeds_nulls(place):
    program = """
import duckdb
from m2v_onnx import StaticModel
from m2v_onnx.integrations.duckdb import register

con = duckdb.connect()
model = StaticModel.from_pretrained("my-model")
register(con, "my-model", name="e")
register(con, model, name="e")
query = "SELECT t, e(t) FROM (VALUES ('sun'), (NULL), ('')) AS rows(t)"
(_, sun), (_, null), (_, empty) = con.sql(query).fetchall()
assert list(sun) == model.encode("sun").tolist()
assert null == empty == (0.0,) * 64
assert con.sql("SELECT typeof(e('sun'))").fetchall() == [("FLOAT[64]",)]
"""
    run("DuckDB", place, program)
