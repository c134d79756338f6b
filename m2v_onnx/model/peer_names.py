"""What the same things are called by model2vec."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Table


class PeerNames(StaticEmbedding):
    """The data of a static model by model2vec's names; they are read alone."""

    @property
    def embedding(self) -> Table:
        """The table."""
        return self.table

    @property
    def embedding_dtype(self) -> str:
        """The number type of the table."""
        return str(self.table.dtype.name)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens, by their ids."""
        vocabulary = self.tokenizer.get_vocab()
        return tuple(sorted(vocabulary, key=vocabulary.__getitem__))

    @property
    def token_mapping(self) -> npt.NDArray[np.int32] | None:
        """The table's row of each token; None for the identity."""
        return self.mapping

    @property
    def vocabulary_quantization(self) -> int | None:
        """How many rows the tokens share; None where each has its own."""
        return None if self.mapping is None else len(self.table)

    @property
    def normalize(self) -> bool:
        """Whether `encode` gives unit vectors."""
        return self.config.normalize

    @property
    def max_length(self) -> int | None:
        """Tokens of a text that count; None for all."""
        return self.config.max_length

    @property
    def base_model_name(self) -> str | None:
        """The name of the model it was distilled from."""
        return self.config.teacher

    @property
    def language(self) -> list[str] | None:
        """The languages that its teacher's card names; None for none."""
        return list(self.config.provenance.language) or None
