"""Small data of every family, and a model whose vectors are known by heart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from m2v_onnx.evaluation.tasks.task import EvaluatedModel


class Lookup:
    """Gives each text the vector that it was told; counts how often it is asked."""

    def __init__(
        self, vectors: Mapping[str, Sequence[float]], *, otherwise: Sequence[float] = (0, 0)
    ) -> None:
        self.vectors = dict(vectors)
        self.otherwise = otherwise
        self.n_calls = 0

    def encode(self, texts: list[str]) -> np.ndarray:
        self.n_calls += 1
        return np.array([self.vectors.get(text, self.otherwise) for text in texts], np.float32)


def lookup_model(vectors: Mapping[str, Sequence[float]]) -> EvaluatedModel:
    return EvaluatedModel("lookup", Lookup(vectors), "0")


def at_cosine(cosine: float) -> tuple[float, float]:
    """Give the unit vector of this cosine with (1, 0)."""
    return cosine, (1 - cosine**2) ** 0.5


def write_tsv(path: Path, *rows: str) -> Path:
    """Write rows whose fields are parted by |, the header first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows).replace("|", "\t"), encoding="utf-8")
    return path


def write_retrieval(folder: Path, *qrels: str) -> Path:
    """Write three documents and two queries, with qrels as `write_tsv` takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus = [
        {"_id": "d1", "title": "Sun", "text": "!"},
        {"_id": "d2", "title": "", "text": "moon"},
        {"_id": "d3", "text": "moonlight"},
    ]
    queries = [{"_id": "q1", "text": "sun moon"}, {"_id": "q2", "text": "sun"}]
    for name, documents in (("corpus", corpus), ("queries", queries)):
        lines = "".join(json.dumps(document) + "\n" for document in documents)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    write_tsv(folder / "qrels.tsv", "query-id|corpus-id|score", *qrels)
    return folder


def write_data(data: Path) -> Path:
    """Write a data folder with a little of every family, of words that `tests.builders.TOKENS` know."""
    pairs = ("1|sun|moon", "3|sun|sun !", "2|moonlight|moon", "0|sun|!")
    write_tsv(data / "sts/a_test.tsv", "score|sentence1|sentence2", *pairs)
    write_tsv(data / "sts/a_dev.tsv", "score|sentence1|sentence2", *pairs[:3])
    write_tsv(data / "sts_multi/b_dev.tsv", "score|sentence1|sentence2", *pairs)
    write_tsv(data / "wordsim/c.tsv", "score|word1|word2", *pairs)
    write_tsv(data / "classification/d_train.tsv", "label|text", "s|sun", "s|sun !", "m|moon", "m|moonlight")
    write_tsv(data / "classification/d_test.tsv", "label|text", "s|sun sun", "m|moon !", "m|sun !")
    labelled = [
        f"{label}|{text} {'!' * n}" for n in range(5) for label, text in (("s", "sun"), ("m", "moon"))
    ]
    write_tsv(data / "classification/e_all.tsv", "label|text", *labelled)
    write_tsv(data / "clustering/f.tsv", "label|text", *labelled)
    write_tsv(
        data / "pair/g_test.tsv", "label|sentence1|sentence2", "1|sun|sun", "0|sun|moon", "1|moon|moon !"
    )
    write_retrieval(data / "retrieval/h", "q1|d1|1", "q2|d3|2")
    write_tsv(data / "rerank/i_test.tsv", "label|query|candidate", "1|sun|sun !", "0|sun|moon", "1|moon|moon")
    write_tsv(data / "phrase/j.tsv", "task|side|id|title|gold_left_id", "J|left|0|sun|", "J|right|0|sun !|0")
    write_tsv(data / "phrase/k.tsv", "label|text", *labelled)
    write_tsv(data / "bitext/l.tsv", "lang|text|english", "de|sun|sun", "de|moon|moon")
    return data
