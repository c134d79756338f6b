"""The models that are served, and their exchange while requests come in."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import numpy as np

from m2v_onnx.classifier import Classifier
from m2v_onnx.errors import M2vOnnxError
from m2v_onnx.folder.classifier_files import is_classifier, read_head
from m2v_onnx.folder.places import local_folder
from m2v_onnx.model.quantization import dequantize_table, quantize_table
from m2v_onnx.model.quantized_head import dequantize_head, quantize_head
from m2v_onnx.model.vectors import Vectors, to_unit
from m2v_onnx.serve.errors import RefusedError
from m2v_onnx.serve.settings import Settings
from m2v_onnx.static_model import StaticModel
from m2v_onnx.system.lazy import lazy_property

logger = logging.getLogger(__name__)

# More than any model has ready for at once: what is slow to load is loaded before the first request.
_MANY_TEXTS = ["all that is loaded for many texts at once"] * 200


@dataclass(frozen=True)
class ServedModel:
    """A model under the name that clients ask for.

    Attributes:
        name: the name.
        static_model: the model, its table in memory: its files may be written to.
        loaded_at: when it was loaded, in seconds since 1970.
        classifier: the classifier on it, where its folder holds one.
    """

    name: str
    static_model: StaticModel
    loaded_at: int
    classifier: Classifier | None = None

    @classmethod
    def load(cls, name: str, place: str, settings: Settings) -> ServedModel:
        """Load a model with all that is slow to load.

        Raises:
            FolderError: when there is no such model, or it is damaged.
        """
        folder = local_folder(place, precision=settings.precision, token=settings.token)
        model = StaticModel.from_pretrained(folder, precision=settings.precision, memory_map=False)
        model.encode(_MANY_TEXTS)
        classifier = None
        if is_classifier(folder):
            data = read_head(folder, model, memory_map=False)
            head = data.head
            if settings.precision is not None:
                head = dequantize_head(quantize_head(head, settings.precision))
            classifier = Classifier(_in_its_precision(model), head, data.training)
        return cls(name, model, int(time.time()), classifier)

    def embed(self, texts: list[str], *, dims: int | None = None, normalize: bool | None = None) -> Vectors:
        """Embed texts.

        Args:
            texts: the texts.
            dims: keep this many of the first columns; None for all.
            normalize: whether to give unit vectors; None for what the model does.

        Returns:
            (B, dims) float32.
        """
        is_normalized = self.static_model.config.normalize
        model = self._raw if is_normalized and normalize is False else self.static_model
        vectors = model.encode(texts)
        if dims is not None:
            vectors = np.ascontiguousarray(vectors[:, :dims])
        wants_unit = is_normalized if normalize is None else normalize
        is_unit = is_normalized and vectors.shape[1] == model.dim
        return to_unit(vectors) if wants_unit and not is_unit else vectors

    @lazy_property
    def _raw(self) -> StaticModel:
        """The same numbers without the last step."""
        model = _in_its_precision(self.static_model)
        return replace(model, config=replace(model.config, normalize=False))


def _in_its_precision(model: StaticModel) -> StaticModel:
    """Give a model whose table has the numbers of the graph that it encodes by."""
    if model.precision is None:
        return model
    return replace(model, table=dequantize_table(quantize_table(model.table, model.precision)))


class ModelStore:
    """The models of a server. Thread-safe: a request keeps the model that it found.

    Args:
        settings: which models.

    Raises:
        FolderError: when one of them cannot be loaded.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models = self._load()

    def all(self) -> list[ServedModel]:
        """Give the models in the order of the command line."""
        return list(self._models.values())

    def find(self, name: object) -> ServedModel:
        """Give the model of a name; the first for None.

        Raises:
            RefusedError: with the names that there are.
        """
        models = self._models
        if name is None:
            return next(iter(models.values()))
        found = models.get(name) if isinstance(name, str) else None
        if found is None:
            raise RefusedError(
                404,
                f"expected model to be one of {', '.join(models)}, found {name!r:.100}",
                param="model",
                code="model_not_found",
            )
        return found

    def reload(self) -> bool:
        """Load all models again; keep those that there are where one of them cannot be loaded."""
        try:
            models = self._load()
        except (M2vOnnxError, OSError, MemoryError) as error:
            logger.error("kept the models that were loaded before: %s", error)
            return False
        self._models = models
        logger.info("loaded %s again", ", ".join(models))
        return True

    def _load(self) -> dict[str, ServedModel]:
        places = self._settings.models
        return {name: ServedModel.load(name, place, self._settings) for name, place in places.items()}
