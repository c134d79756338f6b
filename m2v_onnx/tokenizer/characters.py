"""What a normalizer and a pre-tokenizer do to single characters, found by asking them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from tokenizers import normalizers, pre_tokenizers

from m2v_onnx.errors import ArgumentError

N_CODE_POINTS = 0x110000
SURROGATES = range(0xD800, 0xE000)
# No character gives it, no character composes with its edges; a tokenizer that changes it is refused.
_MARKER = "7q7"
_NORMALIZE_CHUNK, _SPLIT_CHUNK = 4096, 256
# A mark of the highest class that marks can have, and one of the lowest: others are ordered around them.
HIGHEST_MARK, LOWEST_MARK = "\u0345", "\u0334"


class Kind(IntEnum):
    """What a character of the normalised text does to words."""

    SPACE = 0  # it ends a word and is left out
    WORD = 1  # it joins its neighbours of the same kind
    RUN = 2  # the same: a second kind, that of marks in a row
    ALONE = 3  # it is a word by itself


def normalize_all(normalizer: normalizers.Normalizer | None, texts: Sequence[str]) -> list[str]:
    """Give the normalised form of many short texts, each as if it stood alone.

    Raises:
        ArgumentError: when the normalizer changes the marker that stands between them.
    """
    if normalizer is None:
        return list(texts)
    normalized: list[str] = []
    for start in range(0, len(texts), _NORMALIZE_CHUNK):
        chunk = texts[start : start + _NORMALIZE_CHUNK]
        parts = normalizer.normalize_str(_MARKER + _MARKER.join(chunk) + _MARKER).split(_MARKER)
        if len(parts) != len(chunk) + 2:
            raise ArgumentError(
                f"a graph that takes text needs a normalizer that leaves {_MARKER!r} alone, found one that "
                f"changes it between {chunk[0]!r} and {chunk[-1]!r}: use the ids graph"
            )
        normalized += parts[1:-1]
    return normalized


def probe_kinds(
    pre_tokenizer: pre_tokenizers.PreTokenizer, characters: Iterable[str]
) -> npt.NDArray[np.int8]:
    """Give (1114112,) int8, the `Kind` of each character of the normalised text; 0 for those not asked for.

    Raises:
        ArgumentError: when a character does something else than the four kinds.
    """
    ordered = sorted(characters)
    kinds = np.zeros(N_CODE_POINTS, np.int8)
    for start in range(0, len(ordered), _SPLIT_CHUNK):
        chunk = ordered[start : start + _SPLIT_CHUNK]
        joined = "".join(chunk)
        points = [ord(character) for character in chunk]
        if len(pre_tokenizer.pre_tokenize_str(f"a{joined}a")) == 1:
            kinds[points] = Kind.WORD
        elif len(pre_tokenizer.pre_tokenize_str(f"!{joined}!")) == 1:
            kinds[points] = Kind.RUN
        else:
            kinds[points] = list(_split_each(pre_tokenizer.pre_tokenize_str, chunk))
    return kinds


def _split_each(
    split: Callable[[str], list[tuple[str, tuple[int, int]]]], characters: list[str]
) -> Iterator[Kind]:
    """Look how each character, twice in a row, stands between a letter and a mark."""
    pieces: list[list[str]] = [[] for _ in characters]
    for piece, (start, _) in split("".join(f"a{character}{character}! " for character in characters)):
        pieces[start // 5].append(piece)
    for c, found in zip(characters, pieces, strict=True):
        twice = c + c
        if found in ([f"a{twice}", "!"], [f"a{twice}!"]):
            yield Kind.WORD
        elif found in (["a", "!"], ["a!"]):
            yield Kind.SPACE
        elif found in (["a", f"{twice}!"], ["a", twice, "!"]):
            yield Kind.RUN
        elif found == ["a", c, c, "!"]:
            yield Kind.ALONE
        else:
            raise ArgumentError(
                f"a graph that takes text cannot carry a pre-tokenizer that splits {f'a{c}{c}!'!r} "
                f"(U+{ord(c):04X}) into {found}: use the ids graph"
            )


def find_marks(characters: Sequence[str]) -> list[str]:
    """Give those of some characters, which do not decompose, that canonical order moves around others."""
    canonical = normalizers.NFD()
    behind = [HIGHEST_MARK + character for character in characters]
    before = [character + LOWEST_MARK for character in characters]
    moved = zip(
        normalize_all(canonical, behind), behind, normalize_all(canonical, before), before, strict=True
    )
    return [c for c, (a, b, x, y) in zip(characters, moved, strict=True) if a != b or x != y]
