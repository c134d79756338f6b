"""optimum opens a classifier's folder with no code of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.classifiers import save_tiny_classifier

PROGRAM = """
import json, sys
from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer, pipeline

folder, file_name = sys.argv[1:]
texts = json.load(open(folder + "/goldens.json", encoding="utf-8"))["texts"]
model = ORTModelForSequenceClassification.from_pretrained(folder, subfolder="onnx", file_name=file_name)
classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
print(json.dumps([found["label"] for found in classify(texts, truncation=True)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("file_name", ["model.onnx", "model_quantized.onnx"])
def test_optimum_gives_the_labels_of_the_goldens(tmp_path, file_name):
    folder = save_tiny_classifier(tmp_path / "it")
    command = [sys.executable, "-c", PROGRAM, str(folder), file_name]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    goldens = json.loads((folder / "goldens.json").read_text(encoding="utf-8"))
    assert json.loads(output.splitlines()[-1]) == goldens["labels"]
