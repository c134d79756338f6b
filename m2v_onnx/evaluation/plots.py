"""Plots of results, as SVG and PNG: speed against accuracy, and the scores of every task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import MissingExtraError
from m2v_onnx.evaluation.leaderboard import SPEED, Summary, summarize
from m2v_onnx.evaluation.results import ModelResult

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    from m2v_onnx.system.plots import COLOUR, STYLE, save_figure
except ImportError as error:
    raise MissingExtraError("matplotlib", "eval") from error

# Area of a circle in square points: the square root of the size, so that 1 MB and 500 MB both can be seen.
_AREA_OF_ROOT_MB = 26
_UNKNOWN_MB = 1
_LINE_INCHES = 0.19
_CELL_INCHES = 0.55
# Labels stand outside; the saved figure grows around them.
_WHOLE_FIGURE = (0, 0, 1, 1)


def plot_speed(results: Sequence[ModelResult], stem: Path) -> list[Path]:
    """Draw texts per second against the mean score, the circle's area by the root of the size.

    Args:
        results: those with a speed and another score are drawn.
        stem: where to, without suffix.

    Returns:
        The files that were written; none where nothing could be drawn.
    """
    rows = [row for row in summarize(results) if row.mean is not None and row.texts_per_second is not None]
    if not rows:
        return []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.5, max(3.2, _LINE_INCHES * len(rows))))
        axes = figure.add_axes(_WHOLE_FIGURE)
        _draw_circles(axes, rows)
        _write_labels(axes, rows)
        return save_figure(figure, stem)


def plot_tasks(results: Sequence[ModelResult], stem: Path) -> list[Path]:
    """Draw a grid of scores: a row for each task, a column for each model, the better the darker in its row.

    Args:
        results: those of the models.
        stem: where to, without suffix.

    Returns:
        The files that were written; none where there is no score but speed.
    """
    names = list(dict.fromkeys(name for result in results for name in result.scores))
    names = [name for name in names if not name.startswith(f"{SPEED}/")]
    if not names:
        return []
    scores = np.array([[_value(result, name) for result in results] for name in names])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_CELL_INCHES * len(results), _LINE_INCHES * len(names)))
        axes = figure.add_axes(_WHOLE_FIGURE)
        axes.imshow(_shades(scores), cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
        for (row, column), score in np.ndenumerate(scores):
            if np.isfinite(score):
                axes.text(column, row, f"{score:.1f}", ha="center", va="center", fontsize=8)
        for row in range(1, len(names)):
            if names[row].partition("/")[0] != names[row - 1].partition("/")[0]:
                axes.axhline(row - 0.5, color="0.5", linewidth=0.8)
        axes.set_yticks(range(len(names)), names)
        axes.set_xticks(range(len(results)), [r.model for r in results], rotation=45, ha="left")
        axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        axes.spines[:].set_visible(False)
        return save_figure(figure, stem)


def _draw_circles(axes: Axes, rows: list[Summary]) -> None:
    sizes = [_UNKNOWN_MB if row.size_bytes is None else row.size_bytes / 1e6 for row in rows]
    axes.scatter(
        [row.texts_per_second or 0 for row in rows],
        [row.mean or 0 for row in rows],
        s=[_AREA_OF_ROOT_MB * size**0.5 for size in sizes],
        color=COLOUR,
        edgecolor="white",
        alpha=0.7,
    )
    axes.margins(0.12)
    _scale_speeds(axes, [row.texts_per_second or 0 for row in rows])
    axes.set_xlabel("texts per second, one core")
    axes.set_ylabel("mean score of the families of tasks")
    axes.set_title("Speed against accuracy; the greater the circle, the greater the model", fontsize=10)
    axes.grid(alpha=0.3, which="both", linewidth=0.5)
    axes.set_axisbelow(True)


def _scale_speeds(axes: Axes, speeds: Sequence[float]) -> None:
    """Make the axis logarithmic, with some air and plain numbers, as many as find room."""
    axes.set_xscale("log")
    axes.set_xlim(min(speeds) / 2, max(speeds) * 2)
    is_wide = max(speeds) > 50 * min(speeds)
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if is_wide else (1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _write_labels(axes: Axes, rows: list[Summary]) -> None:
    """Write the names in one column to the right, best first, each with a line to its circle."""
    heights = np.linspace(1, 0, len(rows)) if len(rows) > 1 else [0.5]
    for row, height in zip(rows, heights, strict=True):
        size = "" if row.size_bytes is None else f", {row.size_bytes / 1e6:.0f} MB"
        axes.annotate(
            f"{row.model} ({row.mean:.1f}{size})",
            xy=(row.texts_per_second or 0, row.mean or 0),
            xytext=(1.04, height),
            textcoords="axes fraction",
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": "0.6",
                "linewidth": 0.6,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def _value(result: ModelResult, name: str) -> float:
    return result.scores[name].value if name in result.scores else np.nan


def _shades(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Stretch each row to 0 for its least score and 1 for its greatest; a constant row is 0."""
    least = np.nanmin(scores, axis=1, keepdims=True)
    width = np.nanmax(scores, axis=1, keepdims=True) - least
    shades: npt.NDArray[np.float64] = (scores - least) / np.where(width > 0, width, 1)
    return shades
