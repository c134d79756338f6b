"""The shapes of tokenizers on which other libraries equal the reference.

A shape is normalizer, pre-tokenizer and the model's options. `benchmarks.fast_tokenizers` runs each of them
over all text: to add one, put it here, and see that no text differs there. Libraries leave out in silence
what they do not know, so some texts that come out right prove nothing of another shape.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

Json = dict[str, Any]

# Options that change no token.
_WITHOUT_EFFECT = ("trim_offsets",)
# The tokens themselves, and what they are called.
_VOCABULARY = ("vocab", "merges", "unk_token", "unk_id")


@dataclass(frozen=True)
class Shape:
    """What a tokenizer does, apart from its vocabulary.

    Attributes:
        kinds: the names of its parts, for people.
        parts: their options, as JSON.
        has_plain_tokens: whether all its added tokens are special, and found as they are.
    """

    kinds: str
    parts: str
    has_plain_tokens: bool


def read_shape(tokenizer: Tokenizer) -> Shape:
    """Give the shape of a tokenizer."""
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    unknown = model.get("unk_token") if "unk_token" in model else model.get("unk_id")
    options = {key: value for key, value in model.items() if key not in _VOCABULARY}
    return _shape(
        list(_walk(content["normalizer"])),
        list(_walk(content["pre_tokenizer"])),
        # An affix that is empty is none.
        {key: None if value == "" else value for key, value in options.items()}
        | {"has_unknown": unknown is not None},
        has_plain_tokens=all(map(_is_plain, content["added_tokens"])),
    )


def _shape(
    normalizers: Sequence[Json], pre_tokenizers: Sequence[Json], model: Json, *, has_plain_tokens: bool = True
) -> Shape:
    named = (("normalizer", normalizers), ("pre-tokenizer", pre_tokenizers), ("model", [model]))
    kinds = ", ".join(f"{name} {' + '.join(m['type'] for m in members) or 'none'}" for name, members in named)
    parts = json.dumps([normalizers, pre_tokenizers, model], sort_keys=True)
    return Shape(kinds if has_plain_tokens else f"{kinds}, and added tokens", parts, has_plain_tokens)


def _walk(component: Json | None) -> Iterator[Json]:
    """Give what a component does in turn; of a table of characters, its digest."""
    if component is None:
        return
    if component["type"] == "Sequence":
        key = "normalizers" if "normalizers" in component else "pretokenizers"
        for member in component[key]:
            yield from _walk(member)
        return
    options = {key: value for key, value in component.items() if key not in _WITHOUT_EFFECT}
    table = options.get("precompiled_charsmap")
    if table is not None:
        options["precompiled_charsmap"] = hashlib.sha256(table.encode()).hexdigest()
    yield options


def _is_plain(token: Mapping[str, bool]) -> bool:
    return token["special"] and not any(
        token[key] for key in ("normalized", "single_word", "lstrip", "rstrip")
    )


_BPE = {
    "type": "BPE",
    "dropout": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
    "has_unknown": False,
}
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}
# GPT-2, RoBERTa.
_GPT_2 = [_shape([], [_BYTE_LEVEL], _BPE | {"has_unknown": has_unknown}) for has_unknown in (False, True)]
# Llama 2, Mistral.
_LLAMA_2 = _shape(
    [
        {"type": "Prepend", "prepend": "\u2581"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
    ],
    [],
    _BPE | {"fuse_unk": True, "byte_fallback": True, "has_unknown": True},
)
# SentencePiece's nmt_nfkc, as XLM-R's relatives have it.
_XLM_R = _shape(
    [
        {
            "type": "Precompiled",
            "precompiled_charsmap": "ce10d747170c5e102c99b841d1cdea976d54405ebc44791f9c3636741a894d8f",
        },
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    ],
    [{"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}],
    {"type": "Unigram", "byte_fallback": False, "has_unknown": True},
)
# By the library that takes them.
PROVEN_SHAPES = {"gigatoken": frozenset([*_GPT_2, _LLAMA_2]), "tokie": frozenset([_XLM_R])}
