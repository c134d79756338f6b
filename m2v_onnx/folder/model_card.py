"""The model card: what a reader of the folder, or of its page on the Hub, wants to know first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np

from m2v_onnx.folder.names import (
    CARD_MARK,
    CARD_NAME,
    CONFIG_NAME,
    GRAPH_NAME,
    SHARED_GRAPH_NAME,
    TABLE_NAME,
    TEXT_STEM,
    TOKENIZER_NAME,
    graph_places,
)
from m2v_onnx.model.quantization import PRECISIONS
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.system.hub import looks_like_hub_id

# A card without this line is its reader's own.
GENERATED_LINE = f"{CARD_MARK} Remove this line to keep your own changes when the model is written again. -->"

FILES = {
    CONFIG_NAME: "how the model encodes, and how it was made",
    TABLE_NAME: "the table",
    TOKENIZER_NAME: "the tokenizer",
}


_YAML_WORDS = ("no", "yes", "on", "off", "y", "n", "true", "false", "null")
_COUNTING = {
    "skip": "Unknown and special tokens do not count; a text without a known token gives zeros.",
    "count": "Unknown and special tokens count like any other, as in sentence-transformers; model2vec leaves "
    "them out.",
}


@dataclass(frozen=True)
class Snippet:
    """Code of a card: its heading, its language, and a template of the code."""

    title: str
    language: str
    code: str


_M2V_ONNX = Snippet(
    "m2v-onnx",
    "python",
    """\
from m2v_onnx import StaticModel

model = StaticModel.from_pretrained("$name")
vectors = model.encode(["It's dangerous to go alone!", "It's a secret to everybody."])  # (2, $dim) float32
""",
)
_MODEL2VEC = Snippet(
    "model2vec",
    "python",
    """\
from model2vec import StaticModel

model = StaticModel.from_pretrained("$name")
vectors = model.encode(["It's dangerous to go alone!", "It's a secret to everybody."])
""",
)
_SENTENCE_TRANSFORMERS = Snippet(
    "sentence-transformers",
    "python",
    """\
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("$name")
vectors = model.encode(["It's dangerous to go alone!", "It's a secret to everybody."])
""",
)
_TRANSFORMERS_JS = Snippet(
    "JavaScript: transformers.js",
    "js",
    """\
import { pipeline } from "@huggingface/transformers";

const embed = await pipeline("feature-extraction", "$js_name", { dtype: "fp32" });
const texts = ["It's dangerous to go alone!", "It's a secret to everybody."];
const vectors = await embed(texts, { pooling: "cls" });
console.log(vectors.tolist());
""",
)
_LANGCHAIN4J = Snippet(
    "Java: LangChain4j (`dev.langchain4j:langchain4j-embeddings`)",
    "java",
    """\
import dev.langchain4j.model.embedding.onnx.OnnxEmbeddingModel;
import dev.langchain4j.model.embedding.onnx.PoolingMode;

var model = new OnnxEmbeddingModel("$name/$graph", "$name/tokenizer.json", PoolingMode.CLS);
float[] vector = model.embed("It's dangerous to go alone!").content().vector();  // always of length 1
""",
)
_C_SHARP_TEXT = Snippet(
    "C#: `Microsoft.ML.OnnxRuntime`",
    "csharp",
    """\
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

using var session = new InferenceSession("$name/$text_graph");
// Nothing checks the texts: a lone surrogate counts as U+FFFD.
string[] texts = { "It's dangerous to go alone!", "It's a secret to everybody." };
var input = NamedOnnxValue.CreateFromTensor("text", new DenseTensor<string>(texts, new[] { texts.Length }));
using var outputs = session.Run(new[] { input });
Tensor<float> vectors = outputs[0].AsTensor<float>();  // (2, $dim)
""",
)
_C_SHARP = Snippet(
    "C#: `Microsoft.ML.OnnxRuntime` and `Tokenizers.DotNet`",
    "csharp",
    """\
using Microsoft.ML.OnnxRuntime;
using Tokenizers.DotNet;

var tokenizer = new Tokenizer(vocabPath: "$name/tokenizer.json");
long[] ids = tokenizer.Encode("It's dangerous to go alone!").Select(id => (long)id).ToArray();
long[] mask = Enumerable.Repeat(1L, ids.Length).ToArray();
long[] shape = { 1, ids.Length };

using var session = new InferenceSession("$name/$graph");
using var options = new RunOptions();
using var idsValue = OrtValue.CreateTensorValueFromMemory(ids, shape);
using var maskValue = OrtValue.CreateTensorValueFromMemory(mask, shape);
var inputs = new Dictionary<string, OrtValue> { ["input_ids"] = idsValue, ["attention_mask"] = maskValue };
using var outputs = session.Run(options, inputs, new[] { "sentence_embedding" });
float[] vector = outputs[0].GetTensorDataAsSpan<float>().ToArray();
""",
)


def write_model_card(model: StaticEmbedding, folder: Path, *, name: str, graphs: Mapping[str, str]) -> None:
    """Write `model_card` into a model's folder."""
    (folder / CARD_NAME).write_text(model_card(model, name=name, graphs=graphs), encoding="utf-8")


def model_card(model: StaticEmbedding, *, name: str, graphs: Mapping[str, str]) -> str:
    """Give the README.md of a model's folder: the Hub's metadata, what the model is, and how to use it.

    An engine gets a snippet where it runs the model as it should. The text depends on the arguments alone.

    Args:
        model: the model to describe.
        name: what it is called: its folder, or its Hub id.
        graphs: the paths of the graphs in the folder, such as `onnx/model.onnx`, and what they are.
    """
    graph = next((path for path in (GRAPH_NAME, SHARED_GRAPH_NAME) if path in graphs), None)
    text_graphs = (path for precision in PRECISIONS for path in graph_places(TEXT_STEM, precision))
    text_graph = next((path for path in text_graphs if path in graphs), None)
    snippets = list(_choose_snippets(model, graph, text_graph))
    tags = ["static-embeddings", "sentence-similarity", "feature-extraction", "onnx", "m2v-onnx", "model2vec"]
    if _SENTENCE_TRANSFORMERS in snippets:
        tags.append("sentence-transformers")
    if _TRANSFORMERS_JS in snippets:
        tags.append("transformers.js")
    places = {"graph": graph, "text_graph": text_graph}
    parts = [
        front_matter(model, pipeline="feature-extraction", tags=tags),
        f"# {name}",
        "A static embedding model: the vector of a text is the mean of the vectors of its tokens, which are "
        f"looked up in a table. {_COUNTING[model.config.unknown]}",
        "\n".join(f"- {fact}" for fact in facts(model)),
        *usage(name, snippets, {"dim": str(model.dim), **places}),
        *files_table({**FILES, **graphs}),
    ]
    return "\n\n".join(parts) + "\n"


def usage(name: str, snippets: Iterable[Snippet], places: Mapping[str, str | None]) -> list[str]:
    """Give the parts of a card that show code.

    Args:
        name: what the model is called.
        snippets: the code.
        places: what stands for each name in it, beside `name`, and `js_name`, as transformers.js wants it.
    """
    escaped = json.dumps(name, ensure_ascii=False)[1:-1]  # every language here escapes as JSON does
    js_name = escaped if "/" in name else f"./{escaped}"  # else an id on the Hub
    names = {**places, "name": escaped, "js_name": js_name}
    code = [
        f"### {snippet.title}\n\n```{snippet.language}\n{Template(snippet.code).substitute(names)}```"
        for snippet in snippets
    ]
    return ["## Usage", f"`{name}` is the path of this folder, or its id on the Hub.", *code]


def _choose_snippets(model: StaticEmbedding, graph: str | None, text_graph: str | None) -> Iterator[Snippet]:
    yield _M2V_ONNX
    yield _MODEL2VEC
    # It knows neither mapping nor weights, and cannot average integers.
    if model.mapping is None and model.weights is None and np.issubdtype(model.table.dtype, np.floating):
        yield _SENTENCE_TRANSFORMERS
    if graph == GRAPH_NAME:
        yield _TRANSFORMERS_JS
    # LangChain4j drops the first and the last token of every text, taking them for special ones.
    if graph is not None and model.tokenizer.num_special_tokens_to_add(is_pair=False) == 2:
        yield _LANGCHAIN4J
    if text_graph is not None:
        yield _C_SHARP_TEXT
    elif graph is not None:
        yield _C_SHARP


def front_matter(model: StaticEmbedding, *, pipeline: str, tags: Sequence[str]) -> str:
    """Give the metadata that the Hub reads, in YAML, and the mark of a card that nobody has made their own.

    Args:
        model: the model.
        pipeline: what the Hub calls what it is for.
        tags: what it may be found by.
    """
    teacher = model.config.teacher
    lines = ["library_name: m2v-onnx", f"pipeline_tag: {pipeline}"]
    provenance = model.config.provenance
    is_on_hub = teacher is not None and "/" in teacher and looks_like_hub_id(teacher)
    values = {
        "base_model": teacher if is_on_hub else provenance.base_model,
        "license": provenance.license,
        "license_name": provenance.license_name,
        "license_link": provenance.license_link,
    }
    lines += [f"{key}: {_yaml(value)}" for key, value in values.items() if value is not None]
    if provenance.language:
        lines += ["language:", *(f"- {_yaml(code)}" for code in provenance.language)]
    lines += ["tags:", *(f"- {tag}" for tag in tags)]
    return "\n".join(["---", *lines, "---", GENERATED_LINE])


def _yaml(value: str) -> str:
    """Write a text in YAML, where a bare `no` is false and not Norwegian."""
    is_plain = re.fullmatch(r"[A-Za-z][\w./-]*", value) and value.lower() not in _YAML_WORDS
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def facts(model: StaticEmbedding) -> Iterator[str]:
    """Give what there is to know of a static model, a line each."""
    config, recipe = model.config, model.config.recipe
    size = f"{model.n_tokens:,} tokens x {model.dim} dimensions, {model.table.dtype.name}"
    if model.mapping is not None:
        size += f"; the tokens share {len(model.table):,} rows"
    if model.weights is not None:
        size += "; every token has a weight"
    yield size
    yield "vectors of length 1" if config.normalize else "vectors that are not normalised"
    if config.max_length is not None:
        yield f"the first {config.max_length:,} tokens of a text count"
    if config.teacher is not None:
        yield f"distilled from `{config.teacher}`"
    license_id = config.provenance.license
    if license_id is not None:
        yield f"license of the model that it comes from: {config.provenance.license_name or license_id}"
    elif config.teacher is not None:
        yield "no license is known: the model that it comes from names none"
    if recipe is not None:
        pca_dims = "none" if recipe.pca_dims is None else recipe.pca_dims
        made = (
            f"pooling `{recipe.pooling}`"
            if recipe.sequences is None
            else f"a fit to the teacher's vectors of {_fitted_texts(recipe)}"
        )
        yield (
            f"made by the recipe `{recipe.name}` with {made}, principal components `{pca_dims}` and "
            f"weighting `{recipe.weighting}`"
        )


def _fitted_texts(recipe: Recipe) -> str:
    drawn = f"{recipe.n_fitted_texts - recipe.n_texts:,} random texts"
    return f"{drawn} and {recipe.n_texts:,} texts of a user" if recipe.n_texts else drawn


def files_table(files: Mapping[str, str]) -> list[str]:
    """Give the part of a card that lists files."""
    rows = (f"| `{name}` | {content} |" for name, content in files.items())
    return ["## Files", "\n".join(["| file | content |", "| --- | --- |", *rows])]
