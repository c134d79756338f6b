"""A classifier's folder: that of its static model, the head, and what config.json says of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.config_file import OUR_SECTION
from m2v_onnx.folder.json_values import read_value
from m2v_onnx.folder.names import CONFIG_NAME, HEAD_NAME
from m2v_onnx.folder.reading import read_embedding
from m2v_onnx.folder.tensors import map_tensors
from m2v_onnx.folder.writing import write_embedding
from m2v_onnx.model.classification_head import PAIR_FACTORS, ClassificationHead, Label, Problem
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.system.text_files import read_json, readable

# What transformers calls the problems.
PROBLEM_TYPES: dict[Problem, str] = {
    "single_label": "single_label_classification",
    "multi_label": "multi_label_classification",
    "regression": "regression",
}
# What model2vec calls what is behind the last layer.
_ACTIVATIONS: dict[Problem, str] = {
    "single_label": "softmax",
    "multi_label": "sigmoid",
    "regression": "identity",
}
_SECTION = "classifier"
# As model2vec and torch write a linear layer: a row for each label.
_WEIGHT, _BIAS = "head.0.weight", "head.0.bias"
_BOOLEANS = {"True": True, "False": False}


@dataclass(frozen=True)
class ClassifierData:
    """The data of a classifier.

    Attributes:
        model: its static model.
        head: what makes labels of the model's vectors and tokens.
        training: how it was trained, in values of JSON; empty where nobody knows.
    """

    model: StaticEmbedding
    head: ClassificationHead
    training: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.head.check_fits(self.model)


def is_classifier(folder: Path) -> bool:
    """Tell whether a local folder holds a classifier, as m2v-onnx writes it."""
    with readable(folder):
        if not (folder / CONFIG_NAME).is_file() or not (folder / HEAD_NAME).is_file():
            return False
        section = read_json(folder / CONFIG_NAME, dict).get(OUR_SECTION)
        return isinstance(section, dict) and _SECTION in section


def write_classifier_data(data: ClassifierData, folder: Path) -> None:
    """Write a classifier's data into an existing folder: its model's, the head, and what config.json says.

    The bytes depend on the data alone.

    Raises:
        FolderError: when the table holds NaN or infinity.
    """
    write_embedding(data.model, folder)
    head = data.head
    tensors: dict[str, npt.NDArray[Any]] = {_WEIGHT: np.ascontiguousarray(head.weight.T), _BIAS: head.bias}
    tensors |= {n: np.ascontiguousarray(t) for n, t in _tables(head).items() if t is not None}
    save_file(tensors, folder / HEAD_NAME)
    (folder / HEAD_NAME).chmod(
        (folder / CONFIG_NAME).stat().st_mode
    )  # safetensors writes for the owner alone
    content: dict[str, Any] = read_json(folder / CONFIG_NAME, dict)
    section = {**content.pop(OUR_SECTION), _SECTION: _section(data)}
    content |= _engine_keys(data)
    text = json.dumps({**content, OUR_SECTION: section}, indent=2, ensure_ascii=False)
    (folder / CONFIG_NAME).write_text(text + "\n", encoding="utf-8")


def read_classifier(folder: Path, *, memory_map: bool = True) -> ClassifierData:
    """Read a classifier's folder.

    Args:
        folder: a local folder.
        memory_map: leave table, terms and pairs in their files; False reads them.

    Raises:
        FolderError: when the folder is none of a classifier, or a file is damaged.
    """
    folder = folder.expanduser()
    check_classifier(folder)
    return read_head(folder, read_embedding(folder, memory_map=memory_map), memory_map=memory_map)


def check_classifier(folder: Path) -> None:
    """Refuse a folder that holds no classifier.

    Raises:
        FolderError: saying so.
    """
    if not is_classifier(folder):
        raise FolderError(
            f"expected the folder of a classifier, with {HEAD_NAME}, found none in {folder}: make one with "
            "`m2v-onnx train`"
        )


def read_head(folder: Path, model: StaticEmbedding, *, memory_map: bool = True) -> ClassifierData:
    """Read what a classifier's folder holds beside its static model.

    Raises:
        FolderError: when a file is damaged, or does not fit the model.
    """
    with readable(folder):
        path = folder / CONFIG_NAME
        content: dict[str, Any] = read_json(path, dict)
        section = read_value(content[OUR_SECTION], _SECTION, dict, path, default={})
        training = read_value(section, "training", dict, path, default={})
        tensors = map_tensors(folder / HEAD_NAME)
        try:
            if not memory_map:
                tensors = {name: np.array(tensor) for name, tensor in tensors.items()}
            return ClassifierData(model, _make_head(tensors, content, section, path), training)
        except FolderError as error:
            raise FolderError(f"{folder}: {error}") from error


def label_texts(head: ClassificationHead) -> list[str]:
    """Give what each column is called: its label as a text; a number in a regression, which has no labels."""
    if head.problem == "regression":
        return [f"LABEL_{column}" for column in range(head.n_outputs)]
    return [str(label) for label in head.labels]


def _tables(head: ClassificationHead) -> dict[str, npt.NDArray[np.float32] | None]:
    return {"terms": head.terms, "pairs": head.pairs}


def _engine_keys(data: ClassifierData) -> dict[str, Any]:
    """Give what transformers-shaped engines read, and model2vec where it gives the same."""
    head, texts = data.head, label_texts(data.head)
    keys: dict[str, Any] = {
        "architectures": ["BertForSequenceClassification"],
        "problem_type": PROBLEM_TYPES[head.problem],
        "id2label": {str(column): text for column, text in enumerate(texts)},
        "label2id": {text: column for column, text in enumerate(texts)},
    }
    # model2vec knows a layer over vectors alone.
    is_linear = head.terms is None and head.pairs is None and head.unit == data.model.config.normalize
    if is_linear:
        classes = list(head.labels) or None
        keys["head_config"] = {"n_layers": 1, "activation": _ACTIVATIONS[head.problem], "classes": classes}
    return keys


def _section(data: ClassifierData) -> dict[str, Any]:
    head = data.head
    return {
        "label_type": type(head.labels[0]).__name__ if head.labels else None,
        "unit": head.unit,
        "pair_factors": None if head.pairs is None else list(PAIR_FACTORS),
        "training": dict(data.training),
    }


def _make_head(
    tensors: dict[str, npt.NDArray[Any]], content: dict[str, Any], section: dict[str, Any], path: Path
) -> ClassificationHead:
    problems = {name: problem for problem, name in PROBLEM_TYPES.items()}
    problem = problems.get(str(content.get("problem_type")))
    if problem is None:
        found = content.get("problem_type")
        raise FolderError(
            f"problem_type in {path} must be one of {', '.join(problems)}, found {found!r:.60}: mend the file"
        )
    factors = read_value(section, "pair_factors", list, path, default=list(PAIR_FACTORS))
    if factors != list(PAIR_FACTORS):
        raise FolderError(
            f"pair_factors in {path} must be {list(PAIR_FACTORS)}, found {factors!r:.60}: install the "
            "m2v-onnx that wrote the folder"
        )
    if not {_WEIGHT, _BIAS} <= tensors.keys():
        raise FolderError(
            f"expected {_WEIGHT} and {_BIAS} in {HEAD_NAME}, found {', '.join(sorted(tensors))}"
        )
    return ClassificationHead(
        labels=() if problem == "regression" else _read_labels(content, section, path),
        weight=np.ascontiguousarray(tensors[_WEIGHT].T),
        bias=tensors[_BIAS],
        terms=tensors.get("terms"),
        pairs=tensors.get("pairs"),
        problem=problem,
        unit=read_value(section, "unit", bool, path, default=True),
    )


def _read_labels(content: dict[str, Any], section: dict[str, Any], path: Path) -> tuple[Label, ...]:
    """Give the labels, which config.json holds as texts, in their own type."""
    texts = read_value(content, "id2label", dict, path, default={})
    kind = read_value(section, "label_type", str, path, default="str")
    try:
        ordered = [texts[str(column)] for column in range(len(texts))]
        if not all(isinstance(text, str) for text in ordered):
            raise TypeError("a label that is no text")
        if kind == "int":
            return tuple(int(text) for text in ordered)
        return tuple(_BOOLEANS[text] for text in ordered) if kind == "bool" else tuple(ordered)
    except (KeyError, TypeError, ValueError) as error:
        raise FolderError(
            f"expected labels of type {kind} under 0, 1, … in id2label of {path}, found others ({error!r})"
        ) from error
