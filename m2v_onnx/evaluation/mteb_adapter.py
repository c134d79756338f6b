"""Any model as an encoder of mteb 2, and mteb's tasks run on it. Whoever wants that installs mteb."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from m2v_onnx.errors import ArgumentError, M2vOnnxError
from m2v_onnx.evaluation.models import Source, load_model
from m2v_onnx.evaluation.results import ModelResult
from m2v_onnx.evaluation.tasks.metrics import cosines
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Score
from m2v_onnx.model.vectors import Vectors, to_unit

_FAMILY = "mteb"


class MtebEncoder:
    """mteb 2's encoder protocol: `mteb.evaluate(MtebEncoder(model), tasks)`. Prompts are ignored.

    Args:
        model: what embeds.

    Attributes:
        mteb_model_meta: what mteb's result files say about the model.
    """

    def __init__(self, model: EvaluatedModel) -> None:
        from mteb.models import ModelMeta  # no extra of ours brings it

        self._model = model
        width = model.embed(["a text"]).shape[1]
        self.mteb_model_meta = ModelMeta.create_empty(
            {
                "name": model.name if "/" in model.name else f"local/{model.name}",
                "revision": model.fingerprint,
                "memory_usage_mb": None if model.size_bytes is None else model.size_bytes / 2**20,
                "embed_dim": width,
                "framework": ["ONNX"],
                "similarity_fn_name": "cosine",
                "use_instructions": False,
            }
        )

    def encode(self, inputs: Iterable[Mapping[str, Any]], **_task: object) -> Vectors:
        """Give (B, D) float32, a row for each of the B texts of all batches.

        Args:
            inputs: batches, each with a list of texts under `text`.
            **_task: what mteb tells about the task, its prompts and batch size; nothing depends on it.
        """
        return self._model.embed([text for batch in inputs for text in batch["text"]])

    def similarity(self, embeddings1: Vectors, embeddings2: Vectors) -> Vectors:
        """Give (A, B) float32, the cosine of each of A vectors with each of B."""
        found: Vectors = to_unit(embeddings1) @ to_unit(embeddings2).T
        return found

    def similarity_pairwise(self, embeddings1: Vectors, embeddings2: Vectors) -> Vectors:
        """Give (B,) float32, the cosine of each vector with the other one in its row."""
        return cosines(embeddings1, embeddings2)


def evaluate_mteb(
    models: Mapping[str, Source], *, tasks: Sequence[str], output: Path | None = None
) -> list[ModelResult]:
    """Run tasks of MTEB by their names; their data are downloaded.

    Args:
        models: as for `m2v_onnx.evaluation.evaluate`.
        tasks: names, such as `STSBenchmark`.
        output: a folder for mteb's own results, under `mteb/`; what is there is not computed again. None
            keeps nothing.

    Returns:
        The main score of each task, in percent, under the name `mteb/TASK`.

    Raises:
        ArgumentError: for a task that mteb does not know.
        M2vOnnxError: when mteb 2 is not installed, or the data cannot be had; further those of `load_model`.
    """
    try:
        import mteb  # no extra of ours brings it
    except ImportError as error:
        raise M2vOnnxError(
            "this needs the package 'mteb' 2, which is not installed: run `pip install \"mteb>=2\"`"
        ) from error
    try:
        chosen = [mteb.get_task(name) for name in tasks]
    except KeyError as error:
        raise ArgumentError(
            f"expected names of MTEB's tasks, such as STSBenchmark, found another ({error.args[0]}): mend it"
        ) from error
    try:
        return [
            run_mteb(load_model(source, name=name), chosen, output=output) for name, source in models.items()
        ]
    except OSError as error:  # what `datasets` raises for all that goes wrong with a download
        raise M2vOnnxError(
            f"expected the data of MTEB's tasks from the Hub, found {error}: check the network, and run again"
        ) from error


def run_mteb(model: EvaluatedModel, tasks: Sequence[Any], *, output: Path | None) -> ModelResult:
    """Run tasks of MTEB, as objects; see `evaluate_mteb`."""
    import mteb  # no extra of ours brings it

    cache = None if output is None else mteb.ResultCache(output / "mteb")
    found = mteb.evaluate(MtebEncoder(model), tasks, cache=cache)
    scores = {f"{_FAMILY}/{one.task_name}": Score(100 * one.get_score()) for one in found.task_results}
    return ModelResult(model.name, model.fingerprint, model.size_bytes, scores)
