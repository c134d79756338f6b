"""`m2v-onnx classify`: texts to labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2v_onnx.cli.options import Quiet, Revision, Token, as_utf8
from m2v_onnx.cli.output import show_notes
from m2v_onnx.system.records.formats import Format

if TYPE_CHECKING:
    from m2v_onnx.classifier import Classifier
    from m2v_onnx.model.vectors import Vectors


def classify(
    classifier: Annotated[str, typer.Argument(help="Folder or Hub id of a classifier.", show_default=False)],
    texts: Annotated[
        Path,
        typer.Argument(
            help="File of texts, as for `encode`; - is standard input.",
            show_default=False,
        ),
    ],
    text_column: Annotated[
        str, typer.Option("--text-column", "--column", help="Column or field that holds the text.")
    ] = "text",
    input_format: Annotated[
        Format | None, typer.Option(help="Format of the file.", show_default="by suffix; txt for -")
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Print the probability of every label.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each text, with the text in it.")
    ] = False,
    revision: Revision = None,
    token: Token = None,
    quiet: Quiet = False,
) -> None:
    """Print the label of each text of a file, and its probability, with a tab between.

    Example: `m2v-onnx classify my-classifier texts.txt`
    """
    from m2v_onnx.classifier import Classifier  # slow, as all that knows a model
    from m2v_onnx.system.records.block import Source
    from m2v_onnx.system.records.formats import find_input_format
    from m2v_onnx.system.records.reading import read_blocks

    show_notes(quiet=quiet)
    path = texts.expanduser()
    kind = find_input_format(path, given=input_format, option="--input-format")
    source = Source(path, kind, as_utf8(text_column), columns=())
    loaded = Classifier.from_pretrained(classifier, revision=revision, token=token)
    n_texts = n_nulls = 0
    for block in read_blocks(source):
        n_texts += len(block)
        n_nulls += block.n_nulls
        for text, row in zip(block.texts, loaded.predict_proba(block.texts), strict=True):
            found = _answer(loaded, row)
            if proba and loaded.labels:
                found["probabilities"] = dict(zip(map(str, loaded.labels), _rounded(row), strict=True))
            if as_json:
                print(json.dumps({"text": text, **found}, ensure_ascii=False))
            else:
                print("\t".join(map(_show, found.values())))
    if n_nulls and not quiet:
        print(f"{n_nulls:,} of {n_texts:,} texts were null: they were read as empty texts", file=sys.stderr)


def _answer(classifier: Classifier, row: Vectors) -> dict[str, Any]:
    """Give the label of a text and its probability; several of both, or the values of a regression."""
    if classifier.head.problem == "regression":
        return {"values": _rounded(row)}
    found = classifier.labels_of(row[None])[0]
    if classifier.head.problem == "multi_label":
        return {"labels": found, "label_probabilities": _rounded(row[row > 0.5])}
    return {"label": found, "probability": _rounded(row)[int(row.argmax())]}


def _rounded(row: Vectors) -> list[float]:
    return [round(float(value), 6) for value in row]


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "\t".join(f"{_show(label)}={share:.4f}" for label, share in value.items())
    if isinstance(value, list):
        return ", ".join(map(_show, value))
    return f"{value:.4f}" if isinstance(value, float) else " ".join(str(value).split())
