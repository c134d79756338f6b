"""Nodes write stretches of a graph, and name what they make."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from m2v_onnx.export.nodes import Nodes
from tests.export.text_twins import run_group


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_names_begin_with_their_group():
    nodes = Nodes("words")
    one = nodes.constant("one", 1)
    total = nodes.add("Add", ["cells", one], "total")
    assert (one, total, nodes.name("input")) == ("words:one", "words/total", "words/input")
    [node] = nodes.to_proto("graph", [], []).node
    assert (node.name, list(node.input), list(node.output)) == (total, ["cells", one], [total])


def test_without_a_group_names_stand_alone():
    nodes = Nodes()
    half = nodes.constant("half", 0.5, np.float32)
    assert (half, nodes.add("Neg", [half], "minus")) == ("half", "minus")
    assert nodes.to_proto("graph", [], []).node[0].name == ""


def test_groups_of_one_graph_share_nodes_and_constants():
    first = Nodes("first")
    value = first.add("Identity", ["x"], "same")
    second = first.beside("second")
    second.add("Neg", [value], "minus")
    second.constant("two", 2)
    second.beside("").large_constant("table", np.zeros((3, 2), np.float32))
    for nodes in (first, second):
        graph = nodes.to_proto("graph", [], [])
        assert [node.output[0] for node in graph.node] == ["first/same", "second/minus"]
        assert [tensor.name for tensor in graph.initializer] == ["second:two"]
        assert list(nodes.large) == ["table"]


def test_a_constant_of_one_name_is_one_constant():
    nodes = Nodes("group")
    assert nodes.constant("one", 1) == nodes.constant("one", 1)
    assert len(nodes.to_proto("graph", [], []).initializer) == 1


def test_counting_cutting_and_sorting():
    def write(nodes, values):
        length = nodes.add("Shape", [values], "length")
        return [
            nodes.count_up(values, "places"),
            nodes.cut(values, 1, -1, "inner"),
            nodes.sort_places(values, length, "order"),
            nodes.zeros(length, "zeros"),
        ]

    places, inner, order, zeros = run_group(write, ints(7, 3, 9, 5))
    assert places.tolist() == [0, 1, 2, 3]
    assert inner.tolist() == [3, 9]
    assert order.tolist() == [1, 3, 0, 2]
    assert zeros.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("largest", "expected"), [(4, [1, 4]), (5, [10, 50])])
def test_a_branch_runs_where_its_condition_holds(largest, expected):
    def write(nodes, values):
        highest = nodes.add("ReduceMax", [values], "highest", keepdims=0)
        is_high = nodes.add("Greater", [highest, nodes.constant("limit", 4)], "is_high")
        inside = Nodes(f"{nodes.group}/times")
        tenfold = inside.add("Mul", [values, inside.constant("ten", 10)], "tenfold")
        return [nodes.branch(is_high, inside, tenfold, values, "result")]

    assert run_group(write, ints(1, largest))[0].tolist() == expected


def test_a_loop_goes_on_until_nothing_is_below_a_hundred():
    def write(nodes, values):
        body = Nodes(f"{nodes.group}/double")
        old = body.name("value")
        new = body.add("Add", [old, old], "doubled")
        least = body.add("ReduceMin", [new], "least", keepdims=0)
        goes_on = body.add("Less", [least, body.constant("hundred", 100)], "goes_on")
        return nodes.repeat(body, state={old: values}, new_state=[new], goes_on=goes_on)

    assert run_group(write, ints(3, 40))[0].tolist() == [192, 2560]
    assert run_group(write, ints(200, 300))[0].tolist() == [400, 600]


def test_the_values_of_every_round_are_collected():
    def write(nodes, n_rounds):
        body = Nodes(f"{nodes.group}/round")
        number = body.name("number")
        table = body.large_constant("table", np.array([[1, 2], [3, 4], [5, 6]], np.float32))
        row = body.add("Gather", [table, number], "row")
        rounds = nodes.add("Squeeze", [nodes.cast(n_rounds, TensorProto.INT64, "whole")], "rounds")
        return nodes.collect(body, number=number, n_rounds=rounds, values=[row])

    assert run_group(write, ints(2))[0].tolist() == [[1, 2], [3, 4]]


def test_a_graph_names_its_inputs_and_outputs():
    nodes = Nodes()
    nodes.add("Neg", ["x"], "y")
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = nodes.to_proto("minus", infos[:1], infos[1:])
    assert (graph.name, graph.input[0].name, graph.output[0].name) == ("minus", "x", "y")
