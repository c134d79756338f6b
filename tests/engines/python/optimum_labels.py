"""optimum: `optimum_labels.py FOLDER ANSWER FILE`."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer, pipeline

folder, answer_path, file = sys.argv[1:]
goldens = json.loads((Path(folder) / "goldens.json").read_text(encoding="utf-8"))
model = ORTModelForSequenceClassification.from_pretrained(
    folder, subfolder=str(Path(file).parent), file_name=Path(file).name
)
classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
found = classify(goldens["texts"], truncation=True)
content = {
    "version": version("optimum-onnx"),
    "labels": [one["label"] for one in found],
    "scores": [one["score"] for one in found],
}
Path(answer_path).write_text(json.dumps(content), encoding="utf-8")
