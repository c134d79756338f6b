"""Columns and files of texts to vectors, for tables and data engines. Arrow itself needs the extra `arrow`.

>>> from m2v_onnx.arrow import embedder
>>> embed = embedder("my-model")  # doctest: +SKIP
>>> table = table.append_column("embedding", embed(table["text"]))  # doctest: +SKIP
"""

from m2v_onnx.arrow.embedder import Embedder, embedder
from m2v_onnx.arrow.kernel import embed_arrow

__all__ = ["Embedder", "embed_arrow", "embedder"]
