"""Exports a trained wide LSTM to the graph that its engine runs. Needs Keras and ONNX, at training time only.

The graph computes the LSTM. What is computed outside of it (the convolution, the head, the n-grams, the blend) needs
weights; the graph returns them as constant outputs. Of the convolution it holds the word vectors and the kernel, a
fraction of the size of the table that the engine makes of them.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import BundleError
from models.graphs.builder import Graph, gives_same_scores, order_gates, serialize_graph
from models.graphs.session import open_graph
from models.wide_lstm.engine import CONSTANTS, load_wide_lstm_engine
from models.wide_lstm.layers import (
    BELOW_EVERY_VALUE,
    LSTM_LOGIT,
    NGRAM_LOGITS,
    READER,
    SCORE,
    VECTOR_READER,
    VECTORS,
)

if TYPE_CHECKING:
    import keras


def export_windows(model: "keras.Model") -> bytes | None:
    """Export a wide LSTM as an ONNX graph; return None for any other model.

    The graph maps ids [w, words], a whole number of steps, the convolution's highest outputs of each step, `pooled`
    [steps, w, channels], and the states h and c [2, w, units], forwards and backwards, to the highest and the summed
    values [w, 2 units], the steps [w] and the states after them. It is also None where it does not give the scores of
    the Keras model on random reviews.
    """
    if {READER, LSTM_LOGIT, *NGRAM_LOGITS, SCORE} - {layer.name for layer in model.layers}:
        return None
    try:
        content = _serialize_windows(model)
        engine = load_wide_lstm_engine(open_graph(content))
        is_same = engine is not None and gives_same_scores(model, engine, engine.vocabulary_size)
    except (ValueError, BundleError):  # an inner layer has another name, or weights of another shape
        return None
    return content if is_same else None


def _serialize_windows(model: "keras.Model") -> bytes:
    """Build the graph of a wide LSTM and return it as bytes."""
    from onnx import TensorProto, helper

    reader, window = model.get_layer(READER), int(model.get_layer(READER).input_shape[1])
    graph = Graph()
    vector_reader = reader.get_layer(VECTOR_READER)
    units = _add_reader(graph, vector_reader)
    constants = _list_constants(model)
    for name, values in constants.items():
        graph.add("Identity", graph.keep(values), outputs=[name])
    states = {name: [2, "w", units] for name in ("h", "c", "h_out", "c_out")}
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT32, ["w", "words"])]
    given = {"pooled": ["steps", "w", len(constants["bias"])], "h": states["h"], "c": states["c"]}
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, given[name]) for name in given]
    shapes = {"highest": ["w", 2 * units], "total": ["w", 2 * units], "steps": ["w"]}
    shapes |= {name: states[name] for name in ("h_out", "c_out")}
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()
    ]
    outputs += [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
        for name, values in constants.items()
    ]
    geometry = {
        "sequence_length": int(model.input_shape[1]),
        "window": window,
        "step": _find_pool(vector_reader),
        "after": int(vector_reader.get_layer("convolution").kernel_size[0]) // 2,
        "vocabulary_size": int(model.get_layer(NGRAM_LOGITS[0]).vocabulary_size),
    }
    return serialize_graph(graph, inputs, outputs, geometry)


def _list_constants(model: "keras.Model") -> dict[str, NDArray[Any]]:
    """Return the weights of what is computed outside of the graph, by the names of `CONSTANTS`."""
    (numbers, *_), *parts = zip(*(model.get_layer(name).get_weights() for name in NGRAM_LOGITS), strict=True)
    ratio, weight, ngram_bias = (np.stack(part, axis=-1) for part in parts)
    kernel, head_bias = model.get_layer(LSTM_LOGIT).get_layer("dense").get_weights()
    blend, bias = model.get_layer(SCORE).get_weights()
    head, biases = kernel[:, 0], np.concatenate([head_bias, ngram_bias[0], bias])
    reader = model.get_layer(READER)
    vectors = reader.get_layer(VECTORS).get_weights()
    convolution = reader.get_layer(VECTOR_READER).get_layer("convolution").get_weights()
    values = (numbers, ratio, weight, head, blend[:, 0], biases, *vectors, *convolution)
    return dict(zip(CONSTANTS, values, strict=True))


def _add_reader(graph: Graph, reader: "keras.Model") -> int:
    """Append the operators from what the convolution gives to pooled values; return the units of one direction."""
    lstm = reader.get_layer("lstm")
    units = int(lstm.forward_layer.units)
    known = _add_known_steps(graph, _find_pool(reader))
    values = _add_both_directions(graph, lstm)
    mask = graph.add("Unsqueeze", known, graph.keep(np.array([1, 3])))
    off = graph.add(
        "Mul", _subtract_from_one(graph, mask), graph.keep(np.asarray(np.float32(BELOW_EVERY_VALUE)))
    )
    highest = graph.add("ReduceMax", graph.add("Sub", values, off), axes=[0], keepdims=0)
    first_axis = graph.keep(np.array([0]))
    total = graph.add("ReduceSum", graph.add("Mul", values, mask), first_axis, keepdims=0)
    for name, each in (("highest", highest), ("total", total)):
        rows = graph.add("Transpose", each, perm=[1, 0, 2])
        graph.add("Reshape", rows, graph.keep(np.array([-1, 2 * units])), outputs=[name])
    graph.add("ReduceSum", known, first_axis, outputs=["steps"], keepdims=0)
    return units


def _subtract_from_one(graph: Graph, name: str) -> str:
    """Append `1 - name` to the graph."""
    return graph.add("Sub", graph.keep(np.asarray(np.float32(1))), name)


def _find_pool(reader: "keras.Model") -> int:
    """Return the pool size of the exported reader."""
    sizes = {layer.pool_size[0] for layer in reader.layers if type(layer).__name__ == "MaxPooling1D"}
    (size,) = sizes  # the same for values and for which words are known
    return int(size)


def _add_known_steps(graph: Graph, pool: int) -> str:
    """Append whether each step reads a known word, 1 or 0; return the name, [steps, w]."""
    from onnx import TensorProto

    known = graph.add("Greater", "ids", graph.keep(np.asarray(np.int32(0))))
    numbers = graph.add("Cast", known, to=TensorProto.FLOAT)
    grouped = graph.add("Reshape", numbers, graph.keep(np.array([0, -1, pool])))
    return graph.add("Transpose", graph.add("ReduceMax", grouped, axes=[2], keepdims=0), perm=[1, 0])


def _add_both_directions(graph: Graph, lstm: Any) -> str:
    """Append the LSTM in both directions, from states h and c; return the name of its values, [steps, 2, w, units]."""
    parts: list[list[NDArray[np.float32]]] = [[], [], []]
    for layer in (lstm.forward_layer, lstm.backward_layer):
        kernel, recurrent, bias = (order_gates(values) for values in layer.get_weights())
        both = np.concatenate([bias, np.zeros_like(bias)])
        for part, values in zip(parts, (kernel.T, recurrent.T, both), strict=True):
            part.append(values)
    weights = [graph.keep(np.stack(part)) for part in parts]
    inputs = ("pooled", *weights, "", "h", "c")  # "" for lengths: all are equally long
    outputs, hidden = [f"values_{len(graph.nodes)}", "h_out", "c_out"], int(lstm.forward_layer.units)
    graph.add("LSTM", *inputs, outputs=outputs, hidden_size=hidden, direction="bidirectional")
    return outputs[0]
