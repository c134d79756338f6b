"""The fastest tokenizer and the fastest mean that have a model's numbers.

A fast tokenizer is taken for the family that it proved exact on, over all text of the benchmark
`benchmarks.fast_tokenizers`, and only when it gives the reference's ids for HARD_TEXTS, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.model.quantization import PRECISIONS, Precision, quantize_table
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.batch_tokenizer import BatchTokenizer, ReferenceTokenizer
from m2v_onnx.runtime.fast_libraries import GigatokenTokenizer, TokieTokenizer
from m2v_onnx.runtime.row_mean import CompiledMean, NumpyMean, RowMean
from m2v_onnx.runtime.word_piece import CompiledWordPiece
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS
from m2v_onnx.tokenizer.token_ids import TokenIds


@dataclass(frozen=True)
class TokenizerChoice:
    """A tokenizer, and why it was chosen."""

    tokenizer: BatchTokenizer
    reason: str


FAST_TOKENIZERS: dict[str, Callable[[StaticEmbedding], BatchTokenizer]] = {
    "WordPiece": CompiledWordPiece,
    "BPE": GigatokenTokenizer,
    "Unigram": TokieTokenizer,
}


def choose_tokenizer(model: StaticEmbedding) -> TokenizerChoice:
    """Take the fast tokenizer of a model's tokenizer family, when it is there and proves exact.

    Args:
        model: whose tokenizer to run.
    """
    reference = ReferenceTokenizer(model)
    family = type(model.tokenizer.model).__name__
    if family not in FAST_TOKENIZERS:
        return TokenizerChoice(reference, f"no fast tokenizer for {family}")
    try:
        fast = FAST_TOKENIZERS[family](model)
    except ImportError as error:
        name = str(error.name)
        if name.startswith("m2v_onnx."):
            return TokenizerChoice(reference, "m2v-onnx was installed without a C compiler")
        return TokenizerChoice(reference, f'{name} is not installed: `pip install "m2v-onnx[fast]"`')
    except ValueError as error:  # a component that it does not know
        return TokenizerChoice(reference, f"the fast tokenizer refuses it: {error}")
    expected, found = (one.tokenize(HARD_TEXTS).to_lists() for one in (reference, fast))
    for text, one, other in zip(HARD_TEXTS, expected, found, strict=True):
        if one != other:
            return TokenizerChoice(reference, f"{fast.name} gives other tokens for {text!r:.40}")
    return TokenizerChoice(fast, f"equal to tokenizers on {len(HARD_TEXTS)} hard texts")


def choose_mean(model: StaticEmbedding, *, graph_path: Path | None, precision: Precision | None) -> RowMean:
    """Take the fastest mean that is there and has the numbers of a precision.

    Args:
        model: the model.
        graph_path: its ids graph, of that precision; None for none.
        precision: the number type; None for whatever is fastest and exact.

    Raises:
        FolderError: when the graph is damaged, or of another model.
    """
    if precision is None and CompiledMean.is_available():
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
