"""How many sequences a fit needs: `python -m benchmarks.sequences TEACHER DATA PLOT`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from m2v_onnx.distill import distill
from m2v_onnx.evaluation import evaluate
from m2v_onnx.evaluation.leaderboard import SPEED, summarize
from m2v_onnx.evaluation.tasks.registry import FAMILIES

NUMBERS = (1_000, 2_000, 4_000, 8_000, 12_000, 24_000)
TASKS = [family for family in FAMILIES if family != SPEED]


def main() -> None:
    teacher, data, plot = sys.argv[1:4]
    scores = []
    print("| token sequences | texts of all kinds | mean | CPU s |\n| --- | --- | --- | --- |")
    for n in NUMBERS:
        start = time.process_time()
        model = distill(teacher, sequences=n, pca_dims=256, show_progress_bar=False)
        seconds = time.process_time() - start
        (result,) = evaluate({"fitted": model}, data=data, tasks=TASKS, with_intervals=False)
        scores.append(summarize([result])[0].mean)
        print(
            f"| {n:,} | {model.config.recipe.n_fitted_texts:,} | {scores[-1]:.1f} | {seconds:.0f} |",
            flush=True,
        )
    draw(scores, Path(plot))


def draw(scores: list[float], path: Path) -> None:
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "m2v-onnx", "font.size": 10})
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    axes.plot(NUMBERS, scores, color="#0072b2", marker="o", markersize=4)
    axes.set(xscale="log", xlabel="token sequences (N)", ylabel="mean of ten families")
    axes.set_xticks(NUMBERS, [f"{n / 1000:g}k" for n in NUMBERS])
    axes.minorticks_off()
    axes.grid(color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
