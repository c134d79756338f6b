"""Every engine that is run, and what it opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from m2v_onnx.export.kinds import GRAPH_KINDS, GraphName
from m2v_onnx.folder.names import EMBEDDED_GRAPHS, SHARED_GRAPH_NAME, TABLE_NAME
from m2v_onnx.model.quantization import Precision
from m2v_onnx.static_model import StaticModel
from tests.engines.environments import HERE, PLACE, python

Command = tuple[str, ...]
Excuse = Literal["no known token", "too long", "capital sigma"]

# Texts that some engines make other tokens of, or other use.
EXCUSES: dict[Excuse, Callable[[StaticModel, str, list[int]], bool]] = {
    "no known token": lambda model, _text, token_ids: model.masked_ids.issuperset(token_ids),
    "too long": lambda model, _text, token_ids: len(token_ids) == model.config.max_length,
    "capital sigma": lambda _model, text, _token_ids: "Σ" in text,
}


@dataclass(frozen=True)
class File:
    """What an engine opens.

    Attributes:
        folder: `embedded`, what `save_pretrained` writes; `shared`, the table in one place; `family`, all
            graphs and precisions; `weights`, a model with weights and mapping; `classifier`, with a head.
        path: the file there.
        precision: the number type of its table.
    """

    folder: Literal["embedded", "shared", "family", "weights", "classifier"]
    path: str
    precision: Precision = "fp32"

    @property
    def bound(self) -> float:
        """The largest difference between two numbers of a vector that is rounding."""
        return 1e-5


def _graph(name: GraphName, precision: Precision) -> str:
    return f"{EMBEDDED_GRAPHS}/{GRAPH_KINDS[name].file_name(precision)}"


TABLE = File("embedded", TABLE_NAME)
SINGLE = File("embedded", _graph("ids", "fp32"))
INT8 = File("embedded", _graph("ids", "int8"), "int8")
SHARED = File("shared", SHARED_GRAPH_NAME)
IDS3 = File("family", _graph("ids3", "fp32"))
GRAPHS = [
    File("family", _graph(graph, precision), precision)
    for graph in ("ids", "tokens")
    for precision in get_args(Precision)
]


@dataclass(frozen=True)
class Engine:
    """A program that opens a file with an engine.

    Attributes:
        name: the engine, and how it is used.
        command: the program; the folder, the place of its answer and the file's path follow.
        opens: the file.
        arguments: what follows after all.
        excuses: kinds of texts that the engine itself makes something else of.
        refuses: what the engine must say, where it cannot open the file or would give wrong vectors.
    """

    name: str
    command: Command
    opens: File
    arguments: Command = ()
    excuses: tuple[Excuse, ...] = ()
    refuses: str | None = None


def _python(environment: str, program: str) -> Command:
    return (str(python(environment)), str(HERE / "python" / f"{program}.py"))


def _node(program: str) -> Command:
    return ("node", str(HERE / "node" / f"{program}.mjs"))


def _java(program: str) -> Command:
    place = HERE / "java" / program / "target"
    classes = os.pathsep.join([f"{place}/classes", f"{place}/dependency/*"])
    return ("java", f"-DDJL_CACHE_DIR={PLACE / 'djl'}", "-cp", classes, "Main")


def _sentence_transformers() -> list[Engine]:
    newest = _python("sentence-transformers", "sentence_transformers_model")
    with_onnx = _python("sentence-transformers-onnx", "sentence_transformers_model")
    weights = File("weights", SINGLE.path)
    excuses: tuple[Excuse, ...] = ("too long",)
    refusal = "indexing axis dim should be positive"
    return [
        Engine("sentence-transformers", newest, TABLE, ("torch",), excuses=excuses),
        Engine("sentence-transformers", with_onnx, TABLE, ("torch",), excuses=excuses),
        Engine("sentence-transformers, backend=onnx", with_onnx, weights, ("onnx",)),
        Engine("sentence-transformers, no backend", newest, weights, ("torch",), refuses=refusal),
        *(
            Engine("sentence-transformers, Transformer(backend=onnx)", with_onnx, file, ("modules",))
            for file in (SINGLE, INT8, SHARED)
        ),
    ]


def _model2vec() -> list[Engine]:
    command = _python("model2vec", "model2vec_model")
    return [Engine("model2vec", command, TABLE)]


def _fastembed() -> list[Engine]:
    command = _python("fastembed", "fastembed_model")
    cases = [(SINGLE, "MEAN"), (SINGLE, "CLS"), (SINGLE, "DISABLED"), (INT8, "MEAN"), (SHARED, "MEAN")]
    return [Engine(f"fastembed, {pooling}", command, file, (pooling,)) for file, pooling in cases]


def _transformers_js() -> list[Engine]:
    command = _node("transformers_js")
    # JavaScript makes another letter of a word's last sigma; and it cuts behind the special tokens.
    excuses: tuple[Excuse, ...] = ("capital sigma", "too long")
    cases = [(SINGLE, "mean"), (SINGLE, "cls"), (INT8, "mean"), (SHARED, "mean")]
    return [
        *(
            Engine(f"transformers.js, {pooling}", command, file, (pooling,), excuses)
            for file, pooling in cases
        ),
        *(
            Engine("transformers.js in Chromium, mean", _node("browser"), file, ("transformers.js",), excuses)
            for file in (SINGLE, INT8)
        ),
    ]


def _onnxruntime_web() -> list[Engine]:
    return [
        Engine(name, command, file, (*arguments, *table))
        for name, command, arguments in (
            ("onnxruntime-web in Node", _node("onnxruntime_web"), ()),
            ("onnxruntime-web in Chromium", _node("browser"), ("onnxruntime-web",)),
        )
        for file, table in ((SINGLE, ()), (INT8, ()), (SHARED, (TABLE_NAME,)))
    ]


def _langchain4j() -> list[Engine]:
    # It divides a vector of zeros by its length, and cuts by a rule of its own.
    excuses: tuple[Excuse, ...] = ("no known token", "too long")
    cases = [(SINGLE, "MEAN"), (SINGLE, "CLS"), (INT8, "MEAN"), (SHARED, "MEAN")]
    command = _java("langchain4j")
    return [Engine(f"LangChain4j, {pooling}", command, file, (pooling,), excuses) for file, pooling in cases]


def _spring_ai() -> list[Engine]:
    command = _java("spring-ai")
    return [
        Engine("Spring AI", command, SINGLE),
        Engine("Spring AI", command, INT8),
        Engine("Spring AI", command, SHARED, refuses="cannot get file size"),
    ]


def _semantic_kernel() -> list[Engine]:
    command = _python("onnxruntime", "onnxruntime_session")
    name = "Semantic Kernel's calls, in Python"
    return [Engine(name, command, file, ("semantic-kernel",)) for file in (SINGLE, IDS3)]


def _onnxruntime() -> list[Engine]:
    oldest = _python("onnxruntime-oldest", "onnxruntime_session")
    files = [SHARED, IDS3, *GRAPHS]
    return [
        *(Engine("onnxruntime-node", _node("onnxruntime_node"), file) for file in files),
        *(Engine("onnxruntime, an old release", oldest, file, ("batch",)) for file in files),
    ]


ENGINES = [
    *_sentence_transformers(),
    *_model2vec(),
    *_fastembed(),
    *_transformers_js(),
    *_onnxruntime_web(),
    *_langchain4j(),
    *_spring_ai(),
    *_semantic_kernel(),
    *_onnxruntime(),
]


def _classifiers() -> list[Engine]:
    ids, int8, text = (
        File("classifier", _graph(graph, precision), precision)
        for graph, precision in (("ids", "fp32"), ("ids", "int8"), ("text", "fp32"))
    )
    # As for vectors.
    excuses: tuple[Excuse, ...] = ("capital sigma", "too long")
    optimum = (sys.executable, str(HERE / "python" / "optimum_labels.py"))
    return [
        *(
            Engine("transformers.js", _node("transformers_js_labels"), f, excuses=excuses)
            for f in (ids, int8)
        ),
        *(Engine("optimum", optimum, file, excuses=("too long",)) for file in (ids, int8)),
        Engine("onnxruntime-node", _node("onnxruntime_node_labels"), text),
    ]


CLASSIFIERS = _classifiers()
