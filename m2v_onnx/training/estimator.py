"""A classifier in scikit-learn's form, for its pipelines, searches and scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from m2v_onnx.classifier import Classifier
from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.static_model import StaticModel
from m2v_onnx.training.classification import train_classifier
from m2v_onnx.training.examples import as_list
from m2v_onnx.training.options import ClassWeight, Learner, TrainingOptions


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """scikit-learn's view of `train_classifier`: texts in, labels out.

    Args:
        model: a static model, its folder, or its Hub id.
        learner: see `TrainingOptions`, as for all that follow.
        pairs: let pairs of neighbouring tokens count.
        class_weight: a factor for the rows of each label, or `balanced`.
        small: fold the head into a table with a column for each label.
        seed: of splits and draws.

    Attributes:
        classes_: the labels, in the order of the columns of `predict_proba`; the numbers of the columns where
            labels are given as a matrix of 0 and 1.
        classifier_: the `Classifier`, which can be saved.
    """

    def __init__(
        self,
        model: StaticModel | str | Path,
        *,
        learner: Learner = "auto",
        pairs: bool = True,
        class_weight: ClassWeight | None = None,
        small: bool = False,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.learner = learner
        self.pairs = pairs
        self.class_weight = class_weight
        self.small = small
        self.seed = seed

    def fit(self, X: Iterable[str], y: Sequence[Any] | npt.NDArray[Any]) -> TextClassifier:  # noqa: N803
        """Learn from texts and labels; errors are those of `train_classifier`.

        Args:
            X: B texts.
            y: a label for each; lists of labels, or (B, C) of 0 and 1, where a text may have several.
        """
        columns = None
        if isinstance(y, np.ndarray) and y.ndim == 2:
            columns, y = y.shape[1], _columns_of(y)
        model = self.model if isinstance(self.model, StaticModel) else StaticModel.from_pretrained(self.model)
        options = TrainingOptions(
            learner=self.learner,
            pairs=self.pairs,
            class_weight=self.class_weight,
            small=self.small,
            seed=self.seed,
        )
        self.classifier_: Classifier = train_classifier(model, X, y, options=options)
        labels = self.classifier_.labels
        self.classes_ = np.array(labels) if columns is None else np.arange(columns)
        if columns is None and self.classes_.tolist() != list(labels):  # NumPy drops NULs at the end of texts
            self.classes_ = np.array(labels, dtype=object)
        return self

    def predict(self, X: Iterable[str]) -> npt.NDArray[Any]:  # noqa: N803
        """Give (B,) labels; (B, C) of 0 and 1 where a text may have several."""
        check_is_fitted(self)
        shares = self.predict_proba(X)
        if self.classifier_.head.problem == "multi_label":
            return (shares > 0.5).astype(np.int64)
        found: npt.NDArray[Any] = self.classes_[shares.argmax(axis=1)]
        return found

    def predict_proba(self, X: Iterable[str]) -> Vectors:  # noqa: N803
        """Give (B, C) float32 probabilities; 0 in the column of a matrix that had no 1."""
        check_is_fitted(self)
        shares = self.classifier_.predict_proba(as_list(X, "texts"))
        if shares.shape[1] == len(self.classes_):
            return shares
        whole = np.zeros((len(shares), len(self.classes_)), np.float32)
        whole[:, np.array(self.classifier_.labels, np.int64)] = shares
        return whole

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401  # scikit-learn's own
        """Say that it takes texts, and no numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_label = True
        return tags


def _columns_of(members: npt.NDArray[Any]) -> list[list[int]]:
    """Give the numbers of the columns that hold a 1 in each row.

    Raises:
        ArgumentError: for other values than 0 and 1.
    """
    if not np.isin(members, (0, 1)).all():
        raise ArgumentError("expected a matrix of 0 and 1, found other numbers: pass the labels themselves")
    return [np.flatnonzero(row).tolist() for row in members]
