"""Each group of nodes of a graph that takes text, against its twin in NumPy."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from tokenizers import normalizers

from m2v_onnx.export.tables.character_map import ROW_END
from m2v_onnx.export.tables.composition import probe_composition
from m2v_onnx.export.tables.composition_tables import build_composition_tables
from m2v_onnx.export.tables.pair_table import PairTableBuilder
from m2v_onnx.export.tables.pattern import Pattern
from m2v_onnx.export.tables.tokenizer_tables import build_tokenizer_tables
from m2v_onnx.export.tables.trie import Entry, build_trie
from m2v_onnx.export.text import cell_nodes, composition_nodes, row_nodes, sum_nodes, word_nodes
from m2v_onnx.export.text.added_token_nodes import AddedTokenFinder
from m2v_onnx.export.text.character_nodes import read_code_points, read_text, split_into_pages
from m2v_onnx.export.text.match_nodes import Matcher, Matches, PairFinder
from tests.export import text_twins as twins
from tests.export.text_models import static_model, tiny_bert

CONTRIB = {"com.microsoft": 1, "ai.onnx.ml": 2}


@pytest.fixture(scope="module")
def characters():
    return build_tokenizer_tables(tiny_bert()).characters


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def ints(values) -> np.ndarray:
    return np.asarray(values, np.int32)


@pytest.mark.parametrize("n_characters", [None, 3])
def test_characters_to_classes(characters, n_characters):
    texts = ["", "aé中", "x" * 600, "[CLS] \u200b\U0001f600\ue000", "ä𠀀"]
    points = np.zeros((len(texts), 600), np.int32)
    for row, text in enumerate(texts):
        points[row, : len(text)] = list(map(ord, text))
    expected = twins.read_code_points(points, characters, n_characters)

    def from_points(nodes, name):
        return [read_code_points(nodes, name, characters, n_characters=n_characters)]

    def from_text(nodes, name):
        return [read_text(nodes, name, characters, n_characters=n_characters)]

    assert twins.run_group(from_points, points)[0].tolist() == expected
    [classes] = twins.run_group(from_text, np.array(texts, object), opsets=CONTRIB)
    # Nothing is left out later; text ends with a row of one space.
    something = [number for number in expected if number]
    assert classes[classes != 0].tolist() == [*something, int(characters.classes[32]), ROW_END]


def test_pages_hold_the_whole_table(rng):
    classes = ints(rng.integers(0, 5, 3000))
    classes[512:1024] = 7
    starts, pages = split_into_pages(classes)
    places = np.arange(len(classes))
    np.testing.assert_array_equal(pages[starts[places // 256] + places], classes)
    assert len(pages) == 256 * 11


def test_lining_up_and_spreading(rng):
    classes = ints([0, 3, 0, 1, 2, 0, 1])
    [framed] = twins.run_group(lambda nodes, name: [cell_nodes.frame(nodes, name)], classes)
    assert framed.tolist() == [1, 0, 3, 0, 1, 2, 0, 1, 1]
    [lined_up] = twins.run_group(lambda nodes, name: [cell_nodes.line_up(nodes, name)], framed)
    assert lined_up.tolist() == [1, 3, 1, 2, 1, 1]
    lists = [[], [1], [5, 6], [], [7, 8, 9]]
    classes = ints(rng.integers(0, 5, 200))
    [found] = twins.run_group(lambda nodes, name: [cell_nodes.spread(nodes, name, lists)], classes)
    assert found.tolist() == twins.spread(classes.tolist(), lists)


def test_expanding_leaves_single_cells_alone(characters):
    def write(nodes, name):
        return [cell_nodes.expand(nodes, name, characters)]

    plain = ints(characters.classes[list(map(ord, "a bé"))])
    assert twins.run_group(write, plain)[0].tolist() == plain.tolist()
    [found] = twins.run_group(write, ints(characters.classes[list(map(ord, "a한b"))]))
    single = characters.classes[list(map(ord, "aᄒ\u1161ᆫb"))]
    assert [characters.cells[number] for number in found] == [characters.cells[number] for number in single]


@pytest.mark.parametrize("words", [[False] * 6, [False, False, True, True, False, True]])
def test_added_tokens(rng, words):
    patterns = [
        Pattern(("b",), 10, single_word=False),
        Pattern(("b", "c"), 11, single_word=True),
        Pattern(("b", "c", "d", "b"), 12, single_word=False),
        Pattern(("d", "d"), 13, single_word=True),
    ]
    keys = [None, "end", "b", "c", "d", "e"]
    finder = AddedTokenFinder(patterns, keys=keys, words=words)
    for n_classes in (0, 1, 7, 500):
        classes = ints([ROW_END, *rng.integers(0, 6, n_classes), ROW_END])
        [found] = twins.run_group(lambda nodes, name: [finder.write(nodes, name)], classes)
        assert found.tolist() == twins.find_added_tokens(classes.tolist(), patterns, keys, words)


def test_composition(rng):
    named = [
        *"aeo=각가ệカ",
        "\u0301",
        "\u0302",
        "\u0323",
        "\u0338",
        "\u0334",
        "\u1100",
        "\u1161",
        "\u11a8",
        "\u3099",
    ]
    named += ["\u09c7", "\u09be", "ﬁ", "é", "\u1ec7", "\u0344"]
    normalize = normalizers.NFKC().normalize_str
    composition = probe_composition("NFKC")
    own = sorted(composition.characters)
    numbers = {character: number for number, character in enumerate(own, 3)}
    classes = np.zeros(0x110000, np.int32)
    classes[list(map(ord, own))] = list(numbers.values())
    n_classes = len(own) + 3
    characters = SimpleNamespace(classes=classes, cells=[()] * n_classes, first_composing=3)
    tables = build_composition_tables(characters, composition)
    named = [character for character in named if character in numbers]

    def write(nodes, name):
        return [composition_nodes.compose(nodes, name, characters, tables)]

    texts = ["".join(rng.choice(named, 30)) for _ in range(20)]
    for text in ["", "a\u0301", "\u0301", *texts]:
        [found] = twins.run_group(
            write, ints([ROW_END, *(numbers[character] for character in text), ROW_END])
        )
        assert "".join(own[number - 3] for number in found[1:-1]) == normalize(text)
    sample = [ROW_END, *(numbers[character] for character in texts[0]), ROW_END]
    assert twins.compose(sample, tables) == twins.run_group(write, ints(sample))[0].tolist()


def test_pairs(rng):
    rows = {int(first): sorted(set(rng.integers(1, 50, 12).tolist())) for first in range(1, 50)}
    builder = PairTableBuilder(50)
    places = builder.add(rows)
    inner = builder.add({place: [1, 49] for place in list(places.values())[:20]})
    table = builder.finish()
    assert len(set(places.values()) | set(inner.values())) == len(places) + len(inner)
    first, second = (ints(grid.ravel()) for grid in np.meshgrid(range(50), range(50)))

    def write(nodes, one, two):
        return PairFinder(nodes, table).find(one, two, "pair")

    found_places, found = twins.run_group(write, first, second)
    for a, b, place, is_found in zip(first, second, found_places, found, strict=True):
        assert is_found == ((a, b) in places)
        assert not is_found or place % len(table.base) == places[a, b]


@pytest.mark.parametrize("max_symbols", [1, 5, 9, 40])
def test_the_longest_entry_at_every_place(rng, max_symbols):
    spellings = {
        (root, "".join(map(chr, rng.integers(1, 4, rng.integers(1, max_symbols + 1)))))
        for root in [0, 1] * 60
    }
    entries = [Entry(root, symbols, value) for value, (root, symbols) in enumerate(sorted(spellings))]
    trie = build_trie(entries, n_symbols=5, root_values=[-1, -1])
    symbols, roots = ints(rng.integers(0, 5, 400)), ints(rng.integers(0, 2, 400))
    symbols[100:160] = list(map(ord, max((e.symbols for e in entries), key=len).ljust(60, "\1")))[:60]

    def write(nodes, symbols_name, roots_name):
        matcher = Matcher(nodes, trie)
        first = nodes.add("Add", [roots_name, nodes.constant("first_root", trie.first_root)], "roots")
        positions = nodes.count_up(symbols_name, "positions")
        found = matcher.longest(matcher.substrings(symbols_name), positions, first)
        return [found.values, found.lengths]

    values, lengths = twins.run_group(write, symbols, roots)
    expected = twins.longest(symbols.tolist(), entries, roots.tolist())
    assert list(zip(values.tolist(), lengths.tolist(), strict=True)) == expected


# Classes: nothing, row end, space, two letters, a mark in a row, a character alone.
JOINS, SPACES = [0, 0, 0, 1, 1, 2, 0], [1, 1, 1, 0, 0, 0, 0]


def word_cells(rng, n_cells):
    return ints([ROW_END, *rng.choice([1, 2, 3, 3, 3, 4, 4, 5, 5, 6], n_cells), ROW_END])


@pytest.mark.parametrize("n_cells", [0, 1, 300])
def test_words_and_their_pieces(rng, n_cells):
    cells = word_cells(rng, n_cells)
    expected = twins.split_words(cells.tolist(), JOINS)
    # A match never crosses a word's end.
    left = [1] * len(expected)
    for place in range(len(expected) - 2, -1, -1):
        left[place] = left[place + 1] + 1 if expected[place + 1] else 1
    lengths = ints([rng.choice([n, min(1, n), 0, max(n - 1, 0)], p=[0.4, 0.4, 0.1, 0.1]) for n in left])
    lengths *= 1 - ints(SPACES)[cells[1:]]
    values = ints(np.where((lengths == 0) & ~np.array(expected, bool), 99, rng.integers(0, 50, len(lengths))))

    def write(nodes, cell_name, value_name, length_name):
        words = word_nodes.split_words(nodes.beside("words"), cell_name, JOINS)
        rules, matches = word_nodes.WordRules(99, SPACES), Matches(value_name, length_name)
        tokens = word_nodes.word_pieces(nodes, words, matches, rules, max_characters=4)
        return [words.inside, words.starts, tokens.ids, tokens.rows]

    inside, starts, ids, rows = twins.run_group(write, cells, values, lengths)
    assert inside.tolist() == expected
    assert starts.tolist() == [place for place, is_inside in enumerate(expected) if not is_inside]
    matches = list(zip(values.tolist(), lengths.tolist(), strict=True))
    twin = twins.word_pieces(cells[1:].tolist(), expected, matches, (99, 4), SPACES)
    assert (ids.tolist(), rows.tolist()) == twin


def test_whole_words(rng):
    cells = word_cells(rng, 300)
    inside = twins.split_words(cells.tolist(), JOINS)
    starts = [place for place, is_inside in enumerate(inside) if not is_inside]
    word_lengths = np.diff([*starts, len(inside)])
    lengths = ints(np.maximum(word_lengths - rng.integers(0, 2, len(starts)), 0))
    values = ints(rng.integers(0, 50, len(starts)))

    def write(nodes, cell_name, value_name, length_name):
        words = word_nodes.split_words(nodes.beside("words"), cell_name, JOINS)
        rules = word_nodes.WordRules(99, SPACES)
        tokens = word_nodes.whole_words(nodes, words, Matches(value_name, length_name), rules)
        return [tokens.ids, tokens.rows]

    ids, rows = twins.run_group(write, cells, values, lengths)
    own = cells[1:][starts]
    kept = ~np.array(SPACES, bool)[own]
    assert ids.tolist() == np.where(lengths == word_lengths, values, 99)[kept].tolist()
    assert rows.tolist() == np.cumsum(own == ROW_END)[kept].tolist()


@pytest.mark.parametrize("max_length", [None, 2, 50])
@pytest.mark.parametrize("n_rows", [0, 1, 30])
def test_rows_to_padded_ids_and_to_sums(rng, n_rows, max_length):
    model = static_model(tiny_bert(), dim=2)
    rows = np.sort(rng.integers(0, n_rows, 40 * n_rows)) if n_rows else np.zeros(0)
    rows = ints(rows[rows % 5 != 3])  # some rows have none
    ids = ints(rng.integers(0, model.n_tokens, len(rows)))

    def write(nodes, source_name, id_name, row_name):
        tokens = word_nodes.Tokens(id_name, row_name)
        numbered = row_nodes.number_columns(nodes, tokens, source_name, max_length=max_length)
        ids, mask = row_nodes.pad_rows(nodes.beside("padding"), numbered)
        sums = sum_nodes.sum_rows(nodes.beside("sums"), numbered, model, "fp32")
        return [ids, mask, sums.total, sums.known]

    found = twins.run_group(write, ints(np.zeros((n_rows, 1))), ids, rows)
    padded, mask = twins.pad_rows(ids.tolist(), rows.tolist(), n_rows, max_length)
    np.testing.assert_array_equal(found[0], padded)
    np.testing.assert_array_equal(found[1], mask)
    known = mask * ~np.isin(padded, list(model.masked_ids))
    np.testing.assert_allclose(found[2], (model.table[padded] * known[:, :, None]).sum(axis=1), atol=1e-4)
    np.testing.assert_array_equal(found[3], known.sum(axis=1, keepdims=True))


def test_no_two_blocks_are_added_to_one_place_at_once(rng):
    """A ScatterND adds on many threads, and loses what meets at one place: each place stands once."""
    model = static_model(tiny_bert(), dim=2)
    lengths = [0, 1, 16, 17, 33, 0, 48, 16 * 300, 112, 0]
    rows = ints(np.repeat(np.arange(len(lengths)), lengths))
    ids = ints(rng.integers(0, model.n_tokens, len(rows)))
    graphs = []

    def write(nodes, source_name, id_name, row_name):
        tokens = word_nodes.Tokens(id_name, row_name)
        numbered = row_nodes.number_columns(nodes, tokens, source_name, max_length=None)
        sums = sum_nodes.sum_rows(nodes.beside("sums"), numbered, model, "fp32")
        graphs.append(nodes.to_proto("g", [], []))
        return [sums.total, sums.known, "sums/summed_rows"]

    total, _, summed = twins.run_group(write, ints(np.zeros((len(lengths), 1))), ids, rows)
    assert summed[:, 0].tolist()[:7] == [1, 2, 3, 4, 6, 7, 8]  # behind them the row that fills the last round
    assert len(set(summed[:, 0].tolist())) == len(summed)
    known = model.counting_ids[ids]
    expected = [(model.table[ids] * known[:, None])[rows == row].sum(axis=0) for row in range(len(lengths))]
    np.testing.assert_allclose(total, expected, rtol=1e-5, atol=1e-3)
    (graph,) = graphs
    assert [node.output[0] for node in graph.node if node.op_type == "ScatterND" and node.attribute] == []
    (loop,) = [node for node in graph.node if node.name.endswith("blocks") or "Loop" in node.op_type][-1:]
    adding = [node for node in loop.attribute[0].g.node if node.op_type == "ScatterND"]
    # Only odd blocks are added, each to the even one before it.
    assert {node.input[1] for node in adding} == {"sums/pairs_of_blocks/targets"}
