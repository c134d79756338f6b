"""Every engine that is run, and what it opens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from m2v_onnx.config import Precision
from m2v_onnx.model import StaticModel
from tests.engines.environments import HERE, python

Folder = Literal["embedded", "shared", "family", "weights"]
Command = tuple[str, ...]
Excuse = Literal["unknown or special tokens", "too long", "Greek or rare Chinese"]

# Texts that some engines make other tokens of, or other use.
EXCUSES: dict[Excuse, Callable[[StaticModel, str, list[int]], bool]] = {
    "unknown or special tokens": lambda model, _text, token_ids: not model.masked_ids.isdisjoint(token_ids),
    "too long": lambda model, _text, token_ids: len(token_ids) == model.config.max_length,
    "Greek or rare Chinese": lambda _model, text, _token_ids: "Σ" in text or "\U00020000" in text,
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


ENGINES = [
    *_sentence_transformers(),
    Engine(
        "model2vec",
        _python("model2vec", "model2vec_model"),
        opens="model.safetensors",
        excuses=("unknown or special tokens",),
    ),
    *_fastembed(),
]
