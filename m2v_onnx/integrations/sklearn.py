"""A static model as a transformer of scikit-learn; BERTopic takes a pipeline of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from m2v_onnx.model.quantization import Precision
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.shared_models import absolute_name, load_shared
from m2v_onnx.static_model import StaticModel


class StaticEmbedder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Turns texts into vectors; nothing is fitted.

    It holds the model's name: cloned and pickled it stays small, and a process loads each model once.

    Args:
        model: the folder or Hub id of a static model.
        precision: see `StaticModel.from_pretrained`.
        dims: keep so many of the first columns.
        normalize: whether to give unit vectors; None for what the model does.
    """

    def __init__(
        self,
        model: str,
        *,
        precision: Precision | None = None,
        dims: int | None = None,
        normalize: bool | None = None,
    ) -> None:
        self.model = model
        self.precision = precision
        self.dims = dims
        self.normalize = normalize

    def __getstate__(self) -> dict[str, Any]:
        """Give the folder's whole path: another process may work in another folder."""
        state: dict[str, Any] = super().__getstate__()
        return {**state, "model": absolute_name(self.model)}

    def fit(self, X: Iterable[str], y: object = None) -> StaticEmbedder:  # noqa: ARG002, N803  # scikit-learn's
        """Load the model.

        Raises:
            FolderError: when there is no such model, or it is damaged.
        """
        self._load()
        return self

    def transform(self, X: Iterable[str]) -> Vectors:  # noqa: N803  # scikit-learn's
        """Give (B, D) float32, the vectors of B texts.

        Raises:
            ArgumentError: for anything that is not valid text.
        """
        return self._load().encode(list(X))

    def get_feature_names_out(self, input_features: object = None) -> Any:  # noqa: ANN401, ARG002
        """Give (D,) names of the columns."""
        return np.array([f"embedding{column}" for column in range(self._load().dim)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.requires_fit = False
        return tags

    def _load(self) -> StaticModel:
        return load_shared(self.model, precision=self.precision, dims=self.dims, normalize=self.normalize)
