"""How far a classifier's ONNX graphs are from NumPy, on test texts: the table of docs/training.md.

.venv/bin/python -m benchmarks.classifier_graphs MODEL ../shared/eval/classification
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks.training import SETS, load
from m2v_onnx import Classifier, StaticModel
from m2v_onnx.export.kinds import GRAPH_KINDS, GraphName
from m2v_onnx.model.quantization import Precision
from m2v_onnx.training import train_classifier

_GRAPHS: tuple[GraphName, ...] = ("ids", "text", "codepoints")
_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
_BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="folder of a static model")
    parser.add_argument("data", type=Path, help="folder of NAME_train.tsv and NAME_test.tsv")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=list(SETS))
    parser.add_argument("--texts", type=int, default=2000, help="test texts of each set")
    args = parser.parse_args()
    ort.set_default_logger_severity(3)  # the default of token_type_ids is meant to be replaced
    model = StaticModel.from_pretrained(args.model)
    print("| set | labels | fp32: largest difference | labels that differ | int8: labels that differ |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in args.sets:
        texts, labels, test_texts, _ = load(args.data, name, few=0, seed=0)
        classifier = train_classifier(model, texts, labels)
        found = compare(classifier, test_texts[: args.texts])
        difference, n_differ = (max(column) for column in zip(*found["fp32"], strict=True))
        share = max(n for _, n in found["int8"]) / len(test_texts[: args.texts])
        print(
            f"| {name} | {len(classifier.labels)} | {difference:.0e} | {n_differ} | {100 * share:.2f} % |",
            flush=True,
        )


def compare(classifier: Classifier, texts: list[str]) -> dict[str, list[tuple[float, int]]]:
    """Give, by precision, for each graph: the largest |x - y| / max(1, |y|), and labels that differ."""
    ids = [classifier.model.token_ids_reference(text) for text in texts]
    expected = classifier.head.logits_reference(classifier.model, texts)
    found: dict[str, list[tuple[float, int]]] = {precision: [] for precision in _PRECISIONS}
    with tempfile.TemporaryDirectory() as folder:
        classifier.save_pretrained(folder, graphs=_GRAPHS, precisions=_PRECISIONS)
        for kind in (GRAPH_KINDS[graph] for graph in _GRAPHS):
            for precision in _PRECISIONS:
                session = ort.InferenceSession(Path(folder) / "onnx" / kind.file_name(precision))
                blocks = [
                    session.run(
                        ["logits"], kind.feed(texts[start : start + _BATCH], ids[start : start + _BATCH])
                    )[0]
                    for start in range(0, len(texts), _BATCH)
                ]
                logits = np.concatenate(blocks)
                differences = np.abs(logits - expected) / np.maximum(1, np.abs(expected))
                n_differ = int((logits.argmax(axis=1) != expected.argmax(axis=1)).sum())
                found[precision].append((float(differences.max()), n_differ))
    return found


if __name__ == "__main__":
    main()
