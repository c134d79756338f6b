"""A model as a function of DuckDB's SQL. Needs duckdb and the extra `arrow`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import duckdb

from m2v_onnx.arrow import embed_arrow, embedder
from m2v_onnx.static_model import StaticModel


def register(con: duckdb.DuckDBPyConnection, model: StaticModel | str | Path, *, name: str = "embed") -> None:
    """Let SQL embed texts: `SELECT embed(text) FROM …` gives `FLOAT[D]`.

    A null gives a vector of zeros, as '' does. DuckDB hands over 2,048 texts at a time, and calls from one
    thread at a time; `m2v-onnx encode` is faster on files.

    Args:
        con: the connection.
        model: the model, its folder, or its Hub id.
        name: the name of the function; an older one of this name is replaced.

    Raises:
        FolderError: as for `StaticModel.from_pretrained`.
        MissingExtraError: when pyarrow is not installed.
    """
    found = model if isinstance(model, StaticModel) else embedder(model).model

    def embed(texts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # duckdb would evaluate them
        return embed_arrow(found, texts)

    with suppress(duckdb.InvalidInputException):  # there is none yet
        con.remove_function(name)
    con.create_function(
        name, embed, ["VARCHAR"], f"FLOAT[{found.dim}]", type="arrow", null_handling="special"
    )
