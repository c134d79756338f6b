"""What `m2v-onnx evaluate` does: models by what a user wrote, and a folder of tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m2v_onnx.errors import ArgumentError
from m2v_onnx.evaluation.leaderboard import family_tables, leaderboard, scores_csv
from m2v_onnx.evaluation.models import parse_model
from m2v_onnx.evaluation.pipeline import evaluate
from m2v_onnx.evaluation.plots import plot_speed, plot_tasks
from m2v_onnx.evaluation.results import ModelResult


def evaluate_to_folder(
    models: Sequence[str],
    output: Path,
    *,
    data: Path,
    tasks: Sequence[str] | None = None,
    with_intervals: bool = True,
    show_progress_bar: bool = False,
) -> list[ModelResult]:
    """Evaluate models, and write results, leaderboard and plots into a folder.

    Args:
        models: each as `[NAME=]MODEL`; see `m2v_onnx.evaluation.models.load_model`.
        output: the folder; see `write_report`.
        data: see `evaluate`.
        tasks: see `evaluate`.
        with_intervals: see `evaluate`.
        show_progress_bar: see `evaluate`.

    Raises:
        ArgumentError: when two models have one name; further those of `evaluate`.
    """
    results = evaluate(
        name_models(models),
        data=data,
        tasks=tasks,
        output=output,
        with_intervals=with_intervals,
        show_progress_bar=show_progress_bar,
    )
    write_report(results, output)
    return results


def evaluate_mteb_to_folder(
    models: Sequence[str], output: Path, *, tasks: Sequence[str]
) -> list[ModelResult]:
    """Run tasks of MTEB by their names, and write leaderboard and plots as `evaluate_to_folder` does.

    Raises:
        ArgumentError: when two models have one name, or MTEB has no task of a name.
        M2vOnnxError: when mteb is not installed.
    """
    from m2v_onnx.evaluation.mteb_adapter import evaluate_mteb  # for --mteb alone

    results = evaluate_mteb(name_models(models), tasks=tasks, output=output)
    write_report(results, output)
    return results


def write_report(results: Sequence[ModelResult], folder: Path) -> None:
    """Write `leaderboard.md`, `scores.csv`, `speed.svg`, `tasks.svg`, and the last two as PNG, too."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = f"{leaderboard(results)}\n\n{family_tables(results)}\n"
    (folder / "leaderboard.md").write_text(tables, encoding="utf-8")
    (folder / "scores.csv").write_text(scores_csv(results), encoding="utf-8")
    plot_speed(results, folder / "speed")
    plot_tasks(results, folder / "tasks")


def name_models(models: Sequence[str]) -> dict[str, str]:
    """Give each model by its name.

    >>> name_models(["a=x/model", "b=y/model"])
    {'a': 'x/model', 'b': 'y/model'}
    """
    named: dict[str, str] = {}
    for name, model in map(parse_model, models):
        if name in named:
            raise ArgumentError(
                f"expected a name of its own for each model, found {name!r} for {named[name]} and {model}: "
                "name one of them otherwise (NAME=MODEL)"
            )
        named[name] = model
    return named
