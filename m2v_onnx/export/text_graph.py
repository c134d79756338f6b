"""Graphs that take text, or code points: the tokenizer inside."""

from __future__ import annotations

from typing import Literal

import numpy as np
from onnx import TensorProto, helper

from m2v_onnx.export import cell_nodes, character_nodes, word_nodes, match_nodes
from m2v_onnx.export.added_token_nodes import Pattern, find_added_tokens
from m2v_onnx.export.composition_nodes import build_composition_tables, compose
from m2v_onnx.export.character_map import NOTHING, ROW_END, Cell, CellReader, CharacterMap, build_character_map
from m2v_onnx.export.character_probe import Kind
from m2v_onnx.export.composition import probe_composition
from m2v_onnx.export.graph import Graph, Part, assemble
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.tokenizer_components import TokenizerComponents, read_components
from m2v_onnx.export.trie import Entry, Trie, build_trie
from m2v_onnx.model import StaticModel


def build_tokenizer_graph(model, *, source="text"):
    part = tokenizer_part(model, source)
    shape={"text":["batch"],"codepoints":["batch","length"]}[source]
    outs=[helper.make_tensor_value_info(n, TensorProto.INT64, ["batch","sequence"]) for n in ("input_ids","attention_mask")]
    return assemble(part, model, name=source, inputs=[helper.make_tensor_value_info(source, TensorProto.STRING if source=="text" else TensorProto.INT32, shape)], outputs=outs, contrib_version=1)


def tokenizer_part(model, source):
    components = read_components(model.tokenizer)
    reader = CellReader(components)
    composition = None if components.form is None else probe_composition(components.form)
    characters = build_character_map(components, reader, composition)
    limit = model.config.max_length
    cut = None if limit is None else limit * model.median_token_length
    groups = []
    nodes = Nodes("characters"); groups.append(nodes)
    read = character_nodes.read_text if source == "text" else character_nodes.read_code_points
    flat = read(nodes, source, characters, n_characters=cut)
    nodes = Nodes("cells"); groups.append(nodes)
    framed = cell_nodes.frame(nodes, flat)
    if components.raw_tokens:
        n2 = Nodes("raw_tokens"); groups.append(n2)
        patterns = [Pattern(tuple(map(ord, t.content)), characters.token_classes[t.token_id], t.single_word) for t in components.raw_tokens]
        framed = find_added_tokens(n2, framed, patterns, keys=characters.identities, words=characters.is_word)
        nodes = Nodes("cells2"); groups.append(nodes)
    cells = cell_nodes.line_up(nodes, framed)
    if composition is not None:
        nodes = Nodes("compose"); groups.append(nodes)
        cells = compose(nodes, cells, characters, build_composition_tables(characters, composition))
        nodes = Nodes("cells3"); groups.append(nodes)
    cells = cell_nodes.expand(nodes, cells, characters)
    single = [c[0] if len(c) == 1 else Cell("", Kind.SPACE, False) for c in characters.cells]
    if components.normalized_tokens:
        n2 = Nodes("normalized_tokens"); groups.append(n2)
        pats = {reader.pattern(t): t for t in reversed(components.normalized_tokens)}
        patterns = [Pattern(tuple(c[:2] for c in p), characters.token_classes[t.token_id], t.single_word) for p, t in pats.items()]
        cells = find_added_tokens(n2, cells, patterns, keys=[c[:2] for c in single], words=[c.is_word for c in single])
    nodes = Nodes("words"); groups.append(nodes)
    joins = [{Kind.WORD: 1, Kind.RUN: 2}.get(c.kind, 0) for c in single]
    spaces = [int(c.kind == Kind.SPACE) for c in single]
    words = word_nodes.split_words(nodes, cells, joins)
    trie, symbols = word_trie(components, characters, single)
    nodes = Nodes("match"); groups.append(nodes)
    matcher = match_nodes.Matcher(nodes, trie)
    subs = matcher.substrings(nodes.look_up(nodes.constant("symbols", symbols), words.cells, "symbols"))
    if components.kind == "WordPiece":
        inside = nodes.cast(words.inside, TensorProto.INT32, "inside")
        roots = nodes.add("Sub", [nodes.constant("start_root", trie.first_root + 1), inside], "roots")
        matches = matcher.longest(subs, words.positions, roots)
        nodes = Nodes("pieces"); groups.append(nodes)
        tokens = word_nodes.word_pieces(nodes, words, matches, unk_id=components.unk_id, max_characters=components.max_word_characters, spaces=spaces)
    else:
        zero = nodes.add("Sub", [words.starts, words.starts], "zeros")
        roots = nodes.add("Add", [nodes.constant("start_root", trie.first_root + 1), zero], "roots")
        matches = matcher.longest(subs, words.starts, roots)
        nodes = Nodes("pieces"); groups.append(nodes)
        tokens = word_nodes.whole_words(nodes, words, matches, unk_id=components.unk_id, spaces=spaces)
    nodes = Nodes("padding"); groups.append(nodes)
    shape = nodes.add("Shape", [source], "input_shape")
    batch = nodes.cut(shape, 0, 1, "batch")
    word_nodes.pad_rows(nodes, tokens, batch, max_length=limit)
    part = Part([])
    for g in groups: part = part + g.part
    return part


def word_trie(components, characters, single):
    numbers: dict[tuple[str, Kind], int] = {}
    for cell in single:
        if cell.character:
            numbers.setdefault((cell.character, cell.kind), len(numbers) + 1)
    symbols = [numbers.get((cell.character, cell.kind), 0) for cell in single]
    entries = {}
    def put(root, text, value):
        for kind in (Kind.WORD, Kind.RUN, *([Kind.ALONE] if root == 1 and len(text) == 1 else [])):
            word = [numbers.get((c, kind)) for c in text]
            if all(word): entries[root, "".join(map(chr, word))] = value
    for token, i in components.vocab.items():
        if not token: continue
        put(1, token, i)
        if components.kind == "WordPiece" and token.startswith(components.prefix) and len(token) > len(components.prefix):
            put(0, token[len(components.prefix):], i)
    for token_id, number in characters.token_classes.items():
        entries[1, chr(symbols[number])] = token_id
    trie = build_trie([Entry(root, text, value) for (root, text), value in entries.items()], n_symbols=len(numbers) + 1, root_values=[components.unk_id] * 2)
    return trie, symbols
