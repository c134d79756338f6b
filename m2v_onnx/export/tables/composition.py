"""What composes across characters in a Unicode normal form, found by asking the tokenizers library."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tokenizers import normalizers

from m2v_onnx.export.tables.character_probe import scalars
from m2v_onnx.tokenizer.characters import find_marks, normalize_all

_FORMS = {
    "NFC": (normalizers.NFC(), normalizers.NFD()),
    "NFKC": (normalizers.NFKC(), normalizers.NFKD()),
}


@dataclass(frozen=True)
class Composition:
    """The tables of a normal form that composes.

    Attributes:
        decompositions: the full decomposition of every character that has one.
        orders: the place of every combining mark in the canonical order: 1 or more, others have 0.
        pairs: what two characters compose to.
    """

    decompositions: dict[str, str]
    orders: dict[str, int]
    pairs: dict[tuple[str, str], str]

    @cached_property
    def characters(self) -> frozenset[str]:
        """Every character that the tables name."""
        named = {character for pair in self.pairs for character in pair}
        named.update(self.pairs.values(), self.orders, self.decompositions, *self.decompositions.values())
        return frozenset(named)

    @cached_property
    def composing(self) -> frozenset[str]:
        """Every character that can compose with, or move before, what stands before it."""
        seconds = {second for _, second in self.pairs}
        return frozenset(
            character
            for character in self.characters
            if (first := self.decompositions.get(character, character)[0]) in seconds or first in self.orders
        )


def probe_composition(form: Literal["NFC", "NFKC"]) -> Composition:
    """Ask for every character how it decomposes, how marks are ordered, and what pairs compose."""
    composed, decomposed = _FORMS[form]
    characters = scalars()
    decompositions = {
        character: normalized
        for character, normalized in zip(characters, normalize_all(decomposed, characters), strict=True)
        if normalized != character
    }
    pairs: dict[tuple[str, str], str] = {}
    canonical = normalizers.NFD()
    for character in decompositions:
        parts = canonical.normalize_str(character)
        if len(parts) > 1 and composed.normalize_str(parts) == character:
            pairs[composed.normalize_str(parts[:-1]), parts[-1]] = character
    plain = [character for character in characters if character not in decompositions]
    return Composition(decompositions, _orders(plain), pairs)


def _orders(characters: list[str]) -> dict[str, int]:
    """Number the combining marks in canonical order; marks that never change places have one number.

    Args:
        characters: all that do not decompose, marks and others.
    """
    canonical = normalizers.NFD()
    levels: list[list[str]] = []
    for mark in find_marks(characters):
        lower = sum(canonical.normalize_str(mark + level[0]) == level[0] + mark for level in levels)
        if (
            lower == len(levels)
            or canonical.normalize_str(levels[lower][0] + mark) != levels[lower][0] + mark
        ):
            levels.insert(lower, [])
        levels[lower].append(mark)
    return {mark: number for number, level in enumerate(levels, 1) for mark in level}
