"""The model card of a classifier: its labels, how it was trained, and how to use it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from m2v_onnx.folder.classifier_files import ClassifierData, label_texts
from m2v_onnx.folder.model_card import FILES, Snippet, facts, files_table, front_matter, usage
from m2v_onnx.folder.names import CARD_NAME, CODEPOINTS_STEM, GRAPH_NAME, HEAD_NAME, TEXT_STEM, graph_places
from m2v_onnx.model.quantization import PRECISIONS

# More labels than these are not listed.
_MOST_LABELS = 100

_M2V_ONNX = Snippet(
    "m2v-onnx",
    "python",
    """\
from m2v_onnx import Classifier

classifier = Classifier.from_pretrained("$name")
labels = classifier.predict(["It's dangerous to go alone!", "It's a secret to everybody."])
""",
)
_TRANSFORMERS_JS = Snippet(
    "JavaScript: transformers.js",
    "js",
    """\
import { pipeline } from "@huggingface/transformers";

const classify = await pipeline("text-classification", "$js_name", { dtype: "fp32" });
console.log(await classify(["It's dangerous to go alone!", "It's a secret to everybody."]));
""",
)
_OPTIMUM = Snippet(
    "optimum (`optimum-onnx`)",
    "python",
    """\
from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer, pipeline

model = ORTModelForSequenceClassification.from_pretrained("$name", subfolder="onnx", file_name="model.onnx")
classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained("$name"))
print(classify(["It's dangerous to go alone!", "It's a secret to everybody."]))
""",
)
_JAVA = Snippet(
    "Java: `com.microsoft.onnxruntime:onnxruntime`",
    "java",
    """\
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import java.util.Map;

var environment = OrtEnvironment.getEnvironment();
int[][] codePoints = {"It's dangerous to go alone!".codePoints().toArray()};
try (var session = environment.createSession("$name/$codepoints_graph");
     var input = OnnxTensor.createTensor(environment, codePoints);
     var outputs = session.run(Map.of("codepoints", input))) {
    String label = ((String[]) outputs.get("label").get().getValue())[0];
    float[] probabilities = ((float[][]) outputs.get("probabilities").get().getValue())[0];
}
""",
)
_C_SHARP = Snippet(
    "C#: `Microsoft.ML.OnnxRuntime`",
    "csharp",
    """\
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

using var session = new InferenceSession("$name/$text_graph");
string[] texts = { "It's dangerous to go alone!", "It's a secret to everybody." };
var input = NamedOnnxValue.CreateFromTensor("text", new DenseTensor<string>(texts, new[] { texts.Length }));
using var outputs = session.Run(new[] { input }, new[] { "label", "probabilities" });
string[] labels = outputs[0].AsTensor<string>().ToArray();
Tensor<float> probabilities = outputs[1].AsTensor<float>();  // ($n_outputs columns)
""",
)


def write_classifier_card(
    data: ClassifierData, folder: Path, *, name: str, graphs: Mapping[str, str]
) -> None:
    """Write `classifier_card` into a classifier's folder."""
    (folder / CARD_NAME).write_text(classifier_card(data, name=name, graphs=graphs), encoding="utf-8")


def classifier_card(data: ClassifierData, *, name: str, graphs: Mapping[str, str]) -> str:
    """Give the README.md of a classifier's folder. The text depends on the arguments alone.

    Of `data.training` it shows what is a number or a text, and the tables `scores` and `label_counts`.

    Args:
        data: the classifier.
        name: what it is called: its folder, or its Hub id.
        graphs: the paths of the graphs in the folder, such as `onnx/model.onnx`, and what they are.
    """
    head = data.head
    tags = ["text-classification", "static-embeddings", "onnx", "m2v-onnx"]
    if GRAPH_NAME in graphs:
        tags.append("transformers.js")
    places = {
        "graph": GRAPH_NAME if GRAPH_NAME in graphs else None,
        "text_graph": _find(TEXT_STEM, graphs),
        "codepoints_graph": _find(CODEPOINTS_STEM, graphs),
        "n_outputs": str(head.n_outputs),
    }
    files = {**FILES, HEAD_NAME: "what makes logits of vectors and tokens", **graphs}
    parts = [
        front_matter(data.model, pipeline="text-classification", tags=tags),
        f"# {name}",
        "A text classifier on static embeddings: a linear layer over the mean of the vectors of a text's "
        f"tokens{_also(data)}.",
        "\n".join(f"- {fact}" for fact in (*_head_facts(data), *facts(data.model))),
        *_tables(data.training),
        *usage(name, _choose_snippets(data, places), places),
        *files_table(files),
    ]
    return "\n\n".join(parts) + "\n"


def _find(stem: str, graphs: Mapping[str, str]) -> str | None:
    places = (path for precision in PRECISIONS for path in graph_places(stem, precision))
    return next((path for path in places if path in graphs), None)


def _also(data: ClassifierData) -> str:
    parts = {"the tokens themselves": data.head.terms, "pairs of neighbouring tokens": data.head.pairs}
    named = [name for name, table in parts.items() if table is not None]
    return f", and over {' and '.join(named)}" if named else ""


def _head_facts(data: ClassifierData) -> Iterator[str]:
    head = data.head
    kinds = {
        "single_label": "one label for each text",
        "multi_label": "any number of labels for each text",
        "regression": f"a regression of {head.n_outputs} values",
    }
    yield kinds[head.problem]
    if head.labels:
        texts = label_texts(head)
        shown = ", ".join(map(_code, texts[:_MOST_LABELS]))
        yield f"{len(texts)} labels: {shown}{' …' if len(texts) > _MOST_LABELS else ''}"
    for key, value in data.training.items():
        if isinstance(value, (str, int, float)):
            yield f"{key.replace('_', ' ')}: {_number(value)}"


def _tables(training: Mapping[str, Any]) -> Iterator[str]:
    for key, heading in {"scores": "Scores", "label_counts": "Labels in the training data"}.items():
        values = training.get(key)
        if isinstance(values, Mapping) and values:
            rows = (f"| {_cell(str(name))} | {_number(value)} |" for name, value in values.items())
            yield f"## {heading}"
            yield "\n".join(["| | |", "| --- | --- |", *rows])


def _code(text: str) -> str:
    """Write a label on one line."""
    return f"`{json.dumps(text, ensure_ascii=False)[1:-1]}`".replace("``", "` `")


def _cell(text: str) -> str:
    """Write a label into a table, as it is where it can be read so."""
    return text if text.isprintable() and not set(text) & set("|`<*_") else _code(text).replace("|", "\\|")


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _choose_snippets(data: ClassifierData, places: Mapping[str, str | None]) -> Iterator[Snippet]:
    yield _M2V_ONNX
    if places["graph"] is not None:
        yield _TRANSFORMERS_JS
        yield _OPTIMUM
    if data.head.problem == "regression":  # which has no labels
        return
    if places["codepoints_graph"] is not None:
        yield _JAVA
    if places["text_graph"] is not None:
        yield _C_SHARP
