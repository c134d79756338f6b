"""What padding does to words of one's own: `python -m benchmarks.word_padding SHARED`.

1,500 rare words extend all-MiniLM-L6-v2's vocabulary, fed to the teacher padded as its tokenizer.json pads,
and alone. The figure is Spearman's correlation, x 100, of cosines with human judgements
(SHARED/eval/wordsim/rareword.tsv).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.measure import minilm
from m2v_onnx.distill import distill

N_WORDS = 1_500


def ranks(values: np.ndarray) -> np.ndarray:
    return values.argsort().argsort()


def main() -> None:
    path = Path(sys.argv[1]) / "eval/wordsim/rareword.tsv"
    rows = [line.split("\t") for line in path.read_text("utf-8").split("\n")[1:-1]]
    words = list(dict.fromkeys(word for _, *pair in rows for word in pair))[:N_WORDS]
    rows = [row for row in rows if row[1] in words and row[2] in words]
    scores = np.array([float(score) for score, _, _ in rows])
    print("| word padding | pairs | Spearman |\n| --- | --- | --- |")
    for padding in ("teacher", "none"):
        model = distill(
            minilm(), recipe="model2vec-0.10", vocabulary=words, word_padding=padding, pca_dims=256
        )
        first, second = (model.encode([row[column] for row in rows]) for column in (1, 2))
        correlation = np.corrcoef(ranks((first * second).sum(axis=1)), ranks(scores))[0, 1]
        print(f"| {padding} | {len(rows):,} | {100 * correlation:.1f} |")


if __name__ == "__main__":
    main()
