"""Nodes of a graph, written one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper


class Nodes:
    """Writes the nodes and constants of one group of a graph.

    A method that writes a node gives the name of what the node makes.

    Args:
        group: what the names of values begin with. Those of the group "" stand alone, as inputs and outputs
            of a graph do, and its nodes have no names.
    """

    def __init__(self, group: str = "") -> None:
        self.group = group
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, npt.NDArray[Any]] = {}
        self._large: dict[str, npt.NDArray[Any]] = {}

    def beside(self, group: str) -> Nodes:
        """Give another group of the same graph: its nodes stand behind those that are written already."""
        other = copy(self)
        other.group = group
        return other

    @property
    def large(self) -> dict[str, npt.NDArray[Any]]:
        """All large constants of the graph by name, contiguous."""
        return self._large

    def to_proto(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """Give the whole graph, all groups together, without the large constants."""
        constants = [numpy_helper.from_array(array, constant) for constant, array in self._constants.items()]
        return helper.make_graph(self._nodes, name, inputs, outputs, constants)

    def name(self, value: str) -> str:
        """Give the whole name of a value of this group."""
        return f"{self.group}/{value}" if self.group else value

    def add(self, op_type: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:  # noqa: ANN401
        """Write a node with one output."""
        name = self.name(output)
        node_name = name if self.group else None
        self._nodes.append(helper.make_node(op_type, inputs, [name], name=node_name, **attributes))
        return name

    def constant(self, name: str, value: npt.ArrayLike, dtype: npt.DTypeLike = np.int32) -> str:
        """Keep a small tensor in the graph, and give its name; the same name is the same tensor."""
        full_name = self._constant_name(name)
        self._constants[full_name] = np.asarray(value, dtype)
        return full_name

    def large_constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Keep a large tensor, contiguous, that is written straight from its array; give its name."""
        full_name = self._constant_name(name)
        self._large[full_name] = value
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
        name = self.name(output)
        node = helper.make_node("TopK", [keys, length], [f"{name}_keys", name], axis=0, largest=0, sorted=1)
        self._nodes.append(node)
        return name

    def branch(self, condition: str, inside: Nodes, value: str, otherwise: str, output: str) -> str:
        """Give the int32 `value` of the nodes `inside` where the condition holds; else `otherwise`."""
        self._constants.update(inside._constants)
        unchanged = Nodes(f"{inside.group}/else")
        same = unchanged.add("Identity", [otherwise], output)
        return self.add(
            "If",
            [condition],
            output,
            then_branch=_subgraph(inside, [value]),
            else_branch=_subgraph(unchanged, [same]),
        )

    def repeat(
        self,
        body: Nodes,
        *,
        state: dict[str, str],
        new_state: Sequence[str],
        goes_on: str,
        begins: str | None = None,
        n_floats: int = 0,
    ) -> list[str]:
        """Run the nodes `body` again and again while `goes_on`; give the last state.

        Args:
            body: the nodes.
            state: the int32 values that a round changes: their names inside, and the first values.
            new_state: the values after a round.
            goes_on: bool, whether another round follows.
            begins: bool, whether there is a first round; None for one at least.
            n_floats: how many values of the state, the last ones, are float32 and not int32.
        """
        types = [TensorProto.INT32] * (len(state) - n_floats) + [TensorProto.FLOAT] * n_floats
        self._constants.update(body._constants)
        inputs = [
            helper.make_tensor_value_info(body.name("round"), TensorProto.INT64, []),
            helper.make_tensor_value_info(body.name("condition"), TensorProto.BOOL, []),
            *(helper.make_tensor_value_info(n, kind, None) for n, kind in zip(state, types, strict=True)),
        ]
        outputs = [
            helper.make_tensor_value_info(goes_on, TensorProto.BOOL, []),
            *(helper.make_tensor_value_info(n, kind, None) for n, kind in zip(new_state, types, strict=True)),
        ]
        graph = helper.make_graph(body._nodes, body.group, inputs, outputs)
        begins = begins or self.constant("true", value=True, dtype=np.bool_)
        results = [f"{name}_last" for name in new_state]
        self._nodes.append(helper.make_node("Loop", ["", begins, *state.values()], results, body=graph))
        return results

    def collect(self, body: Nodes, *, number: str, n_rounds: str, values: Sequence[str]) -> list[str]:
        """Run the nodes `body` some times; give float32 values of every round, stacked on a new first axis.

        Args:
            body: the nodes.
            number: the name, inside, of the round's number, int64.
            n_rounds: int64.
            values: the values, of one shape in every round.
        """
        self._constants.update(body._constants)
        self._large.update(body._large)
        condition = body.name("condition")
        inputs = [
            helper.make_tensor_value_info(number, TensorProto.INT64, []),
            helper.make_tensor_value_info(condition, TensorProto.BOOL, []),
        ]
        goes_on = body.add("Identity", [condition], "goes_on")
        outputs = [
            helper.make_tensor_value_info(goes_on, TensorProto.BOOL, []),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in values),
        ]
        graph = helper.make_graph(body._nodes, body.group, inputs, outputs)
        results = [f"{name}_stack" for name in values]
        self._nodes.append(helper.make_node("Loop", [n_rounds, ""], results, body=graph))
        return results

    def _constant_name(self, name: str) -> str:
        return f"{self.group}:{name}" if self.group else name


def _subgraph(nodes: Nodes, outputs: Sequence[str]) -> onnx.GraphProto:
    infos = [helper.make_tensor_value_info(name, TensorProto.INT32, None) for name in outputs]
    return helper.make_graph(nodes._nodes, "branch", [], infos)
