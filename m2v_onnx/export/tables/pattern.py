"""How an added token is found in a text."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """How an added token is found.

    Attributes:
        symbols: what it is made of, one key each.
        token_class: the class that stands for it.
        single_word: whether a word character on either side hides it.
    """

    symbols: tuple[Hashable, ...]
    token_class: int
    single_word: bool
