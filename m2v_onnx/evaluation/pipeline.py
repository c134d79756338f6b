"""The evaluation: every model on every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from m2v_onnx.errors import ArgumentError
from m2v_onnx.evaluation.models import Source, load_model
from m2v_onnx.evaluation.results import ModelResult, ResultFile, result_path
from m2v_onnx.evaluation.tasks.metrics import intervals
from m2v_onnx.evaluation.tasks.registry import find_tasks
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Task
from m2v_onnx.system.progress import track


def evaluate(
    models: Mapping[str, Source],
    *,
    data: str | Path,
    tasks: Sequence[str] | None = None,
    output: str | Path | None = None,
    with_intervals: bool = True,
    show_progress_bar: bool = False,
) -> list[ModelResult]:
    """Score models on tasks.

    >>> from m2v_onnx.evaluation import evaluate
    >>> evaluate({"mine": "my-model"}, data="data", tasks=["sts"])  # doctest: +SKIP

    Args:
        models: by their names in tables; see `m2v_onnx.evaluation.models.load_model` for what they may be.
        data: the folder of the tasks' files.
        tasks: families or single tasks; see `m2v_onnx.evaluation.tasks.registry.find_tasks`.
        output: a folder to keep finished tasks in, one JSON file a model; what is there already, of the same
            model, data and measure, is not computed again.
        with_intervals: give bootstrap intervals, which take most of the time.
        show_progress_bar: show progress on stderr, when that is a terminal.

    Returns:
        A result for each model, in their order. The same models and data give the same scores on the same
        machine, but for speed.

    Raises:
        ArgumentError: for an unknown task, or two names that would share a file.
        DataError: for missing, damaged or empty data.
        M2vOnnxError: when a model cannot be loaded, or gives NaN or wrong shapes.
    """
    chosen = find_tasks(Path(data).expanduser(), names=tasks)
    folder = None if output is None else Path(output).expanduser()
    if folder is not None:
        _check_names(list(models), folder)
    results = []
    for name, source in models.items():
        model = load_model(source, name=name)
        finished = None if folder is None else ResultFile(folder, model, with_intervals=with_intervals)
        with intervals(wanted=with_intervals):
            results.append(_evaluate_model(model, chosen, finished, show_progress_bar=show_progress_bar))
    return results


def _evaluate_model(
    model: EvaluatedModel, tasks: list[Task], finished: ResultFile | None, *, show_progress_bar: bool
) -> ModelResult:
    result = ModelResult(model.name, model.fingerprint, model.size_bytes)
    with track(f"Evaluating {model.name}", total=len(tasks), unit="tasks", show=show_progress_bar) as advance:
        for task in tasks:
            score = None if finished is None else finished.get(task)
            if score is None:
                score = task.score(model)
                if finished is not None:
                    finished.put(task, score)
            result.scores[task.name] = score
            advance(1)
    return result


def _check_names(names: list[str], folder: Path) -> None:
    paths: dict[Path, str] = {}
    for name in names:
        path = result_path(folder, name)
        if path in paths:
            raise ArgumentError(
                f"expected names of models that differ in letters or digits, found {paths[path]!r} and "
                f"{name!r}, both for {path}: name one of them otherwise (NAME=MODEL)"
            )
        paths[path] = name
