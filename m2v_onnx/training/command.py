"""What `m2v-onnx train` reads: files of texts and labels."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from m2v_onnx.classifier import Classifier
from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.classification_head import Problem
from m2v_onnx.model.classification_report import ClassificationReport, RegressionReport
from m2v_onnx.training.data_files import is_number, read_columns, to_label, to_labels, to_number, to_text
from m2v_onnx.training.examples import count_overlap

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Columns:
    """Where text and label stand.

    Attributes:
        text: the column of the text.
        label: the column of the label.
        separator: what stands between several labels.
    """

    text: str = "text"
    label: str = "label"
    separator: str = ","


class Labelled(NamedTuple):
    """Texts, and a label for each."""

    texts: list[str]
    labels: list[Any]


def read_labelled(path: Path, columns: Columns, problem: Problem) -> Labelled:
    """Read texts and labels.

    Labels of .csv and .tsv are texts, those of .jsonl and .parquet have the type that they have there. Of
    several, texts are split at the separator. Spaces around a label do not count.

    Raises:
        ArgumentError: for a missing column, text or label, and one of another kind, naming the line; for one
            column in both places.
    """
    if columns.text == columns.label:
        raise ArgumentError(
            f"expected two columns, found {columns.text!r} for text and label: name another (--label-column)"
        )

    def convert(name: str, value: object) -> object:
        if name == columns.text:
            return to_text(value)
        if problem == "multi_label":
            return to_labels(value, columns.separator)
        return to_number(value) if problem == "regression" else to_label(value)

    names = {columns.text: "--text-column", columns.label: "--label-column"}
    found = read_columns(path, names, convert=convert)
    if problem == "single_label":
        _refuse_fractions(found[columns.label], path)
    return Labelled(found[columns.text], found[columns.label])


def _refuse_fractions(labels: list[Any], path: Path) -> None:
    """Refuse numbers with a fraction, which .csv and .tsv hold as texts."""
    if not all(isinstance(label, str) and is_number(label) for label in labels):
        return
    row, label = next(((row, one) for row, one in enumerate(labels, 1) if float(one) % 1), (0, None))
    if label is not None:
        raise ArgumentError(
            f"expected labels that are texts or whole numbers in {path}, found {label!r} in row {row}, and "
            "numbers alone: --regression takes numbers; for labels, write words instead"
        )


def check_test(test: Labelled, train: Labelled, problem: Problem, *, allow_unseen: bool) -> None:
    """Refuse labels that stand in the test file alone; say how many texts stand in both.

    Raises:
        ArgumentError: naming such a label and its row.
    """
    n_shared = count_overlap(test.texts, train.texts)
    if n_shared:
        logger.warning("%d texts of the test file were learned from, too: scores are too good", n_shared)
    if problem == "regression" or allow_unseen:
        return
    known = {(type(label), label) for label in _flat(train.labels)}
    for row, label in enumerate(test.labels):
        new = [one for one in _flat([label]) if (type(one), one) not in known]
        if new:
            raise ArgumentError(
                f"expected labels that the data to learn from have, found {new[0]!r:.60} in row {row} of the "
                "test file: mend it, or count such texts as wrong (--allow-unseen)"
            )


def with_test_scores(
    classifier: Classifier, scores: ClassificationReport | RegressionReport | None
) -> Classifier:
    """Give a classifier whose folder and model card tell its test scores, where there are some."""
    if scores is None:
        return classifier
    content = scores.to_json()
    found = {f"test {name.replace('_', ' ')}": v for name, v in content.items() if isinstance(v, int | float)}
    training = {**classifier.training, "scores": {**classifier.training["scores"], **found}}
    return replace(classifier, training=training)


def _flat(labels: Iterable[Any]) -> Iterable[Any]:
    for label in labels:
        if isinstance(label, list):
            yield from label
        else:
            yield label
