"""Texts and labels, checked once, before anything is learned from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.classification_head import Label, Problem
from m2v_onnx.training.data_files import MOST_NUMBER
from m2v_onnx.training.options import TrainingOptions

_MOST_NUMBERS = 1 << 31


@dataclass(frozen=True, eq=False)
class Examples:
    """What is learned from.

    Attributes:
        texts: N of them.
        targets: (N, C) float32. One column holds a 1 for a single label, any number of them for several; a
            regression has its values.
        labels: C of them, sorted; empty for a regression.
        problem: which of the three it is.
        notes: what the user should know of the data.
    """

    texts: list[str]
    targets: npt.NDArray[np.float32]
    labels: tuple[Label, ...]
    problem: Problem
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """(N,) the column of each text's label; where a text has several, the first, where none, 0."""
        return np.asarray(self.targets.argmax(axis=1), np.int64)


def check_examples(texts: Iterable[str], labels: Iterable[Any], options: TrainingOptions) -> Examples:
    """Check texts and labels.

    Labels are texts, whole numbers, or true and false, all of one type; numbers of NumPy count as Python's.

    Raises:
        ArgumentError: naming the row of what cannot be used.
    """
    if options.problem != "regression" and getattr(labels, "ndim", 1) != 1:
        raise ArgumentError(
            "expected a label for each text, or a list of those that it has, found an array of "
            f"{getattr(labels, 'ndim', 0)} dimensions: give the labels themselves"
        )
    texts, entries = as_list(texts, "texts"), as_list(labels, "labels")
    if not texts or len(texts) != len(entries):
        raise ArgumentError(
            f"expected one or more texts, and a label for each, found {len(texts)} texts and {len(entries)} "
            "labels: pass both from the same rows"
        )
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ArgumentError(f"expected a text in row {row}, found {text!r:.40}: mend or drop the row")
    for row, label in enumerate(entries):
        if label is None or (isinstance(label, float) and label != label):  # noqa: PLR0124  # NaN
            raise ArgumentError(f"expected a label in row {row}, found {label!r}: mend or drop the row")
    is_list = [isinstance(label, list | tuple | set | frozenset | np.ndarray) for label in entries]
    problem: Problem = options.problem or ("multi_label" if all(is_list) else "single_label")
    if problem != "single_label" and len(texts) < 2:
        raise ArgumentError("expected two texts or more to learn from, found one: add some")
    if problem == "regression":
        return Examples(texts, _values(entries), (), problem)
    if problem == "multi_label":
        return _multiple(texts, entries, is_list)
    return _single(texts, entries, strict=options.strict)


def count_overlap(texts: Sequence[str], others: Sequence[str]) -> int:
    """Count the texts that stand among others, too."""
    known = set(others)
    return sum(text in known for text in texts)


def check_size(n_rows: int, n_labels: int) -> None:
    """Refuse what no memory holds, before it is made: a number for each of many rows and each label.

    Raises:
        ArgumentError: naming both, and the gigabytes.
    """
    if n_rows * n_labels > _MOST_NUMBERS:
        raise ArgumentError(
            f"expected labels that fit into {4 * _MOST_NUMBERS / 1e9:.1f} GB, found {n_labels:,} for "
            f"{n_rows:,} texts or tokens, {4 * n_rows * n_labels / 1e9:,.1f} GB: merge labels"
        )


def as_list(values: Iterable[Any], name: str) -> list[Any]:
    """Give values as a list, those of NumPy as Python's.

    Raises:
        ArgumentError: for a string, and what is not iterable.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ArgumentError(f"expected a list of {name}, found {type(values).__name__}: put it into a list")
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def _values(entries: list[Any]) -> npt.NDArray[np.float32]:
    rows = [entry if isinstance(entry, list | tuple | np.ndarray) else [entry] for entry in entries]
    for row, values in enumerate(rows):
        if len(values) != len(rows[0]) or not len(values):
            raise ArgumentError(
                f"expected {len(rows[0])} values in row {row}, found {len(values)}: every row needs as many"
            )
        for value in values:
            if not isinstance(value, Real) or isinstance(value, bool) or not _is_small(value):
                raise ArgumentError(
                    f"expected a number, up to {MOST_NUMBER:.1e}, in row {row}, found {value!r:.40}: mend or "
                    "drop the row"
                )
    return np.array(rows, np.float32)


def _is_small(value: Any) -> bool:  # noqa: ANN401  # a number
    return bool(abs(value) <= MOST_NUMBER)


def _single(texts: list[str], entries: list[Any], *, strict: bool) -> Examples:
    _check_labels(list(enumerate(entries)))
    labels = _sorted_labels(entries)
    if len(labels) < 2:
        raise ArgumentError(
            f"expected two labels or more to tell apart, found {labels[0]!r} alone: add texts of another"
        )
    counts = Counter(entries)
    single = [label for label in labels if counts[label] == 1]
    if single and strict:
        raise ArgumentError(
            f"expected two texts or more for each label, found one for {_some(single)}: add texts, or "
            "leave the label out"
        )
    check_size(len(texts), len(labels))
    places = {label: place for place, label in enumerate(labels)}
    targets = np.zeros((len(texts), len(labels)), np.float32)
    targets[np.arange(len(texts)), [places[label] for label in entries]] = 1
    notes = []
    if single:
        notes.append(
            f"one text alone for {_some(single)}: it is learned from, and never held out; add some more"
        )
    notes += _text_notes(texts, entries)
    return Examples(texts, targets, labels, "single_label", tuple(notes))


def _multiple(texts: list[str], entries: list[Any], is_list: list[bool]) -> Examples:
    for row, entry in enumerate(entries):
        if not is_list[row]:
            raise ArgumentError(
                f"expected a list of labels in row {row}, found {entry!r:.40}: put it into one"
            )
    of_texts = [as_list(entry, "labels") for entry in entries]
    flat = [(row, label) for row, own in enumerate(of_texts) for label in own]
    if not flat:
        raise ArgumentError("expected labels in some row, found empty lists alone: there is nothing to learn")
    _check_labels(flat)
    labels = _sorted_labels([label for _, label in flat])
    check_size(len(texts), len(labels))
    places = {label: place for place, label in enumerate(labels)}
    targets = np.zeros((len(texts), len(labels)), np.float32)
    for row, label in flat:
        targets[row, places[label]] = 1
    notes = _text_notes(texts, [tuple(sorted(own)) for own in of_texts])
    return Examples(texts, targets, labels, "multi_label", tuple(notes))


def _check_labels(numbered: list[tuple[int, Any]]) -> None:
    first = type(numbered[0][1])
    for row, label in numbered:
        if isinstance(label, float):
            raise ArgumentError(
                f"expected labels that are texts or whole numbers, found {label!r} in row {row}: for numbers "
                "to be estimated, train a regression (problem='regression')"
            )
        if type(label) not in (str, int, bool) or not _is_portable(label):
            raise ArgumentError(
                f"expected a text in Unicode or a whole number of up to 64 bits as label in row {row}, found "
                f"{label!r:.40}: mend the row"
            )
        if type(label) is not first:
            raise ArgumentError(
                f"expected labels of one type, found {numbered[0][1]!r:.40} in row {numbered[0][0]} and "
                f"{label!r:.40} in row {row}: '1' and 1 would be two labels; turn them into one type"
            )


def _is_portable(label: Label) -> bool:
    """Tell whether a label can be written to files, and read by other languages."""
    if isinstance(label, str):
        return not any("\ud800" <= character <= "\udfff" for character in label)
    return -(1 << 63) <= label < 1 << 63


def _sorted_labels(labels: Iterable[Label]) -> tuple[Label, ...]:
    found: tuple[Label, ...] = tuple(sorted(set(labels)))  # all of one type
    return found


def _text_notes(texts: list[str], labels: Sequence[object]) -> list[str]:
    notes = []
    n_empty = sum(not text.strip() for text in texts)
    if n_empty:
        notes.append(f"{n_empty:,} empty texts: they are learned from as texts without known tokens")
    kinds: dict[str, set[object]] = {}
    for text, label in zip(texts, labels, strict=True):
        kinds.setdefault(text, set()).add(label)
    n_conflicting = sum(len(own) > 1 for own in kinds.values())
    if n_conflicting:
        notes.append(f"{n_conflicting:,} texts stand there with two labels or more: look at them")
    return notes


def _some(labels: Sequence[Label]) -> str:
    rest = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return ", ".join(repr(label) for label in labels[:3]) + rest
