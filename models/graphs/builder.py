"""Builds an ONNX graph: adds operators and constants, naming them in order, serializes and tries the graph.

Used by the exports of all kinds of model. Needs ONNX, at training time only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.graphs.engine_interface import SAME_SCORE, Engine
from models.graphs.session import GEOMETRY
from models.tokenizer import encode_ids

if TYPE_CHECKING:
    import keras

OPSET, IR_VERSION = 17, 9
"""Old enough for every ONNX Runtime that the project allows."""
_TRIAL_ROWS = 32


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


def gives_same_scores(model: "keras.Model", engine: Engine, vocabulary_size: int) -> bool:
    """Return whether the engine of an exported graph gives the scores of the Keras model on random reviews.

    A model of other layers than those that the export knows is found so, whatever they are.
    """
    random, length = np.random.default_rng(0), engine.sequence_length
    counts = np.linspace(0, length, _TRIAL_ROWS).astype(int)
    reviews = [random.integers(0, vocabulary_size, count).tolist() for count in counts]
    expected = np.asarray(model(encode_ids(reviews, length).pad(), training=False))[:, 0]
    # One by one, so that each is scored without its own padding.
    scores = np.concatenate([engine.score(encode_ids([review], length)) for review in reviews])
    return bool(np.abs(scores - expected).max() < SAME_SCORE)
