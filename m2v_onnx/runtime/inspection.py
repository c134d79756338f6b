"""What a static model is, and how it sees a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from m2v_onnx.config import Recipe
from m2v_onnx.model import StaticModel
from m2v_onnx.ort import open_session
from m2v_onnx.runtime.engines import choose_engine
from m2v_onnx.runtime.pooling import CompiledPooling


@dataclass(frozen=True)
class GraphDescription:
    """An ONNX file: its size, its inputs and outputs as `name type shape`, and its metadata."""

    path: str
    size_bytes: int
    inputs: list[str]
    outputs: list[str]
    metadata: dict[str, str]


@dataclass(frozen=True)
class ModelDescription:
    """A static model at a glance; `tokenizer_engine` and `pooling` work on batches here, and say why."""

    teacher: str | None
    tokens: int
    dim: int
    dtype: str
    table_bytes: int
    tokenizer: str
    tokenizer_engine: str
    pooling: str
    normalize: bool
    max_length: int | None
    recipe: Recipe | None
    graph: GraphDescription | None


@dataclass(frozen=True)
class TokenDescription:
    """A token of a text; its weight is the length of its vector, and 0 where it does not count."""

    token: str
    id: int
    weight: float


def describe_model(model: StaticModel) -> ModelDescription:
    """Describe a model; opens its graph.

    Raises:
        FolderError: when the graph is damaged.
    """
    choice = choose_engine(model)
    return ModelDescription(
        teacher=model.config.teacher,
        tokens=model.n_tokens,
        dim=model.dim,
        dtype=model.table.dtype.name,
        table_bytes=model.table.nbytes,
        tokenizer=type(model.tokenizer.model).__name__,
        tokenizer_engine=f"{choice.engine.name} ({choice.reason})",
        pooling=_describe_pooling(model),
        normalize=model.config.normalize,
        max_length=model.config.max_length,
        recipe=model.config.recipe,
        graph=_describe_graph(model),
    )


def describe_text(model: StaticModel, text: str) -> list[TokenDescription]:
    """Give the tokens of a text, in order, those that do not count included.

    Raises:
        ArgumentError: for invalid text.
    """
    model.tokenize([text])  # refuses what is no text
    ids = model.tokenizer.encode(text, add_special_tokens=False).ids
    lengths = np.linalg.norm(model.token_vectors(ids), axis=1)
    return [
        TokenDescription(
            token=str(model.tokenizer.id_to_token(token_id)),
            id=token_id,
            weight=0.0 if token_id in model.masked_ids else float(length),
        )
        for token_id, length in zip(ids, lengths, strict=True)
    ]


def _describe_pooling(model: StaticModel) -> str:
    if CompiledPooling.is_available():
        return "compiled C"
    name = "NumPy" if model.graph_path is None else "onnxruntime"
    return f"{name} (m2v-onnx was installed without a C compiler)"


def _describe_graph(model: StaticModel) -> GraphDescription | None:
    if model.graph_path is None:
        return None
    session = open_session(model.graph_path)
    optional = session.get_overridable_initializers()
    return GraphDescription(
        path=str(model.graph_path),
        size_bytes=model.graph_path.stat().st_size,
        inputs=[_signature(entry) for entry in session.get_inputs()]
        + [f"{_signature(entry)} (optional)" for entry in optional],
        outputs=[_signature(entry) for entry in session.get_outputs()],
        metadata=dict(sorted(session.get_modelmeta().custom_metadata_map.items())),
    )


def _signature(entry: object) -> str:
    """Write an input or output as onnxruntime describes it: `input_ids int64 [batch, sequence]`."""
    kind = str(getattr(entry, "type", "")).removeprefix("tensor(").removesuffix(")")
    return f"{getattr(entry, 'name', '')} {kind} [{', '.join(map(str, getattr(entry, 'shape', [])))}]"
