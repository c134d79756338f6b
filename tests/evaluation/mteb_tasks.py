"""Two tasks of mteb on data at hand; run by an environment that has mteb.

`python mteb_tasks.py STS_FILE RETRIEVAL_FOLDER MODEL` prints the scores by mteb, then by our own tasks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from datasets import Dataset, DatasetDict
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata

from m2v_onnx.evaluation.models import load_model
from m2v_onnx.evaluation.mteb_adapter import run_mteb
from m2v_onnx.evaluation.tasks.data import parse_numbers, read_columns, read_documents
from m2v_onnx.evaluation.tasks.retrieval import find_retrieval
from m2v_onnx.evaluation.tasks.similarity import score_similarity

SENTENCES = ("sentence1", "sentence2")


def metadata(name: str, kind: str, main_score: str) -> TaskMetadata:
    return TaskMetadata(
        name=name,
        type=kind,
        main_score=main_score,
        description=name,
        dataset={"path": "local/data", "revision": "1"},
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        category="t2t",
        modalities=["text"],
    )


class LocalSts(AbsTaskSTS):
    metadata = metadata("LocalSts", "STS", "cosine_spearman")
    min_score, max_score = 0, 5

    def load_data(self, **_options: object) -> None:
        path = Path(sys.argv[1])
        scores, first, second = read_columns(path, ("score", *SENTENCES))
        columns = {"sentence1": first, "sentence2": second, "score": parse_numbers(scores, path)}
        self.dataset = DatasetDict({"test": Dataset.from_dict(columns)})
        self.data_loaded = True


class LocalRetrieval(AbsTaskRetrieval):
    metadata = metadata("LocalRetrieval", "Retrieval", "ndcg_at_10")

    def load_data(self, **_options: object) -> None:
        folder = Path(sys.argv[2])
        columns = read_columns(folder / "qrels.tsv", ("query-id", "corpus-id", "score"))
        relevant: dict[str, dict[str, int]] = {}
        for query, document, grade in zip(*columns, strict=True):
            relevant.setdefault(query, {})[document] = int(grade)
        texts = {name: read_documents(folder / f"{name}.jsonl") for name in ("corpus", "queries")}
        split = {
            name: Dataset.from_list([{"id": key, "text": text} for key, text in own.items()])
            for name, own in texts.items()
        }
        self.dataset = {"default": {"test": {**split, "relevant_docs": relevant, "top_ranked": None}}}
        self.data_loaded = True


def main() -> None:
    model = load_model(sys.argv[3], name="local")
    found = run_mteb(model, [LocalSts(), LocalRetrieval()], output=None).scores
    (retrieval,) = (
        t for t in find_retrieval(Path(sys.argv[2]).parents[1]) if t.files[0].parent == Path(sys.argv[2])
    )
    ours = [score_similarity(Path(sys.argv[1]), SENTENCES, model), retrieval.score(model)]
    print(json.dumps([[score.value for score in found.values()], [score.value for score in ours]]))


if __name__ == "__main__":
    main()
