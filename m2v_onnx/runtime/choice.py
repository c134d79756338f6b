"""The fastest tokenizer and the fastest mean that have a model's numbers.

A fast tokenizer is taken for the shapes that it proved exact on, over all text of the benchmark
`benchmarks.fast_tokenizers`, and only when it gives the reference's ids for HARD_TEXTS, too. Its first error
is its last.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.model.quantization import PRECISIONS, Precision, quantize_table
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.batch_tokenizer import (
    BatchTokenizer,
    ReferenceTokenizer,
    WatchedTokenizer,
    describe_failure,
    is_failure,
)
from m2v_onnx.runtime.fast_libraries import GigatokenTokenizer, TokieTokenizer
from m2v_onnx.runtime.proven_shapes import PROVEN_SHAPES, read_shape
from m2v_onnx.runtime.row_mean import CompiledMean, NumpyMean, RowMean
from m2v_onnx.runtime.word_piece import CompiledWordPiece
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS
from m2v_onnx.tokenizer.token_ids import TokenIds


@dataclass(frozen=True)
class TokenizerChoice:
    """A tokenizer, and why it was chosen."""

    tokenizer: BatchTokenizer
    reason: str


_Fast = CompiledWordPiece | GigatokenTokenizer | TokieTokenizer
FAST_TOKENIZERS: dict[str, type[_Fast]] = {
    "WordPiece": CompiledWordPiece,
    "BPE": GigatokenTokenizer,
    "Unigram": TokieTokenizer,
}


class _NotTaken(Exception):  # noqa: N818  # no error: a reason
    """Why a fast tokenizer is not taken."""


def choose_tokenizer(model: StaticEmbedding) -> TokenizerChoice:
    """Take the fast tokenizer of a model's tokenizer family, when it is there and proves exact.

    Args:
        model: whose tokenizer to run.
    """
    reference = ReferenceTokenizer(model)
    try:
        fast = _prove(model, reference)
    except _NotTaken as reason:
        return TokenizerChoice(reference, str(reason))
    return TokenizerChoice(
        WatchedTokenizer(fast, model), f"equal to tokenizers on {len(HARD_TEXTS)} hard texts"
    )


def _prove(model: StaticEmbedding, reference: ReferenceTokenizer) -> BatchTokenizer:
    """Give the fast tokenizer that is known to be exact for a model.

    Raises:
        _NotTaken: when there is none.
    """
    family = type(model.tokenizer.model).__name__
    if family not in FAST_TOKENIZERS:
        raise _NotTaken(f"no fast tokenizer for {family}")
    kind = FAST_TOKENIZERS[family]
    if kind.name in PROVEN_SHAPES:  # our own C refuses by itself what it does not know
        shape = read_shape(model.tokenizer)
        if shape not in PROVEN_SHAPES[kind.name]:
            raise _NotTaken(f"{kind.name} is not proved for {shape.kinds}")
    fast, found = _try(kind, model)
    for text, one, other in zip(HARD_TEXTS, reference.tokenize(HARD_TEXTS).to_lists(), found, strict=True):
        if one != other:
            raise _NotTaken(f"{fast.name} gives other tokens for {text!r:.40}")
    return fast


def _try(kind: type[_Fast], model: StaticEmbedding) -> tuple[BatchTokenizer, list[list[int]]]:
    """Make a fast tokenizer; give it, and the ids of HARD_TEXTS.

    Raises:
        _NotTaken: when it is not there, or fails.
    """
    try:
        fast = kind(model)
        return fast, fast.tokenize(HARD_TEXTS).to_lists()
    except ModuleNotFoundError as error:
        name = str(error.name)
        if name.startswith("m2v_onnx."):
            raise _NotTaken("m2v-onnx was installed without a C compiler") from error
        raise _NotTaken(f'{name} is not installed: `pip install "m2v-onnx[fast]"`') from error
    except ValueError as error:  # a component that it does not know
        raise _NotTaken(f"the fast tokenizer refuses it: {error}") from error
    except BaseException as error:
        if not is_failure(error):
            raise
        raise _NotTaken(f"{kind.name} failed: {describe_failure(error)}") from error


def choose_mean(model: StaticEmbedding, *, graph_path: Path | None, precision: Precision | None) -> RowMean:
    """Take the fastest mean that is there and has the numbers of a precision.

    Args:
        model: the model.
        graph_path: its ids graph, of that precision; None for none.
        precision: the number type; None for whatever is fastest and exact.

    Raises:
        FolderError: when the graph is damaged, or of another model.
    """
    if precision in (None, "fp32") and CompiledMean.is_available():  # its numbers are those of the graph
        return CompiledMean(model)
    if precision == "int8":
        quantized = quantize_table(model.table, "int8")
        if CompiledMean.takes(quantized, model):
            return CompiledMean(model, quantized)
    if graph_path is None:
        return NumpyMean(model)
    from m2v_onnx.runtime.graph_mean import GraphMean  # slow: onnxruntime

    graph = GraphMean(graph_path, table=model.table)
    _check_graph(graph, graph_path, model, tolerance=PRECISIONS[precision or "fp32"].tolerance)
    return graph


def _check_graph(graph: RowMean, path: Path, model: StaticEmbedding, *, tolerance: float) -> None:
    """Refuse a graph of another model: an old one, or one that came after the table was loaded."""
    n_tokens = model.n_tokens
    probes = TokenIds.of([[i] for i in (n_tokens // 3, n_tokens // 2, n_tokens - 1)])
    expected, found = np.empty((2, len(probes), model.dim), np.float32)
    NumpyMean(model).mean(probes, expected)
    graph.mean(probes, found)
    if not np.allclose(found, expected, atol=tolerance * np.abs(expected).max(initial=0)):
        raise FolderError(
            f"expected the table's vectors from {path}, found others: they are of two models; load the "
            "folder again, or write it again with `m2v-onnx export`"
        )
