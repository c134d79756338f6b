"""Token ids to vectors by the model's ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.folder import EMBEDDED_GRAPHS
from m2v_onnx.model import Table, Vectors
from m2v_onnx.ort import ORT_ERRORS, first_line, open_session

# Padded batches stay in the cache: 64 rows of 50 tokens are five times as fast as 256 rows.
_MAX_BATCH_TOKENS = 4096
_MAX_BATCH_TEXTS = 64


class GraphPooling:
    """Pooling by an ids graph under onnxruntime. Thread-safe.

    Args:
        path: the ONNX file.
        table: the (R, D) table, which the graph shares when it does not embed one.

    Raises:
        FolderError: when the file is damaged, no ids graph, or of another width.
    """

    def __init__(self, path: Path, *, table: Table) -> None:
        self._path = path
        self._session = open_session(path, table=None if path.parent.name == EMBEDDED_GRAPHS else table)
        dim = table.shape[1]
        shapes = {output.name: output.shape for output in self._session.get_outputs()}
        if shapes.get("sentence_embedding", [None])[-1] != dim:
            raise FolderError(
                f"expected an output sentence_embedding of width {dim} in {path}, found {shapes}: "
                "table and graph are of two models; write the folder again with `m2v-onnx export`"
            )

    def pool(self, token_ids: Sequence[Sequence[int]], out: Vectors) -> None:
        """Write the (B, D) vectors of B texts' token ids into `out`."""
        for indices in _batches(token_ids):
            ids, mask = _pad([token_ids[index] for index in indices])
            feeds = {"input_ids": ids, "attention_mask": mask}
            try:
                out[indices] = self._session.run(["sentence_embedding"], feeds)[0]
            except ORT_ERRORS as error:
                raise FolderError(
                    f"expected a graph that takes the ids of its own tokenizer, {self._path} failed "
                    f"({first_line(error)}): write the folder again with `m2v-onnx export`"
                ) from error


def _batches(token_ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Group the indices of texts with any token by length, so that little is padded."""
    lengths = [len(ids) for ids in token_ids]
    batch: list[int] = []
    for index in sorted((i for i, n in enumerate(lengths) if n), key=lengths.__getitem__):
        if batch and (
            len(batch) == _MAX_BATCH_TEXTS or (len(batch) + 1) * lengths[index] > _MAX_BATCH_TOKENS
        ):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _pad(token_ids: list[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Give ids and attention mask, (B, T) int64 each, of B texts of up to T tokens."""
    ids = np.zeros((len(token_ids), max(map(len, token_ids))), np.int64)
    mask = np.zeros_like(ids)
    for row, text_ids in enumerate(token_ids):
        ids[row, : len(text_ids)] = text_ids
        mask[row, : len(text_ids)] = 1
    return ids, mask
