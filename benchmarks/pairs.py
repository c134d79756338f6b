"""What training from pairs gives: search by titles and bodies, similarity by pairs that people call alike.

Prints the table of docs/training.md. The queries of a search, and the sentences of STS-B's test and of STS17,
are never learned from:

    .venv/bin/python -m benchmarks.pairs MODEL ../shared/eval
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from m2v_onnx import StaticModel
from m2v_onnx.evaluation.tasks.data import read_columns
from m2v_onnx.evaluation.tasks.registry import find_tasks
from m2v_onnx.evaluation.tasks.task import EvaluatedModel
from m2v_onnx.training import PairOptions
from m2v_onnx.training.pairs import train_and_score_pairs

_LEARNED = ("sts12_test", "sts13_test", "sts14_test", "sts15_test", "sts16_test", "stsb_dev")
_HELD_OUT = ("stsb_test", "sts17_en-en_test")
_ALIKE = 4.0


def titles(data: Path, name: str) -> tuple[list[str], list[str]]:
    """Give the titles and bodies of a corpus."""
    lines = (data / "retrieval" / name / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row.get("title") and row["text"]]
    return [row["title"] for row in rows], [row["text"] for row in rows]


def alike(data: Path) -> tuple[list[str], list[str]]:
    """Give pairs of a score of 4 or more, without any sentence of the sets to test on."""
    names = ("sentence1", "sentence2", "score")
    tested = {
        text for name in _HELD_OUT for c in read_columns(data / f"sts/{name}.tsv", names)[:2] for text in c
    }
    kept = [
        (one, other)
        for name in _LEARNED
        for one, other, score in zip(*read_columns(data / f"sts/{name}.tsv", names), strict=True)
        if float(score) >= _ALIKE and one not in tested and other not in tested
    ]
    return [one for one, _ in kept], [other for _, other in kept]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="folders of static models")
    parser.add_argument("data", type=Path, help="folder of retrieval/ and sts/")
    args = parser.parse_args()
    tasks = {task.name: task for task in find_tasks(args.data)}
    jobs = {
        "retrieval/scifact": titles(args.data, "scifact"),
        "retrieval/cranfield": titles(args.data, "cranfield"),
        "sts/stsb_test": alike(args.data),
        "sts/sts17_en-en_test": alike(args.data),
    }
    print("| model | task | pairs | before | after | with dims 128, 64, 32 | CPU s |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for place in args.models:
        model = StaticModel.from_pretrained(place)
        for name, pairs in jobs.items():
            scores = [tasks[name].score(EvaluatedModel(place, model, place)).value]
            spent = []
            for dims in ((), (128, 64, 32)):
                start = time.process_time()
                trained = train_and_score_pairs(model, *pairs, options=PairOptions(dims=dims)).model
                spent.append(time.process_time() - start)
                scores.append(tasks[name].score(EvaluatedModel(place, trained, place)).value)
            cells = " | ".join(f"{score:.1f}" for score in scores)
            print(f"| {place} | {name} | {len(pairs[0]):,} | {cells} | {spent[0]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
