"""What fewer bits cost: `python -m benchmarks.quantization SHARED`.

A distilled all-MiniLM-L6-v2 is written in every precision, and each graph embeds the STS sets of SHARED. The
table holds the file's size, Spearman's correlation with the human scores (x 100, mean of the sets), the
worst loss on one set, the least cosine with the float32 vectors, and texts a second on one thread (batches
of 64 texts of like length, medians of interleaved rounds).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

import numpy as np
from scipy.stats import spearmanr

from benchmarks.measure import minilm
from m2v_onnx.distill import distill
from m2v_onnx.folder.names import IDS_STEM, graph_file_name
from m2v_onnx.model.quantization import Precision
from m2v_onnx.runtime.graph_mean import GraphMean
from m2v_onnx.static_model import StaticModel
from m2v_onnx.tokenizer.token_ids import TokenIds

N_ROUNDS = 7


def read_pairs(path: Path) -> tuple[list[float], list[str], list[str]]:
    """Give scores, first and second sentences of an STS set."""
    rows = [line.split("\t") for line in path.read_text("utf-8").split("\n")[1:] if line]
    return [float(row[1]) for row in rows], [row[2] for row in rows], [row[3] for row in rows]


def correlations(graph: GraphMean, model: StaticModel, sets: list[Path]) -> np.ndarray:
    """Give 100 x Spearman's correlation of cosine and score for each set."""
    found = []
    for path in sets:
        scores, *sides = read_pairs(path)
        first, second = (average(graph, model.tokenize(side), model.dim) for side in sides)
        found.append(100 * spearmanr((first * second).sum(axis=1), scores).statistic)
    return np.array(found)


def average(graph: GraphMean, token_ids: list[list[int]], dim: int) -> np.ndarray:
    vectors = np.zeros((len(token_ids), dim), np.float32)
    graph.mean(TokenIds.of(token_ids), vectors)
    return vectors


def main() -> None:
    sets = sorted((Path(sys.argv[1]) / "eval/sts").glob("*_test.tsv"))
    precisions = get_args(Precision)
    with tempfile.TemporaryDirectory() as scratch:
        distill(minilm(), pca_dims=256).save_pretrained(scratch, precisions=precisions)
        model = StaticModel.from_pretrained(scratch)
        paths = {p: Path(scratch, "onnx", graph_file_name(IDS_STEM, p)) for p in precisions}
        graphs = {p: GraphMean(path, table=model.table) for p, path in paths.items()}
        token_ids = model.tokenize([text for path in sets for side in read_pairs(path)[1:] for text in side])
        vectors = {p: average(graph, token_ids, model.dim) for p, graph in graphs.items()}
        scores = {p: correlations(graph, model, sets) for p, graph in graphs.items()}
        rates: dict[str, list[float]] = {p: [] for p in precisions}
        for _ in range(N_ROUNDS):
            for p, graph in graphs.items():
                start = time.perf_counter()
                average(graph, token_ids, model.dim)
                rates[p].append(len(token_ids) / (time.perf_counter() - start))
        print("| precision | MB | mean Spearman | mean loss | worst loss | least cosine | texts/s |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for p in precisions:
            loss = scores["fp32"] - scores[p]
            known = np.linalg.norm(vectors["fp32"], axis=1) > 0
            cosine = (vectors[p] * vectors["fp32"]).sum(axis=1)[known].min()
            print(
                f"| {p} | {paths[p].stat().st_size / 1e6:.1f} | {scores[p].mean():.2f} | {loss.mean():.2f} | "
                f"{loss.max():.2f} | {cosine:.5f} | {statistics.median(rates[p]):,.0f} |"
            )
        print(f"\n{len(sets)} sets, {len(token_ids):,} texts")


if __name__ == "__main__":
    main()
