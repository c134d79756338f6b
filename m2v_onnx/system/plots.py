"""How plots look, and their files. Needs matplotlib, of the extra `eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "svg.fonttype": "none",  # text stays text: small files that can be searched
    "text.parse_math": False,  # names may hold dollars
    "svg.hashsalt": "m2v-onnx",  # the same scores give the same bytes
}
COLOUR = "#2a6fbb"


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as SVG and PNG; give the files.

    Args:
        figure: the figure, drawn in `STYLE`.
        stem: where to, without suffix.
    """
    paths = [stem.with_name(f"{stem.name}.svg"), stem.with_name(f"{stem.name}.png")]
    figure.savefig(paths[0], bbox_inches="tight", facecolor="white", metadata={"Date": None})
    figure.savefig(paths[1], bbox_inches="tight", facecolor="white", dpi=100, pil_kwargs={"optimize": True})
    return paths
