"""Graphs with the tokenizer inside: text in, vector out.

The groups of nodes, in order: characters to classes (`character_nodes`), added tokens in the text as it is
(`added_token_nodes`), composition (`composition_nodes`), classes to cells (`cell_nodes`), added tokens in the
normalised text, cells to words, the longest token at every place (`match_nodes`), words to tokens
(`word_nodes`), and rows of tokens to padded ids (`row_nodes`) or to sums of vectors (`sum_nodes`).
"""

from __future__ import annotations

from typing import Literal

from onnx import TensorProto, ValueInfoProto, helper

from m2v_onnx.errors import ArgumentError
from m2v_onnx.export.assembly import assemble
from m2v_onnx.export.graph import Graph
from m2v_onnx.export.head_nodes import head_outputs, write_head
from m2v_onnx.export.ids.ids_graph import ids_infos, sentence_output
from m2v_onnx.export.ids.row_mean import mean
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.tables.tokenizer_tables import START, TokenizerTables
from m2v_onnx.export.text.added_token_nodes import AddedTokenFinder
from m2v_onnx.export.text.cell_nodes import expand, frame, line_up
from m2v_onnx.export.text.character_nodes import read_code_points, read_text
from m2v_onnx.export.text.composition_nodes import compose
from m2v_onnx.export.text.match_nodes import Matcher
from m2v_onnx.export.text.row_nodes import RowTokens, number_columns, pad_rows
from m2v_onnx.export.text.sum_nodes import sum_rows
from m2v_onnx.export.text.word_nodes import Tokens, WordRules, split_words, whole_words, word_pieces
from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.quantization import Precision
from m2v_onnx.model.quantized_head import quantize_head
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.tokenizer.library import guarded

Source = Literal["text", "codepoints"]

_INPUTS = {"text": (TensorProto.STRING, ["batch"]), "codepoints": (TensorProto.INT32, ["batch", "length"])}


def build_text_graph(
    model: StaticEmbedding,
    tables: TokenizerTables,
    *,
    precision: Precision = "fp32",
    head: ClassificationHead | None = None,
) -> Graph:
    """Build the graph that takes text.

    Args:
        model: a static model with a WordPiece or WordLevel tokenizer.
        tables: those of its tokenizer.
        precision: the number type of its table.
        head: a classifier's.

    Returns:
        A graph of opset 17, IR 8, for onnxruntime: `text` string (batch,) to `sentence_embedding` float32
        (batch, D), equal to `StaticEmbedding.encode_reference`. A classifier's has `logits` and
        `probabilities` float32 (batch, C) and `label` string (batch,) in front.
    """
    return _build_sentence_graph(model, tables, "text", precision, head)


def build_codepoints_graph(
    model: StaticEmbedding,
    tables: TokenizerTables,
    *,
    precision: Precision = "fp32",
    head: ClassificationHead | None = None,
) -> Graph:
    """Build the graph that takes code points, for runtimes without string tensors or contrib operators.

    Args:
        model: a static model with a WordPiece or WordLevel tokenizer.
        tables: those of its tokenizer.
        precision: the number type of its table.
        head: a classifier's.

    Returns:
        A graph of opset 17, IR 8: `codepoints` int32 (batch, length) to `sentence_embedding` float32
        (batch, D), a classifier's outputs in front, as of the graph that takes text. 0 is padding wherever
        it stands; numbers outside Unicode and surrogates count as U+FFFD.

    Raises:
        ArgumentError: for a model to which 0, NUL, is a token that counts.
    """
    nul_ids = guarded(model.tokenizer.encode, "\0", add_special_tokens=False).ids
    if model.counting_ids[nul_ids].any():
        raise ArgumentError(
            "expected a model to which NUL is nothing for the graph codepoints, where 0 is padding, found "
            f"that it counts as {model.tokenizer.id_to_token(nul_ids[0])!r}: use the graph text"
        )
    return _build_sentence_graph(model, tables, "codepoints", precision, head)


def build_tokenizer_graph(
    model: StaticEmbedding, tables: TokenizerTables, *, source: Source = "text"
) -> Graph:
    """Build the tokenizer alone.

    Args:
        model: a static model with a WordPiece or WordLevel tokenizer; its table takes no part.
        tables: those of its tokenizer.
        source: what the graph takes.

    Returns:
        A graph of opset 17, IR 8: the source to `input_ids` and `attention_mask`, int64 (batch, sequence):
        the ids of `Tokenizer.encode` without special tokens, cut to the model's `max_length`.
    """
    nodes = Nodes()
    pad_rows(nodes.beside("padding"), _write_tokenizer(nodes, model, tables, source))
    return _assemble(nodes, model, source, name=f"tokenizer_{source}", outputs=ids_infos())


def _build_sentence_graph(
    model: StaticEmbedding,
    tables: TokenizerTables,
    source: Source,
    precision: Precision,
    head: ClassificationHead | None,
) -> Graph:
    nodes = Nodes()
    tokens = _write_tokenizer(nodes, model, tables, source)
    quantized = None if head is None else quantize_head(head, precision)
    sums = sum_rows(nodes.beside("sums"), tokens, model, precision, quantized)
    mean(nodes, model, sums.total, sums.known)
    outputs = [sentence_output(model)]
    if head is not None:
        write_head(nodes, model, head, known=sums.known, added=sums.added, with_label=True)
        outputs = [*head_outputs(head, with_label=True), *outputs]
    return _assemble(nodes, model, source, name=source, outputs=outputs, head=head)


def _assemble(
    nodes: Nodes,
    model: StaticEmbedding,
    source: Source,
    *,
    name: str,
    outputs: list[ValueInfoProto],
    head: ClassificationHead | None = None,
) -> Graph:
    info = helper.make_tensor_value_info(source, *_INPUTS[source])
    opsets = {"com.microsoft": 1, "ai.onnx.ml": 2} if source == "text" else {}
    return assemble(nodes, model, name=name, inputs=[info], outputs=outputs, opsets=opsets, head=head)


def _write_tokenizer(
    nodes: Nodes, model: StaticEmbedding, tables: TokenizerTables, source: Source
) -> RowTokens:
    """Write all groups from the source to the tokens of every row."""
    max_length = model.config.max_length
    n_characters = model.character_limit(max_length)
    read = read_text if source == "text" else read_code_points
    classes = read(nodes.beside("characters"), source, tables.characters, n_characters=n_characters)
    cells = _write_cells(nodes, frame(nodes.beside("frame"), classes), tables)
    tokens = _write_words(nodes, cells, tables)
    return number_columns(nodes.beside("rows"), tokens, source, max_length=max_length)


def _write_cells(nodes: Nodes, classes: str, tables: TokenizerTables) -> str:
    """Write the groups from classes to the cells of the normalised text, added tokens in their place."""
    characters = tables.characters
    if tables.raw_patterns:
        finder = AddedTokenFinder(tables.raw_patterns, keys=characters.identities, words=characters.is_word)
        classes = finder.write(nodes.beside("raw_tokens"), classes)
    classes = line_up(nodes.beside("line"), classes)
    if tables.composition is not None:
        classes = compose(nodes.beside("composition"), classes, characters, tables.composition)
    cells = expand(nodes.beside("cells"), classes, characters)
    if tables.normalized_patterns:
        keys = [cell[:2] for cell in tables.single_cells]
        words = [cell.is_word for cell in tables.single_cells]
        finder = AddedTokenFinder(
            tables.normalized_patterns, keys=keys, words=words, between_words=tables.components.between_words
        )
        cells = finder.write(nodes.beside("normalized_tokens"), cells)
    return cells


def _write_words(nodes: Nodes, cells: str, tables: TokenizerTables) -> Tokens:
    """Write the groups from cells to tokens."""
    components = tables.components
    words = split_words(nodes.beside("words"), cells, tables.joins)
    match = nodes.beside("match")
    matcher = Matcher(match, tables.trie)
    symbols = match.look_up(match.constant("symbols", tables.symbols), words.cells, "symbols")
    substrings = matcher.substrings(symbols)
    start = match.constant("start_root", tables.trie.first_root + START)
    rules = WordRules(components.unk_id, tables.spaces)
    limit = components.max_word_characters
    if limit is None:
        zeros = match.add("Sub", [words.starts, words.starts], "zeros")
        matches = matcher.longest(substrings, words.starts, match.add("Add", [start, zeros], "roots"))
        return whole_words(nodes.beside("tokens"), words, matches, rules)
    inside = match.cast(words.inside, TensorProto.INT32, "inside")
    matches = matcher.longest(substrings, words.positions, match.add("Sub", [start, inside], "roots"))
    return word_pieces(nodes.beside("tokens"), words, matches, rules, max_characters=limit)
