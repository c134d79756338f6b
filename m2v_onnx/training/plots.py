"""Plots of a classifier's scores, as SVG and PNG."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from m2v_onnx.model.classification_report import ClassificationReport
from m2v_onnx.system.plots import COLOUR, STYLE, save_figure

_MOST_NAMED = 30
_MOST_NUMBERED = 12


def plot_confusion(report: ClassificationReport, stem: Path) -> list[Path]:
    """Draw the share of each label's texts by the label that they were given.

    Args:
        report: of one label a text.
        stem: where to, without suffix.

    Returns:
        The files that were written.
    """
    assert report.matrix is not None  # noqa: S101  # for the types: one label a text
    shares = report.matrix / np.maximum(report.matrix.sum(axis=1, keepdims=True), 1)
    names = [str(score.label) for score in report.labels]
    with mpl.rc_context(STYLE):
        side = float(np.clip(0.3 * len(names), 2.5, 9))
        figure = Figure(figsize=(side + 1.5, side + 1))
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        if len(names) <= _MOST_NAMED:
            axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
            axes.set_yticks(range(len(names)), names)
        if len(names) <= _MOST_NUMBERED:
            for (row, column), share in np.ndenumerate(shares):
                if report.matrix[row, column]:
                    colour = "white" if share > 0.5 else "black"
                    axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour)
        axes.set_xlabel("given")
        axes.set_ylabel("expected")
        axes.set_title("Percent of each label's texts", fontsize=10)
        return save_figure(figure, stem)


def plot_calibration(report: ClassificationReport, stem: Path) -> list[Path]:
    """Draw how often what was given a probability came true, and how many texts there are of each.

    Args:
        report: the scores.
        stem: where to, without suffix.

    Returns:
        The files that were written.
    """
    counts, means, shares = report.bins[report.bins[:, 0] > 0].T
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4, 3.6))
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
        axes.plot(means, shares, color=COLOUR, linewidth=1)
        axes.scatter(means, shares, s=10 + 200 * counts / counts.sum(), color=COLOUR, edgecolor="white")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("probability that was given")
        axes.set_ylabel("share that came true")
        axes.set_title(f"Calibration error {report.calibration_error:.3f}", fontsize=10)
        axes.grid(alpha=0.3, linewidth=0.5)
        return save_figure(figure, stem)
