"""The tokenizers and means of a model: those that are there at once, and those that take long to load."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from m2v_onnx.model.quantization import Precision
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.batch_tokenizer import BatchTokenizer, ReferenceTokenizer
from m2v_onnx.runtime.choice import choose_mean, choose_tokenizer
from m2v_onnx.runtime.row_mean import CompiledMean, NumpyMean, RowMean
from m2v_onnx.system.lazy import MAKING, lazy_property

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What makes ids of texts, and vectors of ids."""

    tokenizer: BatchTokenizer
    row_mean: RowMean


@cache
def _say_what_is_missing() -> None:
    logger.warning(
        "m2v-onnx was installed without its compiled parts, and encodes several times slower: install a C "
        "compiler, such as gcc, and then m2v-onnx again (pip install --force-reinstall --no-deps)"
    )


class PartStore:
    """The parts of one model. What is loaded stays loaded. Thread-safe.

    Args:
        model: the model.
        graph_path: its ids graph; None for none.
        precision: the number type to encode with; None for whatever is fastest and exact.
    """

    def __init__(
        self, model: StaticEmbedding, *, graph_path: Path | None, precision: Precision | None
    ) -> None:
        self._model = model
        self._graph_path = graph_path
        self._precision = precision
        self._fast: Parts | None = None
        self._fast_for_few: Parts | None = None

    def warm_up(self) -> None:
        """Load the fast tokenizer, which takes a tenth of a second, and the fast mean.

        Raises:
            FolderError: when the graph is damaged, or of another model.
        """
        if self._fast is not None:
            return
        if not CompiledMean.is_available():
            _say_what_is_missing()
        with MAKING:
            if self._fast is not None:  # by a thread that was here first
                return
            tokenizer, row_mean, light = choose_tokenizer(self._model).tokenizer, self._fast_mean, self.light
            self._fast_for_few = Parts(
                tokenizer if tokenizer.suits_few else light.tokenizer,
                row_mean if row_mean.suits_few else light.row_mean,
            )
            self._fast = Parts(tokenizer, row_mean)

    def for_few(self) -> Parts:
        """Give the fastest of what is loaded for texts of few characters."""
        return self._fast_for_few or self.light

    def for_many(self) -> Parts:
        """Give the fastest of what is loaded for texts of many characters."""
        return self._fast or self.light

    @lazy_property
    def light(self) -> Parts:
        """The reference tokenizer, and a mean that loads nothing, or the one that has the precision."""
        table = self._model.table
        is_ready = table.dtype == np.float32 and table.flags.c_contiguous
        is_fast_mean_light = CompiledMean.is_available() and is_ready
        return Parts(
            ReferenceTokenizer(self._model),
            self._fast_mean if self._precision or is_fast_mean_light else NumpyMean(self._model),
        )

    @lazy_property
    def _fast_mean(self) -> RowMean:
        return choose_mean(self._model, graph_path=self._graph_path, precision=self._precision)
