"""What graphs of one model are built from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.static_embedding import StaticEmbedding

if TYPE_CHECKING:
    from m2v_onnx.export.tables.tokenizer_tables import TokenizerTables


@dataclass(frozen=True)
class GraphSources:
    """A model, and what takes long to make of it: made once, when a builder asks for it, and freed with this.

    Attributes:
        model: the model.
        head: a classifier's; None for a model that gives vectors.
    """

    model: StaticEmbedding
    head: ClassificationHead | None = None

    @cached_property
    def tables(self) -> TokenizerTables:
        """The tables of the model's tokenizer: some seconds.

        Raises:
            ArgumentError: when a graph that takes text cannot carry the tokenizer exactly; it names what
                stands in the way.
        """
        from m2v_onnx.export.tables.tokenizer_tables import build_tokenizer_tables  # slow: a dozen modules

        return build_tokenizer_tables(self.model.tokenizer)
