"""What --small and the learner table are worth: a table of docs/training.md.

.venv/bin/python -m benchmarks.training_options MODEL ../shared/eval/classification
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import fmean

from benchmarks.training import SETS, load
from m2v_onnx import StaticModel
from m2v_onnx.training import TrainingOptions, train_classifier

WAYS = {
    "the default": TrainingOptions(),
    "`--small`": TrainingOptions(small=True),
    "`--learner table`": TrainingOptions(learner="table"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="folder of a static model")
    parser.add_argument("data", type=Path, help="folder of NAME_train.tsv and NAME_test.tsv")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=list(SETS))
    args = parser.parse_args()
    model = StaticModel.from_pretrained(args.model)
    print("| | accuracy | CPU s | MB of the graph that takes text: fp32 | int8 |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, options in WAYS.items():
        rows = [measure(model, args.data, one, options) for one in args.sets]
        accuracy, seconds, whole, small = map(fmean, zip(*rows, strict=True))
        print(f"| {name} | {accuracy:.1f} | {seconds:.1f} | {whole:.1f} | {small:.1f} |", flush=True)


def measure(
    model: StaticModel, data: Path, name: str, options: TrainingOptions
) -> tuple[float, float, float, float]:
    """Give accuracy in percent, seconds of the processor, and the size of two graphs in megabytes."""
    texts, labels, test_texts, test_labels = load(data, name, few=0, seed=0)
    start = time.process_time()
    classifier = train_classifier(model, texts, labels, options=options)
    seconds = time.process_time() - start
    right = sum(one == other for one, other in zip(classifier.predict(test_texts), test_labels, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        classifier.save_pretrained(folder, graphs=["text"], precisions=["fp32", "int8"])
        graphs = (Path(folder) / f"onnx/model_text{suffix}.onnx" for suffix in ("", "_quantized"))
        whole, small = (graph.stat().st_size / 1e6 for graph in graphs)
    return 100 * right / len(test_texts), seconds, whole, small


if __name__ == "__main__":
    main()
