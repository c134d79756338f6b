"""Faster tokenizers, and when they take the place of the `tokenizers` library.

A fast tokenizer is taken for the family that it proved exact on, over all text of the benchmark
`benchmarks.fast_tokenizers`, and only when it gives the reference's ids for HARD_TEXTS, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.batch_tokenizer import BatchTokenizer, ReferenceTokenizer
from m2v_onnx.runtime.fast_libraries import GigatokenTokenizer, TokieTokenizer
from m2v_onnx.runtime.word_piece import CompiledWordPiece
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS


@dataclass(frozen=True)
class TokenizerChoice:
    """A tokenizer, and why it was chosen."""

    tokenizer: BatchTokenizer
    reason: str


FAST_TOKENIZERS: dict[str, Callable[[StaticEmbedding], BatchTokenizer]] = {
    "WordPiece": CompiledWordPiece,
    "BPE": GigatokenTokenizer,
    "Unigram": TokieTokenizer,
}


def choose_tokenizer(model: StaticEmbedding) -> TokenizerChoice:
    """Take the fast tokenizer of a model's tokenizer family, when it is there and proves exact.

    Args:
        model: whose tokenizer to run.
    """
    reference = ReferenceTokenizer(model)
    family = type(model.tokenizer.model).__name__
    if family not in FAST_TOKENIZERS:
        return TokenizerChoice(reference, f"no fast tokenizer for {family}")
    try:
        fast = FAST_TOKENIZERS[family](model)
    except ImportError as error:
        name = str(error.name)
        if name.startswith("m2v_onnx."):
            return TokenizerChoice(reference, "m2v-onnx was installed without a C compiler")
        return TokenizerChoice(reference, f'{name} is not installed: `pip install "m2v-onnx[fast]"`')
    except ValueError as error:  # a component that it does not know
        return TokenizerChoice(reference, f"the fast tokenizer refuses it: {error}")
    expected, found = (one.tokenize(HARD_TEXTS).to_lists() for one in (reference, fast))
    for text, one, other in zip(HARD_TEXTS, expected, found, strict=True):
        if one != other:
            return TokenizerChoice(reference, f"{fast.name} gives other tokens for {text!r:.40}")
    return TokenizerChoice(fast, f"equal to tokenizers on {len(HARD_TEXTS)} hard texts")
