"""Nodes of a graph, written one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from m2v_onnx.export.graph import Part


class Nodes:
    """Writes the nodes and constants of one group. Every method gives the name of what its node makes.

    Args:
        group: what the names begin with.
        part: where they are collected; by default a part of its own, for a subgraph.
    """

    def __init__(self, group: str, part: Part | None = None) -> None:
        self.group = group
        self.part = Part([]) if part is None else part

    def add(self, op_type: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:  # noqa: ANN401
        """Write a node with one output."""
        name = f"{self.group}/{output}"
        self.part.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: npt.ArrayLike, dtype: npt.DTypeLike = np.int32) -> str:
        """Keep a constant."""
        full_name = f"{self.group}:{name}"
        self.part.constants[full_name] = np.asarray(value, dtype)
        return full_name

    def cast(self, value: str, to: int, output: str) -> str:
        """Change the number type."""
        return self.add("Cast", [value], output, to=to)

    def look_up(self, table: str, places: str, output: str) -> str:
        """Read a table of one axis: seven times as fast as Gather."""
        return self.add("GatherElements", [table, places], output, axis=0)

    def cut(self, value: str, start: int, stop: int | None, output: str, *, axis: int = 0) -> str:
        """Take a stretch of an axis."""
        numbers = {
            "start": [start],
            "stop": [np.iinfo(np.int64).max if stop is None else stop],
            "axis": [axis],
        }
        names = [self.constant(f"{output}_{key}", number, np.int64) for key, number in numbers.items()]
        return self.add("Slice", [value, *names], output)

    def count_up(self, like: str, output: str) -> str:
        """Give 0, 1, 2, … int32, as many as `like` (n,) is long."""
        shape = self.add("Shape", [like], f"{output}_shape")
        length = self.add("Squeeze", [shape], f"{output}_length")
        stop = self.cast(length, TensorProto.INT32, f"{output}_stop")
        return self.add("Range", [self.constant("zero", 0), stop, self.constant("one", 1)], output)

    def zeros(self, shape: str, output: str) -> str:
        """Give int32 zeros."""
        zero = numpy_helper.from_array(np.array([0], np.int32))
        return self.add("ConstantOfShape", [shape], output, value=zero)

    def sort_places(self, keys: str, length: str, output: str) -> str:
        """Give the places of the keys (n,) in ascending order; `length` is (1,) int64, n."""
        name = f"{self.group}/{output}"
        node = helper.make_node("TopK", [keys, length], [f"{name}_keys", name], axis=0, largest=0, sorted=1)
        self.part.nodes.append(node)
        return name

    def branch(self, condition: str, inside: Nodes, value: str, otherwise: str, output: str) -> str:
        """Give the int32 `value` of the nodes `inside` where the condition holds; else `otherwise`."""
        self.part.constants.update(inside.part.constants)
        copy = Nodes(f"{inside.group}/else")
        same = copy.add("Identity", [otherwise], output)
        return self.add(
            "If",
            [condition],
            output,
            then_branch=_subgraph(inside, [value]),
            else_branch=_subgraph(copy, [same]),
        )

    def repeat(
        self, body: Nodes, *, state: dict[str, str], new_state: Sequence[str], goes_on: str
    ) -> list[str]:
        """Run the nodes `body` again and again, once at least, while `goes_on`; give the last state.

        Args:
            body: the nodes.
            state: the int32 values that a round changes: their names inside, and the first values.
            new_state: the values after a round.
            goes_on: bool, whether another round follows.
        """
        self.part.constants.update(body.part.constants)
        inputs = [
            helper.make_tensor_value_info(f"{body.group}/round", TensorProto.INT64, []),
            helper.make_tensor_value_info(f"{body.group}/condition", TensorProto.BOOL, []),
            *(helper.make_tensor_value_info(name, TensorProto.INT32, None) for name in state),
        ]
        outputs = [
            helper.make_tensor_value_info(goes_on, TensorProto.BOOL, []),
            *(helper.make_tensor_value_info(name, TensorProto.INT32, None) for name in new_state),
        ]
        graph = helper.make_graph(body.part.nodes, body.group, inputs, outputs)
        always = self.constant("true", value=True, dtype=np.bool_)
        results = [f"{name}_last" for name in new_state]
        self.part.nodes.append(helper.make_node("Loop", ["", always, *state.values()], results, body=graph))
        return results

    def collect(self, body: Nodes, *, number: str, n_rounds: str, values: Sequence[str]) -> list[str]:
        """Run the nodes `body` some times; give float32 values of every round, stacked on a new first axis.

        Args:
            body: the nodes.
            number: the name, inside, of the round's number, int64.
            n_rounds: int64.
            values: the values, of one shape in every round.
        """
        self.part.constants.update(body.part.constants)
        self.part.large.update(body.part.large)
        condition = f"{body.group}/condition"
        inputs = [
            helper.make_tensor_value_info(number, TensorProto.INT64, []),
            helper.make_tensor_value_info(condition, TensorProto.BOOL, []),
        ]
        goes_on = body.add("Identity", [condition], "goes_on")
        outputs = [
            helper.make_tensor_value_info(goes_on, TensorProto.BOOL, []),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in values),
        ]
        graph = helper.make_graph(body.part.nodes, body.group, inputs, outputs)
        results = [f"{name}_stack" for name in values]
        self.part.nodes.append(helper.make_node("Loop", [n_rounds, ""], results, body=graph))
        return results


def _subgraph(nodes: Nodes, outputs: Sequence[str]) -> onnx.GraphProto:
    infos = [helper.make_tensor_value_info(name, TensorProto.INT32, None) for name in outputs]
    return helper.make_graph(nodes.part.nodes, "branch", [], infos)
