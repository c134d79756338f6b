"""A process that loads one library and one model, then encodes what it is told, as often as it is told.

`python -m benchmarks.encode_worker LIBRARY FOLDER OPTIONS`, where the library is installed. A line of JSON on
stdin names a file of texts, or of one text, and the least seconds to spend on it; the answer on stdout holds
the seconds and the CPU seconds of one pass. With `vectors`, a path, the vectors are written instead.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Texts = str | list[str]
Encode = Callable[[Texts], Any]


def load_m2v_onnx(folder: str, *, precision: str | None = None, **options: int) -> Encode:
    from m2v_onnx import StaticModel

    model = StaticModel.from_pretrained(folder, precision=precision)
    return lambda texts: model.encode(texts, **options)


def load_model2vec(folder: str, **options: int) -> Encode:
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(folder)
    return lambda texts: model.encode(texts, **options)


def load_laghu(folder: str) -> Encode:
    import laghu

    return laghu.load(folder, fallback=False).encode


def load_sentence_transformers(folder: str, **options: int) -> Encode:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    return lambda texts: model.encode(texts, **options)


def load_fastembed(folder: str) -> Encode:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        model="static",
        pooling=PoolingType.DISABLED,
        normalization=False,
        sources=ModelSource(hf="static"),
        dim=256,
        model_file="onnx/model.onnx",
        output_name="sentence_embedding",
    )
    model = TextEmbedding("static", specific_model_path=folder)
    return lambda texts: np.array(list(model.embed(texts)))


def load_wordllama(folder: str) -> Encode:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
    from wordllama.inference import WordLlamaInference

    table = load_file(Path(folder, "model.safetensors"))["embeddings"]
    tokenizer = Tokenizer.from_file(str(Path(folder, "tokenizer.json")))
    model = WordLlamaInference(table, tokenizer)
    return lambda texts: model.embed(texts, norm=True)


LOADERS: dict[str, Callable[..., Encode]] = {
    "m2v-onnx": load_m2v_onnx,
    "model2vec": load_model2vec,
    "laghu": load_laghu,
    "sentence-transformers": load_sentence_transformers,
    "fastembed": load_fastembed,
    "wordllama": load_wordllama,
}


def main() -> None:
    library, folder, options = sys.argv[1:]
    encode = LOADERS[library](folder, **json.loads(options))
    for line in sys.stdin:
        order = json.loads(line)
        texts = json.loads(Path(order["texts"]).read_text("utf-8"))
        if "vectors" in order:
            np.save(order["vectors"], encode(texts))
            answer = {}
        else:
            answer = measure(encode, texts, at_least=order["seconds"])
        print(json.dumps(answer), flush=True)


def measure(encode: Encode, texts: Texts, *, at_least: float) -> dict[str, float]:
    n_passes, cpu_start, start = 0, time.process_time(), time.perf_counter()
    while (seconds := time.perf_counter() - start) < at_least:
        encode(texts)
        n_passes += 1
    return {"seconds": seconds / n_passes, "cpu_seconds": (time.process_time() - cpu_start) / n_passes}


if __name__ == "__main__":
    main()
