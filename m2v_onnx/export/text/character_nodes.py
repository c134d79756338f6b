"""Groups of nodes from text, or from code points, to the cells of a whole batch in one row.

All numbers are int32 unless it is said otherwise. A row of the batch ends with a row end.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.tables.character_map import NOTHING, ROW_END, CharacterMap
from m2v_onnx.export.tables.pair_table import Ints
from m2v_onnx.tokenizer.characters import N_CODE_POINTS, SURROGATES

# Stands for no character: longer than one.
_PAD = "none"
_CHUNK = 512
_PAGE = 256
_ASCII = 128
# Classes of more code points are found by their ranges, the others by a list of their characters.
_MAX_LISTED = 1000


def read_code_points(
    nodes: Nodes, code_points: str, characters: CharacterMap, *, n_characters: int | None
) -> str:
    """Give the classes of all rows, one after the other, each with a row end.

    Args:
        nodes: where to write.
        code_points: (B, L); 0 is padding wherever it stands; numbers outside Unicode count as U+FFFD.
        characters: the classes of code points.
        n_characters: code points of a row that count; None for all.
    """
    if n_characters is not None:
        code_points = nodes.cut(code_points, 0, n_characters, "first_code_points", axis=1)
    outside, end = N_CODE_POINTS, N_CODE_POINTS + 1
    unsigned = nodes.cast(code_points, TensorProto.UINT32, "unsigned")
    limit = nodes.constant("outside", outside, np.uint32)
    known = nodes.cast(nodes.add("Min", [unsigned, limit], "bounded"), TensorProto.INT32, "known")
    pads = nodes.constant("one_column", [0, 0, 0, 1], np.int64)
    ended = nodes.add("Pad", [known, pads, nodes.constant("end", end)], "with_ends")
    flat = nodes.add("Reshape", [ended, nodes.constant("flat_shape", [-1], np.int64)], "flat")
    classes = np.concatenate([characters.classes, [ROW_END]])
    classes[0] = NOTHING
    starts, pages = split_into_pages(classes.astype(np.int32))
    unsigned = nodes.cast(flat, TensorProto.UINT32, "flat_unsigned")
    bits = nodes.constant("page_bits", 8, np.uint32)
    page = nodes.add("BitShift", [unsigned, bits], "page_unsigned", direction="RIGHT")
    page = nodes.cast(page, TensorProto.INT32, "page")
    start = nodes.look_up(nodes.constant("page_starts", starts), page, "page_start")
    place = nodes.add("Add", [start, flat], "place")
    return nodes.look_up(nodes.constant("pages", pages), place, "classes")


def split_into_pages(classes: Ints) -> tuple[Ints, Ints]:
    """Write a table as its different pages, and for each page what to add to a place to find it there."""
    padded = np.zeros(-(-len(classes) // _PAGE) * _PAGE, np.int32)
    padded[: len(classes)] = classes
    pages, numbers = np.unique(padded.reshape(-1, _PAGE), axis=0, return_inverse=True)
    starts = numbers.reshape(-1) * _PAGE - np.arange(len(numbers)) * _PAGE
    return starts.astype(np.int32), pages.reshape(-1).astype(np.int32)


def read_text(nodes: Nodes, text: str, characters: CharacterMap, *, n_characters: int | None) -> str:
    """Give the classes of all rows, one after the other, each with a row end.

    Args:
        nodes: where to write.
        text: (B,) string.
        characters: the classes of code points.
        n_characters: characters of a text that count; None for all.
    """
    chunks, ends = _split_into_chunks(nodes, text, n_characters)
    split = _tokenize(nodes, chunks, "characters", separators=[""])
    default, by_range, listed = _group_classes(characters)
    unlisted = len(characters.cells)
    numbers = {_PAD: NOTHING} | {chr(point): int(characters.classes[point]) for point in listed}
    classes = _number_labels(nodes, split, numbers, unlisted, "listed_classes")
    highest = nodes.add("ReduceMax", [classes], "highest", keepdims=0)
    any_unlisted = nodes.add("Equal", [highest, nodes.constant("unlisted", unlisted)], "any_unlisted")
    inside = Nodes(f"{nodes.group}/unlisted")
    found = _find_ranges(inside, split, classes, characters, default=default, by_range=by_range)
    classes = nodes.branch(any_unlisted, inside, found, classes, "classes")
    rows = nodes.add("Concat", [classes, ends], "rows", axis=1)
    return nodes.add("Reshape", [rows, nodes.constant("flat_shape", [-1], np.int64)], "flat_classes")


def _split_into_chunks(nodes: Nodes, text: str, n_characters: int | None) -> tuple[str, str]:
    """Cut texts into chunks of some characters, so that a long one does not pad the others.

    Gives the chunks (q,) string, and (q, 1) a row end behind the last of each text, else nothing. A last
    text of one space is added: no size is 0 then.
    """
    width = _CHUNK
    if n_characters is not None:
        width = max(divisor for divisor in range(1, _CHUNK + 1) if n_characters % divisor == 0)
    texts = nodes.add("Concat", [text, nodes.constant("last_text", [" "], np.object_)], "texts", axis=0)
    chunks = _tokenize(nodes, texts, "chunks", tokenexp=f"(?s).{{1,{width}}}", pad_value="")
    if n_characters is not None:
        chunks = nodes.cut(chunks, 0, n_characters // width, "first_chunks", axis=1)
    is_chunk = _number_labels(nodes, chunks, {"": 0}, 1, "is_chunk")
    others = nodes.cut(is_chunk, 1, None, "is_later_chunk", axis=1)
    # The first is kept even of an empty text, for its row end.
    before, behind = (
        nodes.constant(name, pads, np.int64)
        for name, pads in (("before", [0, 1, 0, 0]), ("behind", [0, 0, 0, 1]))
    )
    kept = nodes.add("Pad", [others, before, nodes.constant("one", 1)], "kept")
    followed = nodes.add("Pad", [others, behind, nodes.constant("zero", 0)], "is_followed")
    ends = nodes.add("Sub", [kept, followed], "is_last")
    flat_shape = nodes.constant("flat_shape", [-1], np.int64)
    kept = nodes.cast(nodes.add("Reshape", [kept, flat_shape], "kept_flat"), TensorProto.BOOL, "is_kept")
    ends = nodes.add("Compress", [ends, kept], "ends")
    ends = nodes.add("Reshape", [ends, nodes.constant("column_shape", [-1, 1], np.int64)], "ends_column")
    return nodes.add("Compress", [chunks, kept], "kept_chunks"), ends


def _group_classes(characters: CharacterMap) -> tuple[int, list[int], list[int]]:
    """Give the class of most code points, other large ones, and the code points of all others."""
    counts = Counter(characters.classes[:N_CODE_POINTS].tolist())
    (default, _), *others = counts.most_common()
    by_range = [number for number, count in others if count > _MAX_LISTED]
    listed = ~np.isin(characters.classes[:N_CODE_POINTS], [default, *by_range])
    listed[:_ASCII] = True
    listed[SURROGATES.start : SURROGATES.stop] = False
    return default, by_range, np.flatnonzero(listed).tolist()


def _find_ranges(
    nodes: Nodes, split: str, classes: str, characters: CharacterMap, *, default: int, by_range: list[int]
) -> str:
    """Give `classes` with the class of each unlisted character in its place."""
    flat_shape = nodes.constant("flat_shape", [-1], np.int64)
    flat = nodes.add("Reshape", [classes, flat_shape], "flat")
    unlisted = nodes.add("Equal", [flat, nodes.constant("unlisted", len(characters.cells))], "is_unlisted")
    places = nodes.add("Compress", [nodes.count_up(flat, "places"), unlisted], "unlisted_places")
    found = nodes.add(
        "Compress", [nodes.add("Reshape", [split, flat_shape], "flat_split"), unlisted], "unlisted"
    )
    change = nodes.add("Sub", [places, places], "no_change")
    for number in by_range:
        name = f"class_{number}"
        ranges = _ranges(characters.classes, number)
        # One that is in the ranges goes with them: no size is 0 then.
        example = nodes.constant(f"{name}_example", [chr(ranges[0][0])], np.object_)
        asked = nodes.add("Concat", [found, example], f"{name}_asked", axis=0)
        pattern = "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in ranges)
        answers = _tokenize(nodes, asked, f"{name}_answers", tokenexp=f"[{pattern}]")
        is_in = _number_labels(nodes, answers, {_PAD: 0}, 1, f"{name}_is_in")
        is_in = nodes.cut(nodes.add("Reshape", [is_in, flat_shape], f"{name}_flat"), 0, -1, f"{name}_own")
        own = nodes.add("Mul", [is_in, nodes.constant(f"{name}_way", number - default)], f"{name}_own_change")
        change = nodes.add("Add", [change, own], f"{name}_change")
    values = nodes.add("Add", [change, nodes.constant("default", default)], "values")
    flat = nodes.add("ScatterElements", [flat, places, values], "flat_found", axis=0)
    return nodes.add("Reshape", [flat, nodes.add("Shape", [classes], "shape")], "found", allowzero=1)


def _ranges(classes: Ints, number: int) -> list[tuple[int, int]]:
    """Give the ranges of code points of one class, behind ASCII and without surrogates."""
    is_in = classes[:N_CODE_POINTS] == number
    is_in[:_ASCII] = False
    is_in[SURROGATES.start : SURROGATES.stop] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]]).astype(np.int8)))
    return [(int(first), int(stop) - 1) for first, stop in edges.reshape(-1, 2)]


def _tokenize(nodes: Nodes, text: str, output: str, **attributes: Any) -> str:  # noqa: ANN401
    """Write the one operator that only onnxruntime has."""
    attributes = {"pad_value": _PAD, "mincharnum": 1, "mark": 0, **attributes}
    return nodes.add("Tokenizer", [text], output, domain="com.microsoft", **attributes)


def _number_labels(nodes: Nodes, text: str, numbers: dict[str, int], default: int, output: str) -> str:
    """Give the number of each string."""
    numbered = nodes.add(
        "LabelEncoder",
        [text],
        f"{output}_int64",
        domain="ai.onnx.ml",
        keys_strings=list(numbers),
        values_int64s=list(numbers.values()),
        default_int64=default,
    )
    return nodes.cast(numbered, TensorProto.INT32, output)
