"""A static model that is one ONNX file: onnxruntime and NumPy, and no tokenizer library."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import FolderError, M2vOnnxError, check_choice
from m2v_onnx.folder.names import TEXT_STEM, export_command, graph_places
from m2v_onnx.model.quantization import PRECISIONS, Precision
from m2v_onnx.system.hub import HubPlace, download_folder, looks_like_hub_id
from m2v_onnx.system.onnx_runtime import ORT_ERRORS, first_line, onnxruntime, open_session
from m2v_onnx.tokenizer.texts import check_strings, check_texts, check_unicode

_BATCH_TEXTS = 256
# A classifier's graph has others in front.
_OUTPUT = "sentence_embedding"


class TextGraph:
    """The graph that takes text, ready to run. Thread-safe; pickled and copied by its path.

    Gives the vectors of `StaticModel`: its tokenizer and its limit of tokens lie in the file.

    >>> from m2v_onnx import TextGraph
    >>> TextGraph.from_pretrained("my-model").encode(["It's dangerous to go alone!"]).shape  # doctest: +SKIP
    (1, 256)

    Args:
        path: the ONNX file.
        trust_graph: run it even where it holds loops and m2v-onnx did not write it: they may never end.

    Raises:
        FolderError: when the file is damaged, or no graph that takes text.
    """

    def __init__(self, path: str | Path, *, trust_graph: bool = False) -> None:
        self._path = Path(path).expanduser().absolute()
        self._trust_graph = trust_graph
        self._session: onnxruntime.InferenceSession = open_session(self._path, trust=trust_graph)
        inputs = [entry.name for entry in self._session.get_inputs()]
        if inputs != ["text"]:
            raise FolderError(
                f"expected a graph with the input text in {path}, found {', '.join(inputs)}: name one that "
                "`m2v-onnx export MODEL FOLDER --graph text` writes"
            )
        outputs = {entry.name: entry.shape for entry in self._session.get_outputs()}
        shape = outputs.get(_OUTPUT)
        if not shape or not isinstance(shape[-1], int):
            raise FolderError(
                f"expected an output {_OUTPUT} of a known width from {path}, found {outputs}: name a graph "
                "that `m2v-onnx export MODEL FOLDER --graph text` writes"
            )
        self.dim = shape[-1]

    def __reduce__(self) -> tuple[partial[TextGraph], tuple[Path]]:
        """Pickle and copy by the path: the file is opened again."""
        return partial(type(self), trust_graph=self._trust_graph), (self._path,)

    @classmethod
    def from_pretrained(
        cls,
        path_or_id: str | Path,
        *,
        precision: Precision = "fp32",
        revision: str | None = None,
        token: str | None = None,
    ) -> TextGraph:
        """Load the graph of a static model's folder, or of a repository on the Hugging Face Hub.

        Args:
            path_or_id: a local folder, or a Hub id.
            precision: the number type of its table.
            revision: branch, tag or commit of the Hub repository.
            token: the Hub token for a private repository; by default the one of `hf auth login`.

        Raises:
            FolderError: when there is no such graph, or it is damaged.
        """
        check_choice("precision", precision, PRECISIONS)
        folder, places = Path(path_or_id).expanduser(), graph_places(TEXT_STEM, precision)
        if not folder.is_dir() and looks_like_hub_id(str(path_or_id)):
            try:
                folder = download_folder(str(path_or_id), [places[0]], HubPlace(revision, token))
            except M2vOnnxError as error:
                raise FolderError(str(error)) from error
        path = next((folder / place for place in places if (folder / place).exists()), None)
        if path is None:
            raise FolderError(
                f"expected {places[0]} in {folder}, found no such file: write it with "
                f"`{export_command(folder, graph='text', precision=precision)}`"
            )
        return cls(path)

    def encode(self, texts: str | Iterable[str]) -> npt.NDArray[np.float32]:
        """Embed texts.

        Args:
            texts: one text, or any number of them.

        Returns:
            (D,) float32 for one text, (B, D) float32 for B texts, also for B = 0. A text without a known
            token gives zeros.

        Raises:
            ArgumentError: for anything that is not valid text; the message holds its index.
        """
        check_texts(texts)
        all_texts = [texts] if isinstance(texts, str) else list(texts)
        check_strings(all_texts)
        check_unicode(all_texts)
        vectors = np.empty((len(all_texts), self.dim), np.float32)
        for start in range(0, len(all_texts), _BATCH_TEXTS):
            batch = np.array(all_texts[start : start + _BATCH_TEXTS], dtype=object)
            try:
                vectors[start : start + _BATCH_TEXTS] = self._session.run([_OUTPUT], {"text": batch})[0]
            except ORT_ERRORS as error:
                raise FolderError(
                    f"expected a graph that takes any text, {self._path} failed ({first_line(error)}): "
                    "write it again by `m2v-onnx export MODEL FOLDER --graph text`"
                ) from error
        return vectors[0] if isinstance(texts, str) else vectors
