"""The kinds of graph that a folder can hold: to add one, add its record here, and a file that builds it.

Nothing here imports onnx: the command line lists the kinds where the extra is not installed, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from m2v_onnx.folder.names import CODEPOINTS_STEM, EMBEDDED_GRAPHS, IDS_STEM, TEXT_STEM, graph_file_name
from m2v_onnx.model.quantization import PRECISIONS, Precision

if TYPE_CHECKING:
    from m2v_onnx.export.graph import Graph
    from m2v_onnx.export.sources import GraphSources

GraphName = Literal["ids", "ids3", "tokens", "text", "codepoints", "tokenizer"]
TablePlace = Literal["embedded", "shared"]
Result = Literal["vectors", "token vectors", "token ids"]
DEFAULT_GRAPHS: tuple[GraphName, ...] = ("ids",)

Feeds = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class GraphKind:
    """A kind of graph.

    Attributes:
        stem: of the names of its files.
        about: what it is for, in a few words.
        build: makes the graph with a table of a precision.
        feed: gives the inputs for texts and their token ids.
        result: what it gives. `token ids` are `input_ids` and `attention_mask`. The others give
            `sentence_embedding`. A `last_hidden_state` holds the vector of each token with `token vectors`,
            and repeats the sentence's with `vectors`.
        about_head: what it is for in a classifier's folder, where it gives `logits` first; None for a graph
            that stays as it is there.
    """

    stem: str
    about: str
    build: Callable[[GraphSources, Precision], Graph]
    feed: Callable[[Sequence[str], Sequence[list[int]]], Feeds]
    result: Result = "vectors"
    about_head: str | None = None

    @property
    def has_table(self) -> bool:
        """Whether it holds the table, and so has a file for each precision."""
        return self.result != "token ids"

    def file_name(self, precision: Precision) -> str:
        """Give the name of a graph's file, without its folder.

        >>> GRAPH_KINDS["tokens"].file_name("int8"), GRAPH_KINDS["tokenizer"].file_name("int8")
        ('model_tokens_quantized.onnx', 'tokenizer.onnx')
        """
        return graph_file_name(self.stem, precision if self.has_table else "fp32")


@dataclass(frozen=True)
class GraphFile:
    """A graph in a model's folder."""

    path: Path
    graph: GraphName
    precision: Precision

    @property
    def kind(self) -> GraphKind:
        """The kind of the graph."""
        return GRAPH_KINDS[self.graph]


def graph_files(folder: Path) -> Iterator[GraphFile]:
    """Give every graph of a static model that a folder holds, embedded and shared ones."""
    found: dict[Path, GraphFile] = {}
    for parent in (folder / EMBEDDED_GRAPHS, folder):
        for name, kind in GRAPH_KINDS.items():
            for precision in PRECISIONS:
                path = parent / kind.file_name(precision)
                if path.exists():
                    found.setdefault(path, GraphFile(path, name, precision))
    yield from found.values()


# The builders need onnx, which is an extra: each is imported when it is called.


def _build_ids(sources: GraphSources, precision: Precision) -> Graph:
    from m2v_onnx.export.ids.ids_graph import build_ids_graph  # needs an extra

    return build_ids_graph(sources.model, precision=precision, head=sources.head)


def _build_ids3(sources: GraphSources, precision: Precision) -> Graph:
    from m2v_onnx.export.ids.ids_graph import build_ids_graph  # needs an extra

    return build_ids_graph(sources.model, precision=precision, token_types="required", head=sources.head)


def _build_tokens(sources: GraphSources, precision: Precision) -> Graph:
    from m2v_onnx.export.ids.tokens_graph import build_tokens_graph  # needs an extra

    return build_tokens_graph(sources.model, precision=precision)


def _build_text(sources: GraphSources, precision: Precision) -> Graph:
    from m2v_onnx.export.text.text_graph import build_text_graph  # needs an extra

    return build_text_graph(sources.model, sources.tables, precision=precision, head=sources.head)


def _build_codepoints(sources: GraphSources, precision: Precision) -> Graph:
    from m2v_onnx.export.text.text_graph import build_codepoints_graph  # needs an extra

    return build_codepoints_graph(sources.model, sources.tables, precision=precision, head=sources.head)


def _build_tokenizer(sources: GraphSources, _precision: Precision) -> Graph:
    from m2v_onnx.export.text.text_graph import build_tokenizer_graph  # needs an extra

    return build_tokenizer_graph(sources.model, sources.tables)


def _feed_texts(texts: Sequence[str], _token_ids: Sequence[list[int]]) -> Feeds:
    return {"text": np.array(texts, dtype=object)}


def _feed_codepoints(texts: Sequence[str], _token_ids: Sequence[list[int]]) -> Feeds:
    codepoints = np.zeros((len(texts), max(map(len, texts))), np.int32)
    for row, text in zip(codepoints, texts, strict=True):
        row[: len(text)] = [ord(character) for character in text]
    return {"codepoints": codepoints}


def _feed_ids(_texts: Sequence[str], token_ids: Sequence[list[int]]) -> Feeds:
    ids = np.zeros((len(token_ids), max(map(len, token_ids))), np.int64)
    mask = np.zeros_like(ids)
    for row, one in enumerate(token_ids):
        ids[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def _feed_ids3(texts: Sequence[str], token_ids: Sequence[list[int]]) -> Feeds:
    feeds = _feed_ids(texts, token_ids)
    return {**feeds, "token_type_ids": np.zeros_like(feeds["input_ids"])}


GRAPH_KINDS: dict[GraphName, GraphKind] = {
    "ids": GraphKind(
        IDS_STEM,
        "token ids in, the vectors of texts out",
        _build_ids,
        _feed_ids,
        about_head="token ids in, logits and probabilities out",
    ),
    "ids3": GraphKind(
        f"{IDS_STEM}_ids3",
        "the same, for engines that feed `token_type_ids` always",
        _build_ids3,
        _feed_ids3,
        about_head="the same, for engines that feed `token_type_ids` always",
    ),
    "tokens": GraphKind(
        f"{IDS_STEM}_tokens",
        "token ids in, the vector of every token out",
        _build_tokens,
        _feed_ids,
        result="token vectors",
    ),
    "text": GraphKind(
        TEXT_STEM,
        "strings in, the vectors of texts out: the tokenizer is inside",
        _build_text,
        _feed_texts,
        about_head="strings in, logits, probabilities and labels out: the tokenizer is inside",
    ),
    "codepoints": GraphKind(
        CODEPOINTS_STEM,
        "the same for code points, where strings will not do",
        _build_codepoints,
        _feed_codepoints,
        about_head="the same for code points, where strings will not do",
    ),
    "tokenizer": GraphKind(
        "tokenizer",
        "strings in, token ids and mask out",
        _build_tokenizer,
        _feed_texts,
        result="token ids",
    ),
}
