"""Small real models and teachers, built by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from m2v_onnx.model.config import ModelConfig
from m2v_onnx.static_model import StaticModel

# Six tokens of two dimensions: sums and lengths are easy to work out by hand.
TOKENS = ("[PAD]", "[UNK]", "sun", "moon", "##light", "!")
ROWS = np.array([[9, 9], [7, 7], [3, 4], [0, 2], [1, 0], [0, 0]], np.float32)


def word_piece(tokens: tuple[str, ...] = TOKENS, *, affixes: bool = False) -> Tokenizer:
    """Make a BERT-like tokenizer; with affixes it puts [CLS] and [SEP] around a text."""
    vocab = {token: token_id for token_id, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [token for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if token in vocab]
    tokenizer.add_special_tokens(special)
    if affixes:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])],
        )
    return tokenizer


def tiny_model(*, normalize: bool = False, max_length: int | None = 512, **parts: object) -> StaticModel:
    """Make the model of TOKENS and ROWS; parts replace its table, weights, mapping or tokenizer."""
    return StaticModel(
        **{
            "table": ROWS.copy(),
            "tokenizer": word_piece(),
            "config": ModelConfig(normalize=normalize, max_length=max_length),
            **parts,
        }
    )


TEACHER_TOKENS = (
    "[PAD]",
    "[unused0]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "sun",
    "moon",
    "##light",
    "##s",
    "!",
)


def tiny_teacher_graph(
    width: int = 4, *, output: str = "last_hidden_state", n_tokens: int = len(TEACHER_TOKENS)
) -> onnx.ModelProto:
    """Make a teacher whose hidden state at a position is the row of its token, plus 0.01 x its position."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_tokens, width)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["rows", "input_ids"], ["found"]),
        helper.make_node("CumSum", ["attention_mask", "axis"], ["positions"]),
        helper.make_node("Cast", ["positions"], ["positions_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["positions_float", "step"], ["shift"]),
        helper.make_node("Unsqueeze", ["shift", "last"], ["shift_column"]),
        helper.make_node("Add", ["found", "shift_column"], [output]),
    ]
    constants = {
        "rows": rows,
        "axis": np.array(1, np.int64),
        "step": np.array(0.01, np.float32),
        "last": np.array([2], np.int64),
    }
    shape = ["batch", "sequence"]
    graph = helper.make_graph(
        nodes,
        "teacher",
        [helper.make_tensor_value_info(n, TensorProto.INT64, shape) for n in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [*shape, width])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_tiny_teacher(folder: Path, graph: onnx.ModelProto | None = None) -> Path:
    """Write a teacher's folder as Sentence Transformers lie on the Hub, with its ONNX file."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "model.onnx").write_bytes((graph or tiny_teacher_graph()).SerializeToString())
    word_piece(TEACHER_TOKENS, affixes=True).save(str(folder / "tokenizer.json"))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 4}))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder


def teacher_rows(width: int = 4, n_tokens: int = len(TEACHER_TOKENS)) -> np.ndarray:
    """Give the rows inside `tiny_teacher_graph`."""
    return numpy_helper.to_array(tiny_teacher_graph(width, n_tokens=n_tokens).graph.initializer[0])


def write_modules(folder: Path, *kinds: str, **settings: object) -> Path:
    """Write modules.json, as sentence-transformers does: the first at the root, others in `1_Pooling` …

    Settings are the contents of the modules' config.json, by the names of their classes.
    """
    places = {kind: f"{index}_{kind}" if index else "" for index, kind in enumerate(kinds)}
    entries = [{"path": place, "type": f"sentence_transformers.models.{k}"} for k, place in places.items()]
    (folder / "modules.json").write_text(json.dumps(entries))
    for kind, content in settings.items():
        (folder / places[kind]).mkdir(exist_ok=True)
        (folder / places[kind] / "config.json").write_text(json.dumps(content))
    return folder


def replace_json(path: Path, **fields: object) -> None:
    """Change some fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
