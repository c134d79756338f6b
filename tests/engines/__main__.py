"""Open one model with every engine, and compare the vectors: `python -m tests.engines MODEL`.

Prints the table of docs/engines.md; ends with 1 when an engine gives other vectors than the model.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from m2v_onnx.export.write import save_classifier
from m2v_onnx.folder.classifier_files import ClassifierData, read_classifier
from m2v_onnx.folder.goldens import read_goldens
from m2v_onnx.folder.reading import read_embedding
from m2v_onnx.model.quantization import Precision, dequantize_table, quantize_table
from m2v_onnx.model.quantized_head import dequantize_head, quantize_head
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.static_model import StaticModel
from tests.classifiers import random_head
from tests.engines.catalogue import CLASSIFIERS, ENGINES, EXCUSES, Engine
from tests.engines.environments import PLACE, install


@dataclass(frozen=True)
class Outcome:
    """What an engine made of the texts: a line of the table."""

    engine: Engine
    version: str
    n_texts: int
    difference: float
    remark: str
    is_right: bool

    def to_row(self) -> str:
        """Give the line."""
        verdict = "" if self.is_right else "**WRONG** "
        opens = f"{self.engine.opens.folder}: `{self.engine.opens.path}`"
        cells = (self.engine.name, self.version, opens, self.n_texts, format_difference(self.difference))
        return f"| {' | '.join(map(str, cells))} | {verdict}{self.remark} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path, help="the folder of a static model")
    parser.add_argument("--only", default="", help="run the engines whose name holds this")
    arguments = parser.parse_args()
    install()
    write_folders(StaticModel.from_pretrained(arguments.model), PLACE / "models")
    all_right = True
    for engines, judge in ((ENGINES, compare), (CLASSIFIERS, compare_labels)):
        print("| engine | version | opens | texts | largest difference | remark |\n" + "| --- " * 6 + "|")
        for engine in engines:
            if arguments.only in engine.name:
                outcome = run(engine, PLACE / "models" / engine.opens.folder, judge)
                print(outcome.to_row(), flush=True)
                all_right &= outcome.is_right
        print()
    return 0 if all_right else 1


def write_folders(model: StaticModel, place: Path) -> None:
    """Write the model in every form that an engine of the table opens."""
    model.save_pretrained(place / "embedded")
    model.save_pretrained(place / "shared", table="shared")
    model.save_pretrained(place / "family", graphs=("ids", "ids3", "tokens"), precisions=get_args(Precision))
    # Every token weighs less than the one before, and a third of them share the rows of others.
    n_rows = len(model.table) * 2 // 3
    weighted = dataclasses.replace(
        model,
        table=np.asarray(model.table[:n_rows]),
        weights=np.linspace(2, 0.1, model.n_tokens, dtype=np.float32),
        mapping=np.arange(model.n_tokens, dtype=np.int32) % n_rows,
    )
    weighted.save_pretrained(place / "weights")
    data = ClassifierData(model, random_head(model))
    graphs = {"graphs": ("ids", "text"), "precisions": ("fp32", "int8")}
    save_classifier(data, place / "classifier", **graphs)


def run(engine: Engine, folder: Path, judge: Callable[[Engine, dict[str, Any], Path], Outcome]) -> Outcome:
    """Run an engine's program, and judge its answer."""
    with tempfile.TemporaryDirectory() as place:
        answer_path = Path(place) / "answer.json"
        command = [*engine.command, str(folder), str(answer_path), engine.opens.path, *engine.arguments]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        if child.returncode or engine.refuses:
            return judge_refusal(engine, child.stderr if child.returncode else "")
        answer = json.loads(answer_path.read_text(encoding="utf-8"))
    return judge(engine, answer, folder)


def judge_refusal(engine: Engine, message: str) -> Outcome:
    """Judge an engine that gave no vectors, or that gave some where it must not."""
    is_right = bool(engine.refuses and engine.refuses in message)
    remark = f"refuses: “{engine.refuses}”" if is_right else message or "gave vectors"
    return Outcome(engine, "", 0, np.nan, remark, is_right)


def compare(engine: Engine, answer: dict[str, Any], folder: Path) -> Outcome:
    """Compare an engine's vectors with the specification's, for the table in the number type of its file."""
    model = read_embedding(folder)
    none = [np.nan] * model.dim
    vectors = np.array([none if vector is None else vector for vector in answer["vectors"]], np.float32)
    goldens = read_goldens(folder, model)
    expected, remarks = goldens.vectors, []
    if engine.opens.precision != "fp32":
        table = dequantize_table(quantize_table(model.table, engine.opens.precision))
        expected = dataclasses.replace(model, table=table).encode_reference(goldens.texts)
    differences = np.abs(vectors - expected).max(axis=1)
    counts = np.ones(len(differences), bool)
    for excuse in engine.excuses:
        pairs = zip(goldens.texts, goldens.token_ids, strict=True)
        is_excused = np.array([EXCUSES[excuse](model, text, token_ids) for text, token_ids in pairs])
        beyond = counts & is_excused & ~(differences <= engine.opens.bound)
        if beyond.any():
            worst = format_difference(differences[beyond].max())
            remarks.append(f"{beyond.sum()} {excuse}: {worst}")
            counts &= ~beyond
    if engine.opens.precision != "fp32":
        cosine = least_cosine(vectors[counts], goldens.vectors[counts])
        remarks.append(f"least cosine with float32 {cosine:.5f}")
    largest = differences[counts].max()
    is_right = bool(largest <= engine.opens.bound)
    return Outcome(engine, answer["version"], int(counts.sum()), largest, "; ".join(remarks), is_right)


def compare_labels(engine: Engine, answer: dict[str, Any], folder: Path) -> Outcome:
    """Compare an engine's labels with those of the goldens, and their probabilities with NumPy's."""
    data = read_classifier(folder)
    goldens = read_goldens(folder, data.model, data.head)
    table = dequantize_table(quantize_table(data.model.table, engine.opens.precision))
    head = dequantize_head(quantize_head(data.head, engine.opens.precision))
    logits = head.logits_reference(dataclasses.replace(data.model, table=table), goldens.texts)
    differences = np.abs(head.probabilities(logits).max(axis=1) - np.array(answer["scores"]))
    pairs = zip(answer["labels"], goldens.labels or [], strict=True)
    is_other = np.array([label != golden for label, golden in pairs]) | ~(differences <= engine.opens.bound)
    is_excused = np.zeros(len(is_other), bool)
    for excuse in engine.excuses:
        texts = zip(goldens.texts, goldens.token_ids, strict=True)
        is_excused |= np.array([EXCUSES[excuse](data.model, text, ids) for text, ids in texts])
    counts = ~(is_other & is_excused)
    remark = f"{(~counts).sum()} {', '.join(engine.excuses)}" if not counts.all() else ""
    is_right = not is_other[counts].any()
    return Outcome(engine, answer["version"], int(counts.sum()), differences[counts].max(), remark, is_right)


def format_difference(difference: float) -> str:
    """Write a difference; not a number where an engine gave no vector."""
    return "no vector" if np.isnan(difference) else f"{difference:.1e}"


def least_cosine(vectors: Vectors, others: Vectors) -> float:
    """Give the least cosine of two (B, D) arrays of unit vectors; zeros, which have none, are left out."""
    cosines = (vectors * others).sum(axis=1)
    return float(cosines[others.any(axis=1)].min())


if __name__ == "__main__":
    sys.exit(main())
