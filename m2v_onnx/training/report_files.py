"""A report's files: scores, mistakes, and plots."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from m2v_onnx.classifier import Classifier
from m2v_onnx.errors import ArgumentError, require_module
from m2v_onnx.model.classification_report import ClassificationReport, RegressionReport
from m2v_onnx.training.command import Labelled

_REPORT_NAME = "report.json"


def check_report(folder: Path | None, *, output: Path, force: bool) -> None:
    """Refuse a place that no report can be written to, before any work is done; make the folder.

    Args:
        folder: the place; None for no report.
        output: where the classifier will lie.
        force: replace a report that is there.

    Raises:
        ArgumentError: for a place that is no folder, and one that holds a report.
        MissingExtraError: where plots cannot be drawn.
    """
    if folder is None:
        return
    require_module("matplotlib", package="matplotlib", extra="eval")
    folder = folder.expanduser()
    if folder.resolve().is_relative_to(output.resolve()):
        raise ArgumentError(
            f"expected a place for the report outside the classifier's folder, found {folder}: name another "
            "(--report)"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(
            f"expected a folder for the report at {folder}, found {error.strerror}: name another"
        ) from error
    if (folder / _REPORT_NAME).exists() and not force:
        raise ArgumentError(
            f"expected a place without a report, found {folder / _REPORT_NAME}: name another, or replace it "
            "(--force)"
        )


def write_report(
    folder: Path, classifier: Classifier, test: Labelled, scores: ClassificationReport | RegressionReport
) -> None:
    """Write report.json, mistakes.tsv, and confusion and calibration as PNG and SVG.

    mistakes.tsv has the surest mistake first; tabs and ends of lines in texts become spaces there.
    """
    folder = folder.expanduser()
    content = {"training": dict(classifier.training), "test": scores.to_json()}
    (folder / _REPORT_NAME).write_text(
        json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    rows = _mistakes(classifier, test)
    with (folder / "mistakes.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerow(["expected", "found", "probability", "text"])
        writer.writerows(rows)
    if isinstance(scores, ClassificationReport):
        from m2v_onnx.training.plots import plot_calibration, plot_confusion  # needs the extra eval

        plot_calibration(scores, folder / "calibration")
        if scores.matrix is not None:
            plot_confusion(scores, folder / "confusion")


def _mistakes(classifier: Classifier, test: Labelled) -> list[list[str]]:
    """Give expected and found label, probability and text of each mistake, the surest first."""
    outputs = classifier.predict_proba(test.texts)
    found = classifier.labels_of(outputs)
    if classifier.head.problem == "regression":
        values = np.asarray(test.labels, np.float64).reshape(len(outputs), -1)
        sureness = np.abs(outputs - values).max(axis=1)
        wrong = np.arange(len(outputs))
    else:
        sureness = outputs.max(axis=1)
        pairs = zip(found, test.labels, strict=True)
        wrong = np.array(
            [row for row, (one, other) in enumerate(pairs) if _key(one) != _key(other)], np.int64
        )
    order = wrong[np.argsort(-sureness[wrong], kind="stable")]
    return [
        [_show(test.labels[row]), _show(found[row]), f"{sureness[row]:.4f}", _line(test.texts[row])]
        for row in order.tolist()
    ]


def _key(label: Any) -> object:  # noqa: ANN401  # a label or labels
    return frozenset(label) if isinstance(label, list) else label


def _show(label: Any) -> str:  # noqa: ANN401  # a label, labels or numbers
    entries = list(label) if isinstance(label, list | np.ndarray) else [label]
    return _line(", ".join(map(str, entries)))


def _line(text: str) -> str:
    return " ".join(text.split())
