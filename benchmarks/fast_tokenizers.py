"""Fast tokenizers against the reference: `python -m benchmarks.fast_tokenizers SHARED [FOLDER]`.

Every tokenizer of SHARED/tokenizers and SHARED/teachers loses what a static model has no use for. What
`choose_tokenizer` takes for it and the reference then tokenise all text of SHARED/eval, or of one FOLDER of
it, each text once. A BPE without an unknown token runs a second time with one, which some teachers'
configurations name. Speed is texts per second of CPU. The exit code is 1 when a text differs, and when a
shape of `PROVEN_SHAPES` has no tokenizer.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models

from checks.tokenizers_roundtrip import read_texts, static_tokenizer, tokenizer_paths
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.runtime.batch_tokenizer import BatchTokenizer, ReferenceTokenizer
from m2v_onnx.runtime.choice import choose_tokenizer
from m2v_onnx.runtime.proven_shapes import PROVEN_SHAPES, read_shape
from m2v_onnx.static_model import StaticModel
from m2v_onnx.tokenizer.token_ids import TokenIds

N_BATCH = 512


def tokenize(tokenizer: BatchTokenizer, texts: Sequence[str]) -> tuple[list[TokenIds], float]:
    """Give the ids of batches, and the CPU seconds that they took."""
    start = time.process_time()
    found = [tokenizer.tokenize(texts[i : i + N_BATCH]) for i in range(0, len(texts), N_BATCH)]
    return found, time.process_time() - start


def count_differences(expected: Sequence[TokenIds], found: Sequence[TokenIds]) -> int:
    n_different = 0
    for one, other in zip(expected, found, strict=True):
        if not (np.array_equal(one.ids, other.ids) and np.array_equal(one.offsets, other.offsets)):
            n_different += sum(a != b for a, b in zip(one.to_lists(), other.to_lists(), strict=True))
    return n_different


def main() -> None:
    shared = Path(sys.argv[1])
    folders = [shared / "eval" / sys.argv[2]] if len(sys.argv) > 2 else read_folders(shared / "eval")
    texts = list(dict.fromkeys(text for folder in folders for text in read_texts(folder)))
    n_failed = 0
    print(f"{len(texts):,} texts, {sum(map(len, texts)):,} characters\n")
    print("| tokenizer | taken | why | texts that differ | texts/s | of tokenizers | times |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    unseen = set().union(*PROVEN_SHAPES.values())
    for name, tokenizer in read_tokenizers(shared):
        unseen.discard(read_shape(tokenizer))
        model = StaticModel(np.zeros((tokenizer.get_vocab_size(), 1), np.float32), tokenizer, ModelConfig())
        choice = choose_tokenizer(model)
        expected, reference_seconds = tokenize(ReferenceTokenizer(model), texts)
        found, seconds = tokenize(choice.tokenizer, texts)
        n_different = count_differences(expected, found)
        n_failed += n_different
        rate, reference_rate = len(texts) / seconds, len(texts) / reference_seconds
        row = [name, choice.tokenizer.name, choice.reason, str(n_different), f"{rate:,.0f}"]
        print(f"| {' | '.join(row)} | {reference_rate:,.0f} | {rate / reference_rate:.1f} |", flush=True)
    if unseen and len(sys.argv) == 2:
        print(f"\nno tokenizer has the shape {'; '.join(shape.kinds for shape in unseen)}")
    sys.exit(1 if n_failed or unseen else 0)


def read_tokenizers(shared: Path) -> Iterator[tuple[str, Tokenizer]]:
    """Give the name and the tokenizer of every static model."""
    for path in tokenizer_paths(shared):
        name, tokenizer = path.parent.name, static_tokenizer(path)
        yield name, tokenizer
        if isinstance(tokenizer.model, models.BPE) and tokenizer.model.unk_token is None:
            yield f"{name}, with an unknown token", static_tokenizer(path, unk_token="<unk>")


def read_folders(root: Path) -> list[Path]:
    """Give every folder with files in it."""
    return sorted({path.parent for path in root.rglob("*.*") if path.is_file() and path.parent != root})


if __name__ == "__main__":
    main()
