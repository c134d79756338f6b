"""A classifier whose table holds what each token adds to each logit: as small as a classifier can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.system.row_blocks import row_blocks


def fold_head(model: StaticEmbedding, head: ClassificationHead) -> tuple[StaticEmbedding, ClassificationHead]:
    """Multiply the table by the head's weight: C columns instead of D, and the same logits.

    Of a mean of vectors the head is linear, so the mean of what it makes of each vector is the same. Of unit
    vectors it is not: train the head on plain means for that.

    Args:
        model: a classifier's model that does not normalise.
        head: its head, with neither terms nor pairs, and not of unit vectors.

    Returns:
        A model with an (R, C) float32 table, whose vectors are logits without the bias; and a head that adds
        the bias.

    Raises:
        ArgumentError: for a head, or a model, that cannot be folded.
        FolderError: when they do not fit together.
    """
    head.check_fits(model)
    if head.unit or model.config.normalize or head.terms is not None or head.pairs is not None:
        raise ArgumentError(
            "expected a head of plain means, without terms and pairs, to fold into a table, found another: "
            "train it with unit=False on a model that does not normalise"
        )
    table = np.empty((len(model.table), head.n_outputs), np.float32)
    for rows in row_blocks(model.table):
        table[rows] = model.table[rows].astype(np.float32) @ head.weight
    identity = np.eye(head.n_outputs, dtype=np.float32)
    return replace(model, table=table), replace(head, weight=identity)
