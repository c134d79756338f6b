"""Groups of nodes from the classes of characters to cells, the whole batch in one row."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.tables.character_map import ROW_END, CharacterMap


def frame(nodes: Nodes, classes: str) -> str:
    """Put a row end in front and behind: no place lacks a neighbour, and no size is 0."""
    end = nodes.constant("row_end", [ROW_END])
    return nodes.add("Concat", [end, classes, end], "framed", axis=0)


def line_up(nodes: Nodes, classes: str) -> str:
    """Leave out the characters that are nothing, padding included."""
    is_something = nodes.cast(classes, TensorProto.BOOL, "is_something")
    return nodes.add("Compress", [classes, is_something], "lined_up")


def expand(nodes: Nodes, classes: str, characters: CharacterMap) -> str:
    """Put in the place of each character its cells, where any has another number of them than one."""
    several = characters.first_several
    if several == len(characters.cells):
        return classes
    highest = nodes.add("ReduceMax", [classes], "highest", keepdims=0)
    limit = nodes.constant("last_of_one_cell", several - 1)
    any_several = nodes.add("Greater", [highest, limit], "any_of_several")
    lists = [[number] for number in range(several)]
    lists += [[characters.cell_classes[cell] for cell in cells] for cells in characters.cells[several:]]
    inside = Nodes(f"{nodes.group}/several")
    return nodes.branch(any_several, inside, spread(inside, classes, lists), classes, "expanded")


def spread(nodes: Nodes, classes: str, lists: list[list[int]]) -> str:
    """Put in the place of each class its list, which may be empty."""
    starts = [0, *accumulate(map(len, lists))][:-1]
    count = nodes.look_up(nodes.constant("counts", [len(members) for members in lists]), classes, "count")
    axis = nodes.constant("axis", 0, np.int64)
    ends = nodes.add("CumSum", [count, axis], "ends")
    begins = nodes.add("Sub", [ends, count], "begins")
    size = nodes.cast(nodes.add("ReduceMax", [ends], "size", keepdims=1), TensorProto.INT64, "size_int64")
    blank = nodes.zeros(size, "blank")
    # One at the beginning of every class but the first: their running sum is the number of the class.
    later = nodes.cut(begins, 1, None, "later_begins")
    ones = nodes.add("Expand", [nodes.constant("one", [1]), nodes.add("Shape", [later], "n_later")], "ones")
    steps = nodes.add("ScatterElements", [blank, later, ones], "steps", axis=0, reduction="add")
    source = nodes.add("CumSum", [steps, axis], "source")
    start = nodes.look_up(nodes.constant("starts", starts), classes, "start")
    shift = nodes.look_up(nodes.add("Sub", [start, begins], "shift"), source, "own_shift")
    place = nodes.add("Add", [shift, nodes.count_up(source, "own_place")], "place")
    members = [number for numbers in lists for number in numbers]
    return nodes.look_up(nodes.constant("members", members), place, "spread")
