"""Everything that can be evaluated, found by what a user wrote."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import numpy as np

from m2v_onnx.classifier import Classifier
from m2v_onnx.errors import ArgumentError
from m2v_onnx.evaluation.tasks.task import Encoder, EvaluatedModel
from m2v_onnx.folder.classifier_files import is_classifier
from m2v_onnx.folder.reading import is_model_folder
from m2v_onnx.model.quantization import Precision
from m2v_onnx.static_model import StaticModel
from m2v_onnx.version import __version__

Source = str | Path | Encoder

_PRECISIONS: dict[str, Precision] = {f":{precision}": precision for precision in get_args(Precision)}
_PYTHON = "python:"
_TEACHER = "teacher:"
# What an object of somebody else's is known again by: the vectors that it gives to these.
_PROBES = [
    "",
    "sun",
    "The quick brown fox jumps over the lazy dog.",
    "It's 12:30 on 2024-09-21; 1,234.5 km\N{SUPERSCRIPT TWO} to go!",
    "Größe, naïve, Ελλάδα, Москва, 東京, 서울, العربية, हिन्दी, \N{GRINNING FACE}",
    "protein kinase inhibitors in the treatment of myeloid leukaemia",
    "How do I get my money back if the card has not arrived yet?",
]


def parse_model(text: str) -> tuple[str, str]:
    """Split `[NAME=]MODEL` into name and model; the name is else the folder's own, or the model as it stands.

    >>> parse_model("small=models/minilm-64"), parse_model("owner/name")
    (('small', 'models/minilm-64'), ('owner/name', 'owner/name'))
    """
    name, separator, model = text.partition("=")
    if separator:
        return name, model
    place, suffix = _split_precision(text)
    path = Path(place).expanduser()
    return (f"{path.absolute().name}{suffix}" if path.exists() else text), text


def load_model(source: Source, *, name: str) -> EvaluatedModel:
    """Load what is to be evaluated.

    Args:
        source: the folder or Hub id of a static model, where it is ours with `:int8` or another precision
            behind it to encode by that graph; the folder of a classifier; a file of word vectors;
            a teacher's folder, or `teacher:` and its folder or Hub id; `python:` and the place of an object
            with `encode` (`module.attribute`); or such an object itself.
        name: what it is called in tables.

    Raises:
        ArgumentError: when a place of Python holds no object with `encode`.
        FolderError: when there is no such static model, or it is damaged.
        TeacherError: when there is no such teacher, or it cannot run.
    """
    if isinstance(source, StaticModel):
        return _static_model(source, name)
    if not isinstance(source, str | Path):
        return _any_model(source, name)
    text = str(source)
    if text.startswith(_PYTHON):
        return load_model(_import_object(text.removeprefix(_PYTHON)), name=name)
    folder = Path(text).expanduser()
    if text.startswith(_TEACHER) or (folder.is_dir() and not is_model_folder(folder)):
        from m2v_onnx.teacher.encoder import TeacherEncoder  # slow: onnxruntime

        teacher = TeacherEncoder(text.removeprefix(_TEACHER))
        return EvaluatedModel(name, teacher, teacher.fingerprint(), teacher.onnx_path.stat().st_size)
    place, suffix = _split_precision(text)
    if suffix and is_classifier(Path(place).expanduser()):
        raise ArgumentError(
            f"expected a classifier without a precision, found {text}: leave out {suffix}, or "
            f"verify its graphs (m2v-onnx verify {place})"
        )
    if is_classifier(folder):
        return _classifier(Classifier.from_pretrained(folder), name)
    return _static_model(StaticModel.from_pretrained(place, precision=_PRECISIONS.get(suffix)), name)


def _split_precision(text: str) -> tuple[str, str]:
    """Split `MODEL:int8` behind the model.

    >>> _split_precision("my-model:int8"), _split_precision("C:/my-model")
    (('my-model', ':int8'), ('C:/my-model', ''))
    """
    suffix = next((suffix for suffix in _PRECISIONS if text.endswith(suffix)), "")
    return text.removesuffix(suffix), suffix


def _static_model(model: StaticModel, name: str) -> EvaluatedModel:
    arrays = [array for array in (model.table, model.weights, model.mapping) if array is not None]
    settings = json.dumps([__version__, model.precision, asdict(model.config)])
    digest = hashlib.sha256(settings.encode())
    digest.update(model.tokenizer.to_str().encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    if model.graph_path is not None:
        digest.update(model.graph_path.read_bytes())
    if model.precision is not None and model.graph_path is not None:
        size_bytes = model.graph_path.stat().st_size
    else:
        size_bytes = sum(array.nbytes for array in arrays)
    return EvaluatedModel(name, model, digest.hexdigest()[:16], size_bytes)


def _classifier(classifier: Classifier, name: str) -> EvaluatedModel:
    """Give an encoder that knows labels, too."""
    model, head = _static_model(classifier.model, name), classifier.head
    digest = hashlib.sha256(f"{model.fingerprint} {head.labels} {head.problem}".encode())
    arrays = [array for array in (head.weight, head.bias, head.terms, head.pairs) if array is not None]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    size_bytes = (model.size_bytes or 0) + sum(array.nbytes for array in arrays)
    fingerprint = digest.hexdigest()[:16]
    return replace(model, classifier=classifier, fingerprint=fingerprint, size_bytes=size_bytes)


def _any_model(encoder: Encoder, name: str) -> EvaluatedModel:
    model = EvaluatedModel(name, encoder, "", getattr(encoder, "size_bytes", None))
    vectors = np.ascontiguousarray(model.embed(_PROBES))
    return replace(model, fingerprint=hashlib.sha256(vectors.data).hexdigest()[:16])


def _import_object(place: str) -> Encoder:
    """Import `module.attribute`, also from the current folder, which no later import looks into."""
    here = str(Path.cwd())
    module_name, _, attribute = place.rpartition(".")
    sys.path.append(here)
    try:
        found: Encoder = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ArgumentError(
            f"expected an object with encode at python:{place}, found {error}: name it as "
            "python:module.attribute, its module in the current folder or installed"
        ) from error
    finally:
        sys.path.reverse()
        sys.path.remove(here)  # the last one
        sys.path.reverse()
    if not hasattr(found, "encode"):
        raise ArgumentError(
            f"expected an object with encode at python:{place}, found a {type(found).__name__}: name a model"
        )
    return found
