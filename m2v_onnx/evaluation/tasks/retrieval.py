"""Search: the documents that answer a query, in front of all others."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np

from m2v_onnx.errors import DataError
from m2v_onnx.evaluation.tasks.data import line_of, parse_numbers, read_columns, read_documents, require
from m2v_onnx.evaluation.tasks.metrics import mean_score, ndcg_at_10
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Score, Task
from m2v_onnx.model.vectors import to_unit

_VERSION = "1"
_QRELS = ("qrels.tsv", "qrels/test.tsv")


def find_retrieval(data: Path) -> list[Task]:
    """Give a task for each folder with corpus.jsonl, queries.jsonl and qrels.tsv (or qrels/test.tsv).

    Raises:
        DataError: for a folder with a corpus alone.
    """
    tasks = []
    for corpus in sorted((data / "retrieval").glob("*/corpus.jsonl")):
        folder = corpus.parent
        qrels = next((folder / name for name in _QRELS if (folder / name).exists()), None)
        if qrels is None:
            raise DataError(f"expected {' or '.join(_QRELS)} beside {corpus}, found neither: add it")
        files = (corpus, folder / "queries.jsonl", qrels)
        tasks.append(Task(f"retrieval/{folder.name}", files, _VERSION, partial(score_retrieval, *files)))
    return tasks


def score_retrieval(corpus: Path, queries: Path, qrels: Path, model: EvaluatedModel) -> Score:
    """Give the mean nDCG@10, in percent, of all documents ranked by cosine.

    Queries without a relevant document, of a grade above 0, are left out. A document's title stands before
    its text.
    """
    documents, query_texts = read_documents(corpus), read_documents(queries)
    places = {identifier: place for place, identifier in enumerate(documents)}
    grades = _read_grades(qrels, query_texts, places)
    document_vectors = to_unit(model.embed(list(documents.values())))
    query_vectors = to_unit(model.embed([query_texts[query] for query in grades]))
    gains = []
    for vector, own in zip(query_vectors, grades.values(), strict=True):
        row = np.zeros(len(places))
        row[list(own)] = list(own.values())
        gains.append(ndcg_at_10(row, document_vectors @ vector))
    return mean_score(gains)


def _read_grades(path: Path, queries: dict[str, str], places: dict[str, int]) -> dict[str, dict[int, float]]:
    """Give each query's relevant documents, by their places in the corpus, with their grades."""
    columns = read_columns(path, ("query-id", "corpus-id", "score"))
    values = parse_numbers(columns[2], path)
    grades: dict[str, dict[int, float]] = defaultdict(dict)
    for index, (query, document, grade) in enumerate(zip(columns[0], columns[1], values, strict=True)):
        for what, identifier, known in (("query", query, queries), ("document", document, places)):
            if identifier not in known:
                raise DataError(
                    f"expected ids that stand in the files beside {path}, found the {what} {identifier!r} in "
                    f"line {line_of(index)}: add it there, or leave out the line"
                )
        if grade > 0:
            grades[query][places[document]] = grade
    require(len(grades) > 0, path, "a relevant document, with a grade above 0,")
    return grades
