"""Every engine that is run, and what it opens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from m2v_onnx.config import GraphName, Precision
from m2v_onnx.folder import EMBEDDED_GRAPHS, graph_file_name
from m2v_onnx.model import StaticModel
from tests.engines.environments import HERE, python

Folder = Literal["embedded", "shared", "family", "weights"]
Command = tuple[str, ...]
Excuse = Literal["unknown or special tokens", "too long", "capital sigma"]

# Texts that some engines make other tokens of, or other use.
EXCUSES: dict[Excuse, Callable[[StaticModel, str, list[int]], bool]] = {
    "unknown or special tokens": lambda model, _text, token_ids: not model.masked_ids.isdisjoint(token_ids),
    "too long": lambda model, _text, token_ids: len(token_ids) == model.config.max_length,
    "capital sigma": lambda _model, text, _token_ids: "Σ" in text,
}


@dataclass(frozen=True)
class Engine:
    """A program that opens a folder with an engine.

    Attributes:
        name: the engine, and how it is used.
        command: the program; the folder and the place of its answer follow.
        arguments: what follows them.
        folder: the folder that it opens: `embedded`, what `save_pretrained` writes; `shared`, the table in
            one place; `family`, all graphs and precisions; `weights`, a model with weights and mapping.
        opens: the file that it opens there.
        precision: the number type of the table in that file.
        excuses: kinds of texts that the engine's own tokenising makes something else of.
        refuses: what the engine must say instead of giving wrong vectors.
    """

    name: str
    command: Command
    arguments: Command = ()
    folder: Folder = "embedded"
    opens: str = "onnx/model.onnx"
    precision: Precision = "fp32"
    excuses: tuple[Excuse, ...] = ()
    refuses: str | None = None


def _python(environment: str, program: str) -> Command:
    return (str(python(environment)), str(HERE / "python" / f"{program}.py"))


def _sentence_transformers() -> list[Engine]:
    program = "sentence_transformers_model"
    newest = _python("sentence-transformers", program)
    onnx = _python("sentence-transformers-onnx", program)
    table, static = "model.safetensors", "sentence-transformers, StaticEmbedding"
    modules = "sentence-transformers, Transformer(backend=onnx)"
    excuses: tuple[Excuse, ...] = ("unknown or special tokens", "too long")
    return [
        Engine(static, newest, ("torch",), opens=table, excuses=excuses),
        Engine(static, onnx, ("torch",), opens=table, excuses=excuses),
        Engine(modules, onnx, ("onnx", "onnx/model.onnx")),
        Engine(modules, onnx, ("onnx", "model.onnx"), folder="shared", opens="model.onnx"),
        Engine(
            modules,
            onnx,
            ("onnx", "onnx/model_quantized.onnx"),
            opens="onnx/model_quantized.onnx",
            precision="int8",
        ),
        Engine("sentence-transformers, backend=onnx", onnx, ("onnx",), folder="weights"),
        Engine(
            "sentence-transformers, backend=torch",
            newest,
            ("torch",),
            folder="weights",
            opens="model.safetensors",
            refuses="indexing axis dim should be positive",
        ),
    ]


def _fastembed() -> list[Engine]:
    command = _python("fastembed", "fastembed_model")
    embedded, int8 = "onnx/model.onnx", "onnx/model_quantized.onnx"
    return [
        *(
            Engine(f"fastembed, {pooling}", command, (embedded, pooling))
            for pooling in ("MEAN", "CLS", "DISABLED")
        ),
        Engine("fastembed, MEAN", command, (int8, "MEAN"), opens=int8, precision="int8"),
        Engine("fastembed, MEAN", command, ("model.onnx", "MEAN"), folder="shared", opens="model.onnx"),
    ]


def _node(program: str) -> Command:
    return ("node", str(HERE / "node" / f"{program}.mjs"))


def _javascript() -> list[Engine]:
    command = _node("transformers_js")
    # JavaScript makes another sigma of the last one of a word, and cuts behind the special tokens.
    excuses: tuple[Excuse, ...] = ("capital sigma", "too long")
    int8 = "onnx/model_quantized.onnx"
    return [
        Engine("transformers.js, cls", command, ("fp32", "cls", "onnx"), excuses=excuses),
        Engine("transformers.js, mean", command, ("fp32", "mean", "onnx"), excuses=excuses),
        Engine(
            "transformers.js, mean",
            command,
            ("q8", "mean", "onnx"),
            opens=int8,
            precision="int8",
            excuses=excuses,
        ),
        Engine(
            "transformers.js, cls",
            command,
            ("fp32", "cls", ""),
            folder="shared",
            opens="model.onnx",
            excuses=excuses,
        ),
        Engine(
            "transformers.js in Chromium, mean",
            _node("browser"),
            ("transformers.js",),
            opens=int8,
            precision="int8",
            excuses=excuses,
        ),
    ]


def _onnxruntime_web() -> list[Engine]:
    embedded, shared = ("onnx/model.onnx",), ("model.onnx", "model.safetensors")
    return [
        Engine(name, command, (*before, *arguments), folder=folder, opens=arguments[0])
        for name, command, before in (
            ("onnxruntime-web in Node", _node("onnxruntime_web"), ()),
            ("onnxruntime-web in Chromium", _node("browser"), ("onnxruntime-web",)),
        )
        for folder, arguments in (("embedded", embedded), ("shared", shared))
    ]


def _graphs(name: str, command: Command, *arguments: str) -> list[Engine]:
    """List every graph in every precision, and the shared table, for an onnxruntime."""
    return [
        Engine(name, command, ("model.onnx", *arguments), folder="shared", opens="model.onnx"),
        *(
            Engine(name, command, (path, *arguments), folder="family", opens=path, precision=precision)
            for graph in get_args(GraphName)
            for precision in get_args(Precision)
            for path in [f"{EMBEDDED_GRAPHS}/{graph_file_name(graph, precision)}"]
        ),
    ]


def _semantic_kernel() -> list[Engine]:
    return [
        Engine(
            "Semantic Kernel's calls, in Python",
            _python("onnxruntime", "onnxruntime_session"),
            (path, "semantic-kernel"),
            folder="family",
            opens=path,
        )
        for path in ("onnx/model.onnx", "onnx/model_ids3.onnx")
    ]


ENGINES = [
    *_sentence_transformers(),
    Engine(
        "model2vec",
        _python("model2vec", "model2vec_model"),
        opens="model.safetensors",
        excuses=("unknown or special tokens",),
    ),
    *_fastembed(),
    *_javascript(),
    *_onnxruntime_web(),
    *_semantic_kernel(),
    *_graphs("onnxruntime-node", _node("onnxruntime_node")),
    *_graphs("onnxruntime (oldest)", _python("onnxruntime-oldest", "onnxruntime_session"), "batch"),
    *_graphs("onnxruntime", _python("onnxruntime", "onnxruntime_session"), "batch"),
]
