"""A classifier whose head is folded into its table: a column for each label, and no unit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.text_features import TextFeatures
from m2v_onnx.training.features import read_all


@dataclass(frozen=True, eq=False)
class Folding:
    """How texts are measured where the head is to be folded into the table.

    The mean of token rows, without unit length, is linear in them: what a head makes of it is the mean of
    what it makes of each row.

    Attributes:
        model: the model, whose vectors are plain means.
        features: of all texts, their vectors divided by `length`.
        length: the mean length of the vectors.
        root: the root of the median number of known tokens: what makes 1 / n as large as 1 / sqrt(n).
    """

    model: StaticEmbedding
    features: TextFeatures
    length: float
    root: float

    @classmethod
    def of(cls, model: StaticEmbedding, texts: Sequence[str], *, n_rows: int) -> Folding:
        """Measure texts; for `n_rows` see `read_all`."""
        plain = StaticEmbedding(
            table=model.table,
            tokenizer=model.tokenizer,
            config=replace(model.config, normalize=False),
            weights=model.weights,
            mapping=model.mapping,
        )
        features = read_all(plain, texts, n_rows=n_rows, unit=False)
        length = float(np.linalg.norm(features.vectors, axis=1).mean()) or 1.0
        root = float(np.sqrt(np.median(np.maximum(features.tokens.lengths, 1))))
        return cls(plain, replace(features, vectors=features.vectors / np.float32(length)), length, root)

    def fold(self, head: ClassificationHead) -> tuple[StaticEmbedding, ClassificationHead]:
        """Give the model with a column for each output, and the head that leaves them as they are."""
        model = self.model
        table = model.token_vectors(np.arange(model.n_tokens)) @ head.weight / np.float32(self.length)
        if head.terms is not None:
            table += head.terms * np.float32(self.root)
        config = replace(model.config, recipe=None)
        folded = StaticEmbedding(table=table.astype(np.float32), tokenizer=model.tokenizer, config=config)
        identity = np.eye(head.n_outputs, dtype=np.float32)
        return folded, replace(head, weight=identity, terms=None, unit=False)
