"""Draw the speeds of `benchmarks.throughput`: `python -m benchmarks.plot DATA PLOT`, where matplotlib is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

# As far apart as hues can be for eyes of every kind (Okabe and Ito, 2008).
COLORS = ("#000000", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")


def main() -> None:
    data = json.loads(Path(sys.argv[1]).read_text())
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "m2v-onnx", "font.size": 10})
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for (name, rates), color in zip(data["lines"].items(), COLORS, strict=False):
        line = axes.plot(data["lengths"], rates, color=color, marker="o", markersize=4)[0]
        line.set_linewidth(2.5 if name == "m2v-onnx" else 1.5)
        axes.annotate(
            name, (data["lengths"][-1], rates[-1]), (6, -3), textcoords="offset points", color=color
        )
    axes.set(xscale="log", yscale="log", xlabel="words in a text", ylabel="texts a second")
    axes.set_xticks(data["lengths"], [str(length) for length in data["lengths"]])
    axes.minorticks_off()
    axes.grid(color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    # In the order of the lines' ends.
    handles, names = axes.get_legend_handles_labels()
    order = sorted(range(len(names)), key=lambda index: -data["lines"][names[index]][-1])
    places = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "frameon": False}
    axes.legend([handles[index] for index in order], [names[index] for index in order], **places)
    for suffix in (".svg", ".png"):
        figure.savefig(
            f"{sys.argv[2]}{suffix}", dpi=150, metadata={"Date": None} if suffix == ".svg" else None
        )


if __name__ == "__main__":
    main()
