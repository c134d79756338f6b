"""The groups of nodes of a graph that takes text, in NumPy: what each must equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from m2v_onnx.export.graph import Graph
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.tables.character_map import NOTHING, ROW_END, CharacterMap
from m2v_onnx.export.tables.composition_tables import CompositionTables
from m2v_onnx.export.tables.pattern import Pattern
from m2v_onnx.export.tables.trie import Entry


def run_group(
    write: Callable[..., Sequence[str]], *arrays: np.ndarray, opsets: dict[str, int] | None = None
) -> list[np.ndarray]:
    """Run the nodes that `write(nodes, *names)` writes, on inputs; give the values that it names."""
    nodes = Nodes("group")
    names = [f"input_{number}" for number in range(len(arrays))]
    outputs = write(nodes, *names)
    types = [helper.np_dtype_to_tensor_dtype(array.dtype) for array in arrays]
    graph = nodes.to_proto(
        "group",
        [
            helper.make_tensor_value_info(*info, [None] * a.ndim)
            for *info, a in zip(names, types, arrays, strict=True)
        ],
        [onnx.ValueInfoProto(name=name) for name in outputs],
    )
    versions = {"": 17} | (opsets or {})
    imports = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    proto = helper.make_model(graph, opset_imports=imports, ir_version=8)
    content = Graph(proto, nodes.large).to_proto().SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, arrays, strict=True)))


def read_code_points(
    code_points: np.ndarray, characters: CharacterMap, n_characters: int | None
) -> list[int]:
    classes: list[int] = []
    for row in code_points[:, :n_characters].tolist():
        known = (point if 0 <= point < 0x110000 else 0x110000 for point in row)
        classes += [int(characters.classes[point]) if point else NOTHING for point in known]
        classes.append(ROW_END)
    return classes


def spread(classes: Sequence[int], lists: list[list[int]]) -> list[int]:
    return [member for number in classes for member in lists[number]]


def find_added_tokens(
    classes: Sequence[int], patterns: list[Pattern], keys: Sequence[object], words: Sequence[bool]
) -> list[int]:
    """Leftmost longest; a hidden match takes its place all the same."""
    found = list(classes)
    symbols = [keys[number] for number in classes]
    place = 0
    while place < len(classes):
        ends = {
            place + len(p.symbols): p
            for p in patterns
            if tuple(symbols[place : place + len(p.symbols)]) == p.symbols
        }
        if not ends:
            place += 1
            continue
        end = max(ends)
        pattern = ends[end]
        beside = words[classes[place - 1]] or words[classes[end]]
        if not (pattern.single_word and beside):
            found[place:end] = [pattern.token_class] + [NOTHING] * (end - place - 1)
        place = end
    return found


def compose(classes: Sequence[int], tables: CompositionTables) -> list[int]:
    """The algorithm of Unicode Standard Annex 15 as it is written there."""
    parts = spread(classes, tables.decomposed)
    ordered: list[int] = []
    for part in parts:
        place = len(ordered)
        while tables.orders[part] and place and tables.orders[ordered[place - 1]] > tables.orders[part]:
            place -= 1
        ordered.insert(place, part)
    composites = {}
    for first, second in np.ndindex(max(tables.symbols) + 1, max(tables.symbols) + 1):
        place = tables.pairs.base[first] + second
        if first and second and tables.pairs.check[place] == first:
            composites[first, second] = int(tables.composites[place])
    composed: list[int] = []
    head, last = -1, 0
    for part in ordered:
        order = tables.orders[part]
        pair = (tables.symbols[composed[head]] if head >= 0 else 0, tables.symbols[part])
        if pair in composites and (last == 0 or last < order):
            composed[head] = composites[pair]
            continue
        composed.append(part)
        last = order
        if order == 0:
            head = len(composed) - 1
    return composed


def split_words(cells: Sequence[int], joins: Sequence[int]) -> list[bool]:
    """Whether each cell but the first continues the word of the one before."""
    return [joins[before] == joins[own] != 0 for before, own in pairwise(cells)]


def longest(symbols: Sequence[int], entries: list[Entry], roots: Sequence[int]) -> list[tuple[int, int]]:
    """Value and length of the longest entry at every place; (-1, 0) where there is none."""
    text = "".join(map(chr, symbols))
    found = []
    for place, root in enumerate(roots):
        fitting = [e for e in entries if e.root == root and text.startswith(e.symbols, place)]
        best = max(fitting, key=lambda entry: len(entry.symbols), default=Entry(0, "", -1))
        found.append((best.value, len(best.symbols)))
    return found


def word_pieces(
    cells: Sequence[int],
    inside: Sequence[bool],
    matches: Sequence[tuple[int, int]],
    limits: tuple[int, int],
    spaces: Sequence[int],
) -> tuple[list[int], list[int]]:
    """Ids and rows; limits are the unknown token's id and the number of characters of a word."""
    unk_id, max_characters = limits
    ids, rows, row, place = [], [], 0, 0
    while place < len(cells):
        end = place + 1
        while end < len(cells) and inside[end]:
            end += 1
        if not spaces[cells[place]]:
            pieces, at = [], place
            while at < end and matches[at][1]:
                pieces.append(matches[at][0])
                at += matches[at][1]
            if at != end or end - place > max_characters:
                pieces = [unk_id]
            ids += pieces
            rows += [row] * len(pieces)
        row += cells[place] == ROW_END
        place = end
    return ids, rows


def pad_rows(ids: Sequence[int], rows: Sequence[int], n_rows: int, max_length: int | None) -> np.ndarray:
    """(2, B, T): ids and mask."""
    own = [
        [token for token, r in zip(ids, rows, strict=True) if r == row][:max_length] for row in range(n_rows)
    ]
    padded = np.zeros((2, n_rows, max(map(len, own), default=0)), np.int64)
    for row, tokens in enumerate(own):
        padded[0, row, : len(tokens)], padded[1, row, : len(tokens)] = tokens, 1
    return padded
