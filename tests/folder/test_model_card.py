"""The model card: the metadata as the Hub's own library reads it, and snippets that run."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest
from huggingface_hub import ModelCard, metadata_load
from tokenizers import Tokenizer, models

from m2v_onnx.folder.model_card import GENERATED_LINE, model_card
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.static_model import StaticModel
from tests.builders import ROWS, tiny_model

GRAPHS = {
    "onnx/model.onnx": "token ids in; fp32",
    "onnx/model_quantized.onnx": "token ids in; int8",
    "model_tokens_q4.onnx": "token ids in, its table elsewhere",
}
CONFIG = ModelConfig(normalize=True, teacher="owner/name", recipe=Recipe("model2vec-0.10", pca_dims=2))


def write_card(model: StaticModel, name: str = "my-model", graph_names: Collection[str] = GRAPHS) -> str:
    return model_card(model, name=name, graphs={path: GRAPHS.get(path, "a graph") for path in graph_names})


def titles(card: str) -> list[str]:
    return re.findall("^### (.*?)(?: \\(.*)?$", card, re.MULTILINE)


def test_everything_but_the_snippets():
    card = re.sub("```.*?```\n\n", "", write_card(tiny_model(config=CONFIG)), flags=re.DOTALL)
    assert card == (
        "---\n"
        "library_name: m2v-onnx\n"
        "pipeline_tag: feature-extraction\n"
        "base_model: owner/name\n"
        "tags:\n"
        "- static-embeddings\n"
        "- sentence-similarity\n"
        "- feature-extraction\n"
        "- onnx\n"
        "- m2v-onnx\n"
        "- model2vec\n"
        "- sentence-transformers\n"
        "- transformers.js\n"
        "---\n"
        "<!-- Written by m2v-onnx. Remove this line to keep your own changes when the model is written "
        "again. -->\n\n"
        "# my-model\n\n"
        "A static embedding model: the vector of a text is the mean of the vectors of its tokens, which are "
        "looked up in a table. Unknown and special tokens do not count; a text without a known token gives "
        "zeros.\n\n"
        "- 6 tokens x 2 dimensions, float32\n"
        "- vectors of length 1\n"
        "- the first 512 tokens of a text count\n"
        "- distilled from `owner/name`\n"
        "- no license is known: the model that it comes from names none\n"
        "- made by the recipe `model2vec-0.10` with pooling `mean`, principal components `2` and weighting "
        "`sif`\n\n"
        "## Usage\n\n"
        "`my-model` is the path of this folder, or its id on the Hub.\n\n"
        "### m2v-onnx\n\n"
        "### model2vec\n\n"
        "### sentence-transformers\n\n"
        "### JavaScript: transformers.js\n\n"
        "### Java: LangChain4j (`dev.langchain4j:langchain4j-embeddings`)\n\n"
        "### C#: `Microsoft.ML.OnnxRuntime` and `Tokenizers.DotNet`\n\n"
        "## Files\n\n"
        "| file | content |\n"
        "| --- | --- |\n"
        "| `config.json` | how the model encodes, and how it was made |\n"
        "| `model.safetensors` | the table |\n"
        "| `tokenizer.json` | the tokenizer |\n"
        "| `onnx/model.onnx` | token ids in; fp32 |\n"
        "| `onnx/model_quantized.onnx` | token ids in; int8 |\n"
        "| `model_tokens_q4.onnx` | token ids in, its table elsewhere |\n"
    )


def test_the_hubs_own_library_reads_the_metadata(tmp_path):
    (tmp_path / "README.md").write_text(write_card(tiny_model(config=CONFIG)), encoding="utf-8")
    tags = ["static-embeddings", "sentence-similarity", "feature-extraction", "onnx", "m2v-onnx", "model2vec"]
    expected = {
        "library_name": "m2v-onnx",
        "pipeline_tag": "feature-extraction",
        "base_model": "owner/name",
        "tags": [*tags, "sentence-transformers", "transformers.js"],
    }
    assert metadata_load(tmp_path / "README.md") == expected
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.to_dict() == expected
    assert card.text.startswith(GENERATED_LINE)


@pytest.mark.parametrize("teacher", [None, "a-folder", "C:\\teachers\\a", "a/b/c"])
def test_a_teacher_that_is_not_on_the_hub_is_no_base_model(teacher):
    card = write_card(tiny_model(config=ModelConfig(teacher=teacher)))
    assert "base_model" not in card
    assert (f"- distilled from `{teacher}`\n" in card) == (teacher is not None)
    assert "made by the recipe" not in card


def test_the_snippet_for_our_own_library_runs(tmp_path, monkeypatch):
    model = tiny_model(config=CONFIG)
    monkeypatch.chdir(tmp_path)
    model.save_pretrained("my-model")
    code = re.search("### m2v-onnx\n\n```python\n(.*?)```", write_card(model), re.DOTALL)[1]
    assert "# (2, 2) float32" in code
    result = {}
    exec(compile(code, "README.md", "exec"), result)
    texts = ["It's dangerous to go alone!", "It's a secret to everybody."]
    np.testing.assert_array_equal(result["vectors"], model.encode(texts))
    assert (result["vectors"].shape, result["vectors"].dtype) == ((2, 2), np.float32)


def test_names_in_the_snippets():
    assert 'from_pretrained("a \\"name\\"")' in write_card(tiny_model(), 'a "name"')
    assert 'pipeline("feature-extraction", "./my-model"' in write_card(tiny_model())
    assert 'pipeline("feature-extraction", "owner/my-model"' in write_card(tiny_model(), "owner/my-model")


def test_a_table_that_is_shared_weighted_and_not_normalised():
    parts = {"mapping": np.array([0, 1, 1, 0, 2, 2], np.int32), "weights": np.ones(6, np.float32)}
    card = write_card(tiny_model(table=ROWS[:3].astype(np.float16), max_length=None, **parts))
    assert "- 6 tokens x 2 dimensions, float16; the tokens share 3 rows; every token has a weight\n" in card
    assert "- vectors that are not normalised\n" in card
    assert "tokens of a text count" not in card


@pytest.mark.parametrize(
    "parts",
    [
        {"table": ROWS.astype(np.int8)},
        {"weights": np.ones(6, np.float32)},
        {"mapping": np.arange(6, dtype=np.int32)},
    ],
)
def test_sentence_transformers_where_it_reads_the_table(parts):
    assert "sentence-transformers" in write_card(tiny_model())
    assert "sentence-transformers" not in write_card(tiny_model(**parts))


def test_langchain4j_where_the_tokenizer_adds_the_tokens_that_it_drops():
    without_special_tokens = tiny_model(tokenizer=Tokenizer(models.BPE({"a": 0, "b": 1}, [])), table=ROWS[:2])
    assert "Java: LangChain4j" in titles(write_card(tiny_model()))
    assert "Java: LangChain4j" not in titles(write_card(without_special_tokens))


def test_a_folder_without_a_graph():
    card = write_card(tiny_model(), graph_names=())
    assert titles(card) == ["m2v-onnx", "model2vec", "sentence-transformers"]
    assert "transformers.js" not in card


def test_a_graph_that_shares_the_table_is_none_for_javascript():
    card = write_card(tiny_model(), graph_names=("model.onnx",))
    assert 'new InferenceSession("my-model/model.onnx")' in card
    assert "transformers.js" not in card


@pytest.mark.parametrize(
    ("text_graphs", "taken"),
    [
        (["onnx/model_text.onnx", "onnx/model_text_quantized.onnx"], "onnx/model_text.onnx"),
        (["model_text.onnx"], "model_text.onnx"),
        (["onnx/model_text_quantized.onnx"], "onnx/model_text_quantized.onnx"),
    ],
)
def test_c_sharp_takes_the_graph_of_strings_where_there_is_one(text_graphs, taken):
    card = write_card(tiny_model(), graph_names=("onnx/model.onnx", *text_graphs))
    assert "### C#: `Microsoft.ML.OnnxRuntime`\n" in card
    assert f'new InferenceSession("my-model/{taken}")' in card
    assert "Tensor<float> vectors = outputs[0].AsTensor<float>();  // (2, 2)\n" in card
    assert "Tokenizers.DotNet" not in card
    assert titles(write_card(tiny_model(), graph_names=(taken,)))[-1] == "C#: `Microsoft.ML.OnnxRuntime`"


def test_c_sharp_takes_a_tokenizer_library_where_there_is_no_graph_of_strings():
    card = write_card(tiny_model(), graph_names=("onnx/model.onnx", "onnx/model_codepoints.onnx"))
    assert "### C#: `Microsoft.ML.OnnxRuntime` and `Tokenizers.DotNet`\n" in card
    assert 'new InferenceSession("my-model/onnx/model.onnx")' in card


def test_a_fitted_table_is_said_to_be_one():
    recipe = Recipe("m2v-onnx-1", pca_dims=2, sequences=12_000)
    expected = "- made by the recipe `m2v-onnx-1` with a fit to the teacher's vectors of 32,000 random texts"
    assert expected in write_card(tiny_model(config=ModelConfig(recipe=recipe)))
    to_texts = ModelConfig(recipe=replace(recipe, n_texts=5000))
    assert "of 32,000 random texts and 5,000 texts of a user," in write_card(tiny_model(config=to_texts))
