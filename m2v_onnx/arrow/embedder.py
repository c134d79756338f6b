"""A callable that goes into other processes as a model's name."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from m2v_onnx.arrow.kernel import Nulls, embed_arrow
from m2v_onnx.errors import FolderError, check_choice, check_positive
from m2v_onnx.folder.places import is_local
from m2v_onnx.model.quantization import Precision
from m2v_onnx.shared_models import absolute_name, load_shared
from m2v_onnx.static_model import StaticModel

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Embedder:
    """Columns of texts to columns of vectors, by a model that each process loads once. Thread-safe.

    It is pickled as a name: workers on one machine map one file, and none gets a copy of the table.

    Attributes:
        name: the model's folder, or its Hub id.
        is_folder: whether it is a folder.
        precision: see `StaticModel.from_pretrained`.
        n_threads: see `embed_arrow`.
        nulls: see `embed_arrow`.
    """

    name: str
    is_folder: bool
    precision: Precision | None = None
    n_threads: int | None = None
    nulls: Nulls = "zeros"

    @property
    def model(self) -> StaticModel:
        """The model, loaded when it is first asked for in a process.

        Raises:
            FolderError: where this machine has no such folder, and as for `StaticModel.from_pretrained`.
        """
        if self.is_folder and not Path(self.name).exists():
            raise FolderError(
                f"expected the model's folder {self.name} on every machine, found none on {platform.node()}: "
                "put it on a disk that all of them see, or ship it to the workers and name it there"
            )
        return load_shared(self.name, precision=self.precision)

    @property
    def dim(self) -> int:
        """D, the width of the vectors."""
        return self.model.dim

    def __call__(self, column: pa.Array | pa.ChunkedArray) -> pa.FixedSizeListArray:
        """Give the vectors of a column of texts: see `embed_arrow`."""
        return embed_arrow(self.model, column, n_threads=self.n_threads, nulls=self.nulls)


def embedder(
    name: str | Path,
    *,
    precision: Precision | None = None,
    n_threads: int | None = None,
    nulls: Nulls = "zeros",
) -> Embedder:
    """Give what embeds columns of texts, in this process and in others.

    Args:
        name: a model's folder, which the workers must see at the same path, or a Hub id.
        precision: see `StaticModel.from_pretrained`.
        n_threads: threads of a call; 1 where an engine has workers of its own.
        nulls: see `embed_arrow`.

    Raises:
        ArgumentError: for an option that is out of its range.
    """
    check_choice("nulls", nulls, get_args(Nulls))
    check_positive(n_threads=n_threads)
    return Embedder(absolute_name(name), is_local(name), precision, n_threads, nulls)
