"""Where the time of `encode` goes: `python -m benchmarks.encode_stages SHARED`.

News, tokenised by the fast tokenizer, then averaged on one thread by compiled C, from float32 and from int8,
by scipy's sparse product, and by the graphs; a distillation of all-MiniLM-L6-v2 (29,525 x 256 float32).
Medians of interleaved rounds: µs for a text, and ns for each of its tokens, a row of the table.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from benchmarks.measure import minilm
from m2v_onnx import StaticModel
from m2v_onnx.distill import distill
from m2v_onnx.model.quantization import quantize_table
from m2v_onnx.runtime.choice import choose_tokenizer
from m2v_onnx.runtime.graph_mean import GraphMean
from m2v_onnx.runtime.row_mean import CompiledMean
from m2v_onnx.runtime.tokenization import tokenize_batch
from m2v_onnx.tokenizer.token_ids import TokenIds

N_ROUNDS = 15
BATCH = 1024


def product_with(table: np.ndarray) -> Callable[[TokenIds, np.ndarray], None]:
    """Give the mean by a sparse product; unknown tokens' rows are zeros."""

    def mean(found: TokenIds, out: np.ndarray) -> None:
        ones = np.ones(len(found.ids), np.float32)
        sums = csr_array((ones, found.ids, found.offsets), shape=(len(found), len(table))) @ table
        out[:] = sums / np.linalg.norm(sums, axis=1, keepdims=True)

    return mean


def main() -> None:
    news = Path(sys.argv[1], "eval/classification/ag_news_split_test.tsv").read_text("utf-8")
    texts = [line.split("\t")[1] for line in news.split("\n")[1:] if line]
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    with tempfile.TemporaryDirectory() as folder:
        distill(minilm(), recipe="model2vec-0.10", pca_dims=256).save_pretrained(
            folder, precisions=["fp32", "int8"]
        )
        model = StaticModel.from_pretrained(folder)
        tokenizer = choose_tokenizer(model).tokenizer
        found = [tokenize_batch(model, tokenizer, batch, max_length=512) for batch in batches]
        outs = [np.empty((len(batch), model.dim), np.float32) for batch in batches]
        means = {
            "the mean, compiled C": CompiledMean(model).mean,
            "the mean, compiled C, int8": CompiledMean(model, quantize_table(model.table, "int8")).mean,
            "the mean, scipy's sparse product": product_with(np.asarray(model.table)),
            "the mean, graph fp32": GraphMean(Path(folder, "onnx/model.onnx"), table=model.table).mean,
            "the mean, graph int8": GraphMean(
                Path(folder, "onnx/model_quantized.onnx"), table=model.table
            ).mean,
        }
        work: dict[str, Callable[[], object]] = {
            f"tokens, {tokenizer.name}": lambda: [
                tokenize_batch(model, tokenizer, batch, max_length=512) for batch in batches
            ]
        }
        for name, mean in means.items():
            work[name] = lambda mean=mean: [mean(*pair) for pair in zip(found, outs, strict=True)]
        seconds: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(N_ROUNDS):
            for name, do in work.items():
                start = time.perf_counter()
                do()
                seconds[name].append(time.perf_counter() - start)
    n_tokens = sum(len(ids.ids) for ids in found)
    print("| | µs a text | ns a token |\n| --- | --- | --- |")
    for name, own in seconds.items():
        median = statistics.median(own)
        print(f"| {name} | {1e6 * median / len(texts):.2f} | {1e9 * median / n_tokens:.0f} |")
    print(f"\n{len(texts):,} texts of {sum(map(len, texts)) / len(texts):.0f} characters, ", end="")
    print(f"{n_tokens / len(texts):.0f} tokens")


if __name__ == "__main__":
    main()
