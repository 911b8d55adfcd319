"""Exports a trained Keras model as the graph that `models.lstm.engine` runs: local layers, one LSTM, a head.

The export follows the layers of the model, so it needs no change for a new variant of the same layers. A model with
any other layer is not exported. Needs Keras and ONNX, at training time only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from data_contracts.errors import BundleError
from models.graphs.builder import Graph, gives_same_scores, order_gates, serialize_graph
from models.graphs.session import open_graph
from models.lstm.engine import RECEPTIVE_FIELDS, ReceptiveField, load_lstm_engine

if TYPE_CHECKING:
    import keras

_WITHOUT_EFFECT = {"InputLayer", "Dropout", "SpatialDropout1D"}
"""Layers that return their input unchanged when a model scores."""
_ACTIVATIONS = {"linear": None, "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


@dataclass(frozen=True)
class _LstmParts:
    """The layers of an LSTM model by their part in the exported graph."""

    embedding: Any
    local: Sequence[Any]
    recurrent: Any
    head: Sequence[Any]


def export_lstm(model: "keras.Model") -> bytes | None:
    """Return the model as an ONNX graph for `models.lstm.engine`; None if it has an unsupported layer.

    Layers of unusual options are found by the scores that the graph then gives.

    The graph maps ids [n, time], the padding of each convolution, and the state h and c [1, n, units] to the score
    [n, 1] and the new state.
    """
    parts = _split_layers(model)
    if parts is None:
        return None
    graph = Graph()
    words = _add_local(graph, parts)
    last = _add_lstm(graph, words, parts.recurrent)
    for layer in parts.head:
        if _kind(layer) == "Dense":
            kernel, *bias = (graph.keep(values) for values in layer.get_weights())
            last = _add_activation(graph, graph.add("Gemm", last, kernel, *bias), layer)
    graph.add("Identity", last, outputs=["score"])
    try:
        content = _serialize_lstm(graph, parts, int(model.input_shape[1]))
        engine = load_lstm_engine(open_graph(content))
    except BundleError:
        return None
    is_same = engine is not None and gives_same_scores(model, engine, int(parts.embedding.input_dim))
    return content if is_same else None


def _split_layers(model: "keras.Model") -> _LstmParts | None:
    """Split the layers into embedding, local layers, LSTM and head; return None if the model is built otherwise."""
    import keras

    layers = [layer for layer in model.layers if _kind(layer) not in _WITHOUT_EFFECT]
    places = [place for place, layer in enumerate(layers) if _kind(layer) == "LSTM"]
    if type(model) is not keras.Sequential or len(places) != 1 or places[0] == 0:
        return None
    parts = _LstmParts(layers[0], layers[1 : places[0]], layers[places[0]], layers[places[0] + 1 :])
    known = (
        _kind(parts.embedding) == "Embedding"
        and all(map(_find_receptive_field, parts.local))
        and all(_kind(layer) == "Dense" for layer in parts.head)
        and {_name_activation(layer) for layer in (*parts.local, *parts.head)} <= _ACTIVATIONS.keys()
        and model.output_shape == (None, 1)
    )
    return parts if known else None


def _kind(layer: Any) -> str:
    """Return the class name of one of Keras's own layers; '' for any other class, even one derived from Keras's."""
    import keras

    name = type(layer).__name__
    return name if type(layer) is getattr(keras.layers, name, None) else ""


def _name_activation(layer: Any) -> str:
    """Return the name of the activation function of a layer, 'linear' if it has none."""
    import keras

    return str(keras.activations.serialize(getattr(layer, "activation", keras.activations.linear)))


def _find_receptive_field(layer: Any) -> ReceptiveField | None:
    """Return the receptive field of a local layer; None for an unsupported layer."""
    if _kind(layer) == "Conv1D":
        before = (layer.kernel_size[0] - 1) // 2
        return ReceptiveField(before, layer.kernel_size[0] - 1 - before, 1)
    if _kind(layer) == "MaxPooling1D" and layer.pool_size != (1,):
        return ReceptiveField(0, layer.pool_size[0] - 1, layer.pool_size[0])
    return None


def _add_local(graph: Graph, parts: _LstmParts) -> str:
    """Append embedding, convolutions and poolings; return the name of the LSTM's input, [time, n, channels]."""
    table = graph.keep(parts.embedding.get_weights()[0])
    if not parts.local:
        return graph.add("Gather", table, graph.add("Transpose", "ids", perm=[1, 0]))
    last = graph.add("Transpose", graph.add("Gather", table, "ids"), perm=[0, 2, 1])
    for position, layer in enumerate(parts.local):
        if _kind(layer) == "MaxPooling1D":
            size = list(layer.pool_size)
            last = graph.add("MaxPool", last, kernel_shape=size, strides=size)
            continue
        kernel, *bias = layer.get_weights()
        weights = [graph.keep(values) for values in (kernel.transpose(2, 1, 0), *bias)]
        padded = graph.add("Pad", last, f"pads_{position}")
        last = _add_activation(graph, graph.add("Conv", padded, *weights), layer)
    return graph.add("Transpose", last, perm=[2, 0, 1])


def _add_lstm(graph: Graph, words: str, layer: Any) -> str:
    """Append the LSTM; return the name of its last output, [n, units]."""
    kernel, recurrent, *bias = (order_gates(values) for values in layer.get_weights())
    both = np.concatenate([bias[0] if bias else np.zeros(kernel.shape[1], np.float32), 0 * recurrent[0]])
    weights = [graph.keep(values[None]) for values in (kernel.T, recurrent.T, both)]
    outputs = ["", "h_out", "c_out"]
    graph.add("LSTM", words, *weights, "", "h", "c", outputs=outputs, hidden_size=layer.units)
    return graph.add("Squeeze", "h_out", graph.keep(np.array([0])))


def _add_activation(graph: Graph, last: str, layer: Any) -> str:
    """Append the activation of a local layer to the graph; return the name of its output."""
    operator = _ACTIVATIONS[_name_activation(layer)]
    return graph.add(operator, last) if operator else last


def _serialize_lstm(graph: Graph, parts: _LstmParts, sequence_length: int) -> bytes:
    """Serialize the graph to bytes, with its geometry in the metadata."""
    from onnx import TensorProto, helper

    state = (TensorProto.FLOAT, [1, "n", parts.recurrent.units])
    fields = [_find_receptive_field(layer) or ReceptiveField(0, 0, 1) for layer in parts.local]
    pads = [f"pads_{position}" for position, field in enumerate(fields) if field.stride == 1]
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT32, ["n", "time"]),
        *(helper.make_tensor_value_info(name, TensorProto.INT64, [6]) for name in pads),
        *(helper.make_tensor_value_info(name, *state) for name in ("h", "c")),
    ]
    outputs = [
        helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1]),
        *(helper.make_tensor_value_info(name, *state) for name in ("h_out", "c_out")),
    ]
    geometry = {
        "sequence_length": sequence_length,
        RECEPTIVE_FIELDS: [[field.before, field.after, field.stride] for field in fields],
    }
    return serialize_graph(graph, inputs, outputs, geometry)
