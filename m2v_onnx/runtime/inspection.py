"""What a static model is, and how it sees a text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2v_onnx.model.config import UnknownTokens
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.choice import choose_tokenizer
from m2v_onnx.runtime.row_mean import CompiledMean
from m2v_onnx.system.onnx_runtime import open_session
from m2v_onnx.tokenizer.library import guarded
from m2v_onnx.tokenizer.texts import check_strings, check_unicode


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
    """A static model at a glance; `batch_tokenizer` and `mean` work on batches here, and say why."""

    teacher: str | None
    tokens: int
    dim: int
    dtype: str
    table_bytes: int
    tokenizer: str
    batch_tokenizer: str
    mean: str
    normalize: bool
    max_length: int | None
    unknown: UnknownTokens
    recipe: Recipe | None
    graph: GraphDescription | None


@dataclass(frozen=True)
class TokenDescription:
    """A token of a text; its weight is the length of its vector, and 0 where it does not count."""

    token: str
    id: int
    weight: float


def describe_model(model: StaticEmbedding, *, graph_path: Path | None) -> ModelDescription:
    """Describe a model, and its ids graph, which is opened.

    Raises:
        FolderError: when the graph is damaged.
    """
    choice = choose_tokenizer(model)
    return ModelDescription(
        teacher=model.config.teacher,
        tokens=model.n_tokens,
        dim=model.dim,
        dtype=model.table.dtype.name,
        table_bytes=model.table.nbytes,
        tokenizer=type(model.tokenizer.model).__name__,
        batch_tokenizer=f"{choice.tokenizer.name} ({choice.reason})",
        mean=_describe_mean(graph_path),
        normalize=model.config.normalize,
        max_length=model.config.max_length,
        unknown=model.config.unknown,
        recipe=model.config.recipe,
        graph=None if graph_path is None else _describe_graph(graph_path),
    )


def describe_text(model: StaticEmbedding, text: str) -> list[TokenDescription]:
    """Give the tokens of a text, in order, those that do not count included.

    Raises:
        ArgumentError: for invalid text.
    """
    check_strings([text])
    check_unicode([text])
    ids = guarded(model.tokenizer.encode, text, add_special_tokens=False).ids
    lengths = np.linalg.norm(model.token_vectors(ids), axis=1)
    return [
        TokenDescription(
            token=str(model.tokenizer.id_to_token(token_id)),
            id=token_id,
            weight=0.0 if token_id in model.masked_ids else float(length),
        )
        for token_id, length in zip(ids, lengths, strict=True)
    ]


def _describe_mean(graph_path: Path | None) -> str:
    if CompiledMean.is_available():
        return "compiled C"
    name = "NumPy" if graph_path is None else "onnxruntime"
    return f"{name} (m2v-onnx was installed without a C compiler)"


def _describe_graph(path: Path) -> GraphDescription:
    session = open_session(path)
    optional = session.get_overridable_initializers()
    return GraphDescription(
        path=str(path),
        size_bytes=path.stat().st_size,
        inputs=[_signature(entry) for entry in session.get_inputs()]
        + [f"{_signature(entry)} (optional)" for entry in optional],
        outputs=[_signature(entry) for entry in session.get_outputs()],
        metadata=dict(sorted(session.get_modelmeta().custom_metadata_map.items())),
    )


def _signature(entry: object) -> str:
    """Write an input or output as onnxruntime describes it: `input_ids int64 [batch, sequence]`."""
    kind = str(getattr(entry, "type", "")).removeprefix("tensor(").removesuffix(")")
    return f"{getattr(entry, 'name', '')} {kind} [{', '.join(map(str, getattr(entry, 'shape', [])))}]"
