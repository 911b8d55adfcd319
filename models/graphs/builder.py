"""Builds an ONNX graph: adds operators and constants, naming them in order, and serializes the graph.

Used by the exports of all kinds of model. Needs ONNX, at training time only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.graphs.session import GEOMETRY

OPSET, IR_VERSION = 17, 9
"""Old enough for every ONNX Runtime that the project allows."""


@dataclass(frozen=True)
class Graph:
    """A graph under construction, to which operators and constants are appended."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, outputs: Sequence[str] = (), **attributes: Any) -> str:
        """Append an operator and return the name of its last output."""
        from onnx import helper

        names = list(outputs) or [f"{operator.lower()}_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[-1]

    def keep(self, values: NDArray[Any]) -> str:
        """Append a constant and return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def order_gates(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reorder LSTM gates on the last axis from Keras's order (input, forget, cell, output) to ONNX's (i, o, f, c)."""
    i, f, c, o = np.split(values, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1)


def serialize_graph(
    graph: Graph, inputs: Sequence[Any], outputs: Sequence[Any], geometry: Mapping[str, Any]
) -> bytes:
    """Check a graph with these inputs and outputs and return it as bytes, with its geometry in the metadata."""
    from onnx import checker, helper

    model = helper.make_model(
        helper.make_graph(graph.nodes, "scorer", list(inputs), list(outputs), graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, {GEOMETRY: json.dumps(geometry)})
    checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
