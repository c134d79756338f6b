"""Tables of results: a row for each model."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from m2v_onnx.evaluation.results import ModelResult
from m2v_onnx.evaluation.tasks.task import Score

SPEED = "speed"
SPEED_TASK = "speed/one_core"


@dataclass(frozen=True)
class Summary:
    """A model in one row.

    Attributes:
        model: its name.
        size_bytes: what its weights take on disk; None where nobody knows.
        texts_per_second: of one core; None where it was not measured.
        families: the mean score of each family of tasks, in percent; speed is none of them.
        mean: the mean of the families; None where there is none, or where the model lacks a task that
            another one has, so that the two could not be compared.
    """

    model: str
    size_bytes: int | None
    texts_per_second: float | None
    families: dict[str, float]
    mean: float | None


def summarize(results: Sequence[ModelResult]) -> list[Summary]:
    """Give a row for each result, the best mean first."""
    tasks = {task for result in results for task in result.scores if not task.startswith(f"{SPEED}/")}
    rows = [_summarize(result, tasks) for result in results]
    return sorted(rows, key=lambda row: -1 if row.mean is None else row.mean, reverse=True)


def leaderboard(results: Sequence[ModelResult]) -> str:
    """Give the models and the means of their families of tasks as a Markdown table, best first."""
    rows = summarize(results)
    families = list(dict.fromkeys(family for row in rows for family in row.families))
    lines = [
        [
            row.model,
            "" if row.size_bytes is None else f"{row.size_bytes / 1e6:.1f}",
            "" if row.texts_per_second is None else f"{row.texts_per_second:,.0f}",
            "" if row.mean is None else f"{row.mean:.1f}",
            *(f"{row.families[family]:.1f}" if family in row.families else "" for family in families),
        ]
        for row in rows
    ]
    return _markdown(["model", "MB", "texts/s", "mean", *families], lines)


def family_tables(results: Sequence[ModelResult]) -> str:
    """Give a Markdown table for each family with all its tasks, and half the width of their intervals."""
    order = [row.model for row in summarize(results)]
    ordered = sorted(results, key=lambda result: order.index(result.model))
    names = list(dict.fromkeys(name for result in ordered for name in result.scores))
    tables = []
    for family in dict.fromkeys(name.partition("/")[0] for name in names):
        tasks = [name for name in names if name.startswith(f"{family}/")]
        lines = [[r.model, *(_show(r.scores.get(task), family) for task in tasks)] for r in ordered]
        header = ["model", *(task.partition("/")[2] for task in tasks)]
        tables.append(f"## {family}\n\n{_markdown(header, lines)}")
    return "\n\n".join(tables)


def scores_csv(results: Sequence[ModelResult]) -> str:
    """Give a line of CSV for each model and task, all digits kept."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "size_bytes", "task", "value", "low", "high"])
    for result in results:
        for task, score in result.scores.items():
            writer.writerow([result.model, result.size_bytes, task, score.value, score.low, score.high])
    return text.getvalue()


def _summarize(result: ModelResult, tasks: set[str]) -> Summary:
    by_family: dict[str, list[float]] = {}
    for task, score in result.scores.items():
        by_family.setdefault(task.partition("/")[0], []).append(score.value)
    families = {family: fmean(values) for family, values in by_family.items() if family != SPEED}
    speed = result.scores.get(SPEED_TASK)
    return Summary(
        result.model,
        result.size_bytes,
        None if speed is None else speed.value,
        families,
        fmean(families.values()) if families and tasks <= result.scores.keys() else None,
    )


def _show(score: Score | None, family: str) -> str:
    if score is None:
        return ""
    if family == SPEED:
        return f"{score.value:,.0f}"
    if score.low is None or score.high is None:
        return f"{score.value:.1f}"
    return f"{score.value:.1f} ±{(score.high - score.low) / 2:.1f}"


def _markdown(header: list[str], lines: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    cells = [[cell.replace("|", r"\|") for cell in line] for line in (header, rule, *lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
