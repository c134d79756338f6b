"""How a tokenizer treats each character of Unicode, found by asking it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, pre_tokenizers

from m2v_onnx.tokenizer.characters import N_CODE_POINTS, SURROGATES, Kind, normalize_all, probe_kinds

REPLACEMENT = 0xFFFD


@dataclass(frozen=True)
class Behaviour:
    """What a normalizer and a pre-tokenizer do to single characters.

    Attributes:
        forms: the normalised form of every code point; surrogates, which no text holds, count as U+FFFD.
        kinds: (1114112,) int8, the `Kind` of every character that is in a form; 0 for others.
    """

    forms: list[str]
    kinds: npt.NDArray[np.int8]


def probe_behaviour(content: str) -> Behaviour:
    """Ask a tokenizer, given in its JSON form, about every character: some seconds."""
    tokenizer = Tokenizer.from_str(content)
    forms = normalize_all(tokenizer.normalizer, scalars())
    points = np.unique(np.frombuffer("".join(forms).encode("utf-32-le"), "<u4")).tolist()
    replacement = forms[REPLACEMENT - len(SURROGATES)]
    forms[SURROGATES.start : SURROGATES.start] = [replacement] * len(SURROGATES)
    return Behaviour(forms, probe_kinds(tokenizer.pre_tokenizer, map(chr, points)))


def probe_word_characters() -> npt.NDArray[np.bool_]:
    r"""Give (1114112,) whether each character is a word character, `\w`, to the tokenizers library."""
    return np.equal(probe_kinds(pre_tokenizers.Whitespace(), scalars()), Kind.WORD)


def scalars() -> list[str]:
    """Give every character of Unicode, assigned or not: all code points but the surrogates.

    85 MB, which nobody keeps.
    """
    return [chr(point) for point in range(N_CODE_POINTS) if point not in SURROGATES]
