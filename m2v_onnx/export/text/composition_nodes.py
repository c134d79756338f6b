"""A group of nodes that composes characters: the part of a Unicode normal form that looks at neighbours."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.tables.character_map import CharacterMap
from m2v_onnx.export.tables.composition_tables import CompositionTables
from m2v_onnx.export.text.cell_nodes import spread
from m2v_onnx.export.text.match_nodes import PairFinder


def compose(nodes: Nodes, classes: str, characters: CharacterMap, tables: CompositionTables) -> str:
    """Decompose all characters, order their marks and compose them, where any can compose at all.

    Source: Unicode Standard Annex 15, "Normalization Forms".

    Args:
        nodes: where to write.
        classes: (n,) classes; the first is a row end.
        characters: the classes.
        tables: what composes.
    """
    highest = nodes.add("ReduceMax", [classes], "highest", keepdims=0)
    limit = nodes.constant("last_inert", characters.first_composing - 1)
    may_compose = nodes.add("Greater", [highest, limit], "any_may_compose")
    inside = Nodes(f"{nodes.group}/composed")
    parts = _order_marks(inside, spread(inside, classes, tables.decomposed), tables)
    composed = _Composing(inside, parts, tables).run()
    is_left = inside.cast(composed, TensorProto.BOOL, "is_left")
    composed = inside.add("Compress", [composed, is_left], "left")
    return nodes.branch(may_compose, inside, composed, classes, "composed")


def _order_marks(nodes: Nodes, classes: str, tables: CompositionTables) -> str:
    """Sort the marks behind every other character; equal ones stay as they are."""
    order = nodes.look_up(nodes.constant("orders", tables.orders), classes, "order")
    is_base = nodes.add("Equal", [order, nodes.constant("zero", 0)], "is_base")
    axis = nodes.constant("axis", 0, np.int64)
    base = nodes.add("CumSum", [nodes.cast(is_base, TensorProto.INT64, "is_base_number"), axis], "base")
    n_orders = nodes.constant("n_orders", max(tables.orders) + 1, np.int64)
    key = nodes.add("Mul", [base, n_orders], "base_key")
    key = nodes.add("Add", [key, nodes.cast(order, TensorProto.INT64, "order_int64")], "order_key")
    n_classes = nodes.add("Shape", [classes], "n_classes")
    position = nodes.cast(nodes.count_up(classes, "position"), TensorProto.INT64, "position_int64")
    key = nodes.add("Add", [nodes.add("Mul", [key, n_classes], "wide_key"), position], "key")
    places = nodes.sort_places(key, n_classes, "sorted_places")
    return nodes.look_up(classes, places, "ordered")


class _Composing:
    """Writes the loop that composes: each character that nothing precedes takes what follows, in turn.

    Args:
        nodes: where to write.
        classes: (n,) decomposed classes in canonical order; the first is a row end.
        tables: what composes.
    """

    def __init__(self, nodes: Nodes, classes: str, tables: CompositionTables) -> None:
        self._nodes = nodes
        self._classes = classes
        self._tables = tables
        self._order = nodes.look_up(nodes.constant("orders", tables.orders), classes, "sorted_order")
        self._positions = nodes.count_up(classes, "positions")
        self._n_classes = nodes.cast(nodes.add("Shape", [classes], "n_shape"), TensorProto.INT32, "n")

    def run(self) -> str:
        """Give the classes with each composite in the place of its first part, NOTHING in that of others."""
        nodes = self._nodes
        follows = nodes.look_up(nodes.constant("follows", self._tables.follows), self._classes, "follows")
        heads_flag = nodes.add("Not", [nodes.cast(follows, TensorProto.BOOL, "is_follower")], "is_head")
        heads = nodes.add("Compress", [self._positions, heads_flag], "heads")
        later = nodes.cut(heads, 1, None, "later_heads")
        stops = nodes.add("Concat", [later, self._n_classes], "stops", axis=0)
        places = nodes.add("Add", [heads, nodes.constant("one", 1)], "first_places")
        orders = nodes.add("Sub", [heads, heads], "no_orders")
        return self._loop(
            stops, {"classes": self._classes, "heads": heads, "orders": orders, "places": places}
        )

    def _run_ends(self) -> str:
        """Give for each place the next with a character of another order.

        A mark that stays keeps all others of its order apart from the head, too: they are passed over.
        """
        nodes = self._nodes
        before = nodes.cut(self._order, 0, -1, "order_before")
        before = nodes.add("Concat", [nodes.constant("no_order", [-1]), before], "order_before_each", axis=0)
        same = nodes.add("Equal", [self._order, before], "has_same_order")
        is_mark = nodes.cast(self._order, TensorProto.BOOL, "is_mark")
        begins = nodes.add("Not", [nodes.add("And", [same, is_mark], "continues")], "run_begins")
        starts = nodes.cut(
            nodes.add("Compress", [self._positions, begins], "run_starts"), 1, None, "later_runs"
        )
        ends = nodes.add("Concat", [starts, self._n_classes], "ends_of_runs", axis=0)
        axis = nodes.constant("axis", 0, np.int64)
        count = nodes.add(
            "CumSum", [nodes.cast(begins, TensorProto.INT32, "run_begins_number"), axis], "run_count"
        )
        run = nodes.add("Sub", [count, nodes.constant("one", 1)], "run")
        return nodes.look_up(ends, run, "own_run_end")

    def _loop(self, stops: str, first: dict[str, str]) -> str:
        run_ends = self._run_ends()
        body = Nodes(f"{self._nodes.group}/take")
        state = {body.name(name): value for name, value in first.items()}
        classes, heads, last_orders, places = state
        one = body.constant("one", 1)
        last = body.add("Sub", [stops, one], "last_places")
        place = body.add("Min", [places, last], "place")
        is_active = body.cast(body.add("Less", [places, stops], "is_active"), TensorProto.INT32, "active")
        head = body.look_up(classes, heads, "head")
        taken = body.look_up(classes, place, "taken")
        order = body.look_up(self._order, place, "order")
        composite, found = self._pair(body, head, taken)
        composes = body.add("Mul", [found, self._is_free(body, last_orders, order)], "composes_if_active")
        composes = body.add("Mul", [composes, is_active], "composes")
        keeps = body.add("Sub", [one, composes], "keeps")
        change = body.add("Mul", [body.add("Sub", [composite, head], "to_composite"), composes], "change")
        new_head = body.add("Add", [head, change], "new_head")
        written = body.add("ScatterElements", [classes, heads, new_head], "with_heads", axis=0)
        rest = body.add("Mul", [taken, keeps], "rest")
        written = body.add("ScatterElements", [written, place, rest], "written", axis=0)
        moved_heads, orders = self._move(body, heads, last_orders, place, order, keeps)
        end = body.look_up(run_ends, place, "run_end")
        rest_of_run = body.add("Sub", [body.add("Sub", [end, place], "to_end"), one], "rest_of_run")
        passed = body.add("Mul", [rest_of_run, keeps], "passed")
        next_places = body.add("Add", [body.add("Add", [place, one], "behind"), passed], "next_places")
        room = body.add("ReduceMax", [body.add("Sub", [stops, next_places], "room")], "most_room", keepdims=0)
        goes_on = body.add("Greater", [room, body.constant("zero", 0)], "goes_on")
        new_state = [written, moved_heads, orders, next_places]
        return self._nodes.repeat(body, state=state, new_state=new_state, goes_on=goes_on)[0]

    def _pair(self, body: Nodes, head: str, taken: str) -> tuple[str, str]:
        """Give the class of the composite, and 1 where there is one."""
        table = body.constant("symbols", self._tables.symbols)
        first, second = body.look_up(table, head, "first"), body.look_up(table, taken, "second")
        place, found = PairFinder(body, self._tables.pairs).find(first, second, "pair")
        return body.look_up(body.constant("composites", self._tables.composites), place, "composite"), found

    @staticmethod
    def _is_free(body: Nodes, last_order: str, order: str) -> str:
        """Give 1 where nothing between head and character keeps them apart."""
        zero = body.constant("zero", 0)
        is_next = body.add("Equal", [last_order, zero], "is_next")
        is_lower = body.add("Less", [last_order, order], "is_lower")
        return body.cast(body.add("Or", [is_next, is_lower], "is_free"), TensorProto.INT32, "free")

    @staticmethod
    def _move(
        body: Nodes, heads: str, last_order: str, place: str, order: str, keeps: str
    ) -> tuple[str, str]:
        """Give the new heads and orders: a character that stays is the head where it is no mark."""
        zero = body.constant("zero", 0)
        is_base = body.cast(body.add("Equal", [order, zero], "is_base"), TensorProto.INT32, "base")
        moves = body.add("Mul", [keeps, is_base], "moves")
        way = body.add("Mul", [body.add("Sub", [place, heads], "to_place"), moves], "way")
        change = body.add("Mul", [body.add("Sub", [order, last_order], "to_order"), keeps], "order_change")
        return body.add("Add", [heads, way], "moved_heads"), body.add(
            "Add", [last_order, change], "new_orders"
        )
