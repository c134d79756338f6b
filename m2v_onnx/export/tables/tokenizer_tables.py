"""A tokenizer as tables: what the nodes of its graph look up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tokenizers import Tokenizer

from m2v_onnx.export.tables.cells import Cell, CellReader
from m2v_onnx.export.tables.character_map import CharacterMap, build_character_map
from m2v_onnx.export.tables.composition import Composition, probe_composition
from m2v_onnx.export.tables.composition_tables import CompositionTables, build_composition_tables
from m2v_onnx.export.tables.pattern import Pattern
from m2v_onnx.export.tables.tokenizer_components import TokenizerComponents, read_components
from m2v_onnx.export.tables.trie import Entry, Trie, build_trie
from m2v_onnx.tokenizer.characters import Kind

# The numbers of the roots of the trie of tokens.
CONTINUATION, START = 0, 1


@dataclass(frozen=True)
class TokenizerTables:
    """All tables of a tokenizer.

    Attributes:
        components: what it is made of.
        characters: the classes of characters.
        composition: what composes across characters; None where nothing does.
        raw_patterns: how added tokens are found before the text is normalised.
        normalized_patterns: how the others are found in the normalised text.
        single_cells: the cell of each class that has one; a space for the others.
        symbols: the symbol of each class in the trie; 0 for none.
        trie: the tokens below `CONTINUATION`, without their prefix, and below `START`.
    """

    components: TokenizerComponents
    characters: CharacterMap
    composition: CompositionTables | None
    raw_patterns: list[Pattern]
    normalized_patterns: list[Pattern]
    single_cells: list[Cell]
    symbols: list[int]
    trie: Trie

    @property
    def spaces(self) -> list[int]:
        """For each class 1 where it is no part of a word, else 0."""
        return [int(cell.kind == Kind.SPACE) for cell in self.single_cells]

    @property
    def joins(self) -> list[int]:
        """For each class the kind of neighbours that it makes one word with; 0 for none."""
        return [int(cell.kind) if cell.kind in (Kind.WORD, Kind.RUN) else 0 for cell in self.single_cells]


def build_tokenizer_tables(tokenizer: Tokenizer) -> TokenizerTables:
    """Probe a tokenizer: some seconds.

    Raises:
        ArgumentError: when a graph cannot carry the tokenizer.
    """
    components = read_components(tokenizer)
    composition = None if components.form is None else probe_composition(components.form)
    reader = CellReader(components)
    reader.check_order()
    characters = build_character_map(components, reader, composition)
    single_cells = [
        cells[0] if len(cells) == 1 else Cell("", Kind.SPACE, is_word=False) for cells in characters.cells
    ]
    symbols = _number_symbols(single_cells)
    return TokenizerTables(
        components=components,
        characters=characters,
        composition=_composition_tables(characters, composition),
        raw_patterns=_raw_patterns(components, characters),
        normalized_patterns=_normalized_patterns(components, reader, characters),
        single_cells=single_cells,
        symbols=[symbols.get(cell[:2], 0) for cell in single_cells],
        trie=_build_trie(components, symbols, characters),
    )


def _composition_tables(
    characters: CharacterMap, composition: Composition | None
) -> CompositionTables | None:
    return None if composition is None else build_composition_tables(characters, composition)


def _number_symbols(cells: list[Cell]) -> dict[tuple[str, Kind], int]:
    """Number the cells that a token can be made of, from 1."""
    known = dict.fromkeys((cell.character, cell.kind) for cell in cells if cell.character)
    return {symbol: number for number, symbol in enumerate(known, 1)}


def _raw_patterns(components: TokenizerComponents, characters: CharacterMap) -> list[Pattern]:
    return [
        Pattern(tuple(map(ord, token.content)), characters.token_classes[token.token_id], token.single_word)
        for token in components.raw_tokens
    ]


def _normalized_patterns(
    components: TokenizerComponents, reader: CellReader, characters: CharacterMap
) -> list[Pattern]:
    return [
        Pattern(
            tuple(cell[:2] for cell in reader.pattern(token)),
            characters.token_classes[token.token_id],
            token.single_word,
        )
        for token in components.normalized_tokens
    ]


def _build_trie(
    components: TokenizerComponents, symbols: dict[tuple[str, Kind], int], characters: CharacterMap
) -> Trie:
    entries: dict[tuple[int, str], int] = {}
    for token, token_id in components.vocab.items():
        for word in _spellings(token, symbols, kinds=(Kind.WORD, Kind.RUN, Kind.ALONE)):
            entries[START, word] = token_id
        if components.kind == "WordPiece" and token.startswith(components.prefix):
            rest = token[len(components.prefix) :]
            for word in _spellings(rest, symbols, kinds=(Kind.WORD, Kind.RUN)):
                entries[CONTINUATION, word] = token_id
    for token_id, number in characters.token_classes.items():
        cell = characters.cells[number][0]
        entries[START, chr(symbols[cell[:2]])] = token_id
    return build_trie(
        [Entry(root, word, token_id) for (root, word), token_id in entries.items()],
        n_symbols=len(symbols) + 1,
        root_values=[components.unk_id] * 2,
    )


def _spellings(token: str, symbols: dict[tuple[str, Kind], int], *, kinds: tuple[Kind, ...]) -> Iterator[str]:
    """Give the symbols of a token as words of each kind have them; a word never holds two kinds."""
    for kind in kinds:
        if len(token) == 1 or kind != Kind.ALONE:
            numbers = [symbols.get((character, kind)) for character in token]
            if token and None not in numbers:
                yield "".join(chr(number) for number in numbers if number is not None)
