"""Token ids to vectors by the model's ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.names import EMBEDDED_GRAPHS
from m2v_onnx.model.vectors import Table, Vectors
from m2v_onnx.system.onnx_runtime import ORT_ERRORS, first_line, open_session
from m2v_onnx.tokenizer.token_ids import TokenIds

# Padded batches stay in the cache: 64 rows of 50 tokens are five times as fast as 256 rows.
_MAX_BATCH_TOKENS = 4096
_MAX_BATCH_TEXTS = 64
# Our graphs then leave out the hidden states, half of the work.
_NO_TYPES = np.empty((0, 0), np.int64)


class GraphMean:
    """RowMean by an ids graph under onnxruntime.

    Args:
        path: the ONNX file.
        table: the (R, D) table, which the graph shares when it does not embed one.

    Raises:
        FolderError: when the file is damaged, no ids graph, or of another width.
    """

    suits_few = False

    def __init__(self, path: Path, *, table: Table) -> None:
        self._path = path
        self._session = open_session(path, table=None if path.parent.name == EMBEDDED_GRAPHS else table)
        dim = table.shape[1]
        shapes = {output.name: output.shape for output in self._session.get_outputs()}
        if shapes.get("sentence_embedding", [None])[-1] != dim:
            raise FolderError(
                f"expected an output sentence_embedding of width {dim} in {path}, found {shapes}: "
                "table and graph are of two models; write the folder again by `m2v-onnx export`"
            )

    def mean(self, found: TokenIds, out: Vectors) -> None:
        """See `RowMean`."""
        for indices in _batches(found.lengths):
            ids, mask = _pad(found, indices)
            feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": _NO_TYPES}
            try:
                out[indices] = self._session.run(["sentence_embedding"], feeds)[0]
            except ORT_ERRORS as error:
                raise FolderError(
                    f"expected a graph that takes the ids of its own tokenizer, {self._path} failed "
                    f"({first_line(error)}): write the folder again with `m2v-onnx export`"
                ) from error


def _batches(lengths: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Group the indices of texts by length, so that little is padded."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + 1
        while (
            stop < len(order)
            and stop - start < _MAX_BATCH_TEXTS
            and (stop - start + 1) * lengths[order[stop]] <= _MAX_BATCH_TOKENS
        ):
            stop += 1
        yield order[start:stop]
        start = stop


def _pad(
    found: TokenIds, indices: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Give ids and attention mask, (B, T) int64 each, of B texts of up to T tokens."""
    lengths = found.lengths[indices]
    mask = np.arange(lengths.max()) < lengths[:, None]
    places = np.where(mask, found.offsets[indices][:, None] + np.arange(mask.shape[1]), 0)
    ids = found.ids[places] if places.size else places
    return ids.astype(np.int64), mask.astype(np.int64)
