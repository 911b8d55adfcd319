"""Exports a trained wide LSTM to the graph that its engine runs. Needs Keras and ONNX, at training time only.

The graph computes the LSTM. What is computed outside of it (the convolution, the head, the n-grams, the blend) needs
weights; the graph returns them as constant outputs. Of the convolution it holds the word vectors and the kernel, a
fraction of the size of the table that the engine makes of them.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import BundleError
from models.graphs.builder import Graph, order_gates, serialize_graph
from models.graphs.engine_interface import SAME_SCORE
from models.graphs.session import open_graph
from models.training.kind_of_model import Variant
from models.wide_lstm.engine import CONSTANTS, CONVOLUTION, load_wide_lstm_engine, score_frame
from models.wide_lstm.layers import (
    BELOW_EVERY_VALUE,
    LSTM_LOGIT,
    NGRAM_LOGITS,
    READER,
    SCORE,
    VECTOR_READER,
    VECTORS,
    build_wide_lstm,
)

if TYPE_CHECKING:
    import keras

_SIZES = {
    "input_dim",
    "output_dim",
    "filters",
    "kernel_size",
    "units",
    "pool_size",
    "ngrams",
    "vocabulary_size",
}
_SHAPES = {"batch_shape", "input_shape", "newshape", "build_config"}
_MAY_DIFFER = _SIZES | _SHAPES | {"name", "rate", "seed"}
"""Keys of a layer's configuration that may differ: names, sizes, and options without effect when a model scores."""
_TRIAL_ROWS = 32
"""Random reviews on which the graph must give the scores of the Keras model."""


def export_windows(model: "keras.Model") -> bytes | None:
    """Export a wide LSTM as an ONNX graph; return None for any other model, or for one with other layers.

    The graph maps ids [w, words], a whole number of steps, the convolution's highest outputs of each step, `pooled`
    [steps, w, channels], and the states h and c [2, w, units], forwards and backwards, to the highest and the summed
    values [w, 2 units], the steps [w] and the states after them. It is also None where it does not give the scores of
    the Keras model on random reviews.
    """
    if {READER, LSTM_LOGIT, *NGRAM_LOGITS, SCORE} - {layer.name for layer in model.layers}:
        return None
    if not _has_known_layers(model):
        return None
    try:
        content = _serialize_windows(model)
    except ValueError:  # an inner layer has another name
        return None
    return content if _gives_same_scores(model, content) else None


def _has_known_layers(model: "keras.Model") -> bool:
    """Return whether a model has the same layers as one that `build_wide_lstm` builds, whatever their sizes."""
    known_types, known_parts = _describe_known_layers()
    given = sorted(_list_model_parts(model), key=_name_part_type)
    if [type(part) for part in given] != known_types:
        return False  # a class derived from a layer may do anything
    return sorted(map(_describe_part, given)) == known_parts


@cache
def _describe_known_layers() -> tuple[list[type[Any]], list[str]]:
    """Return the types and the descriptions of all parts of a model that `build_wide_lstm` builds."""
    known = sorted(_list_model_parts(_build_smallest()), key=_name_part_type)
    return [type(part) for part in known], sorted(map(_describe_part, known))


def _build_smallest() -> "keras.Model":
    variant = Variant(
        "smallest",
        "one unit of everything",
        build_wide_lstm,
        vocabulary_size=2,
        sequence_length=1,
        embedding_size=1,
        lstm_units=1,
        filters=1,
        kernel_size=1,
        pool_size=1,
        window=1,
    )
    return build_wide_lstm(variant)


def _list_model_parts(part: Any) -> Iterator[Any]:
    """Yield a model, its layers and operations, and recursively those of the models in it."""
    yield part
    for inner in getattr(part, "operations", None) or getattr(part, "layers", []):
        yield from _list_model_parts(inner)


def _name_part_type(part: Any) -> str:
    """Return the name of the class of a model's part, to be compared before export."""
    return f"{type(part).__module__}.{type(part).__qualname__}"


def _describe_part(part: Any) -> str:
    """Return a part's type and configuration, without its sizes; for a model the type alone, since its parts follow."""
    import keras

    config = {} if isinstance(part, keras.Model) else _drop_varying_options(part.get_config())
    return _name_part_type(part) + json.dumps(config, sort_keys=True, default=str)


def _drop_varying_options(config: Any) -> Any:
    """Return a configuration in a wide LSTM without what may differ; strides equal to the pool size are a size too."""
    if not isinstance(config, dict):
        return config
    skipped = {key for key in config if key in _MAY_DIFFER or key.endswith("_initializer")}
    if config.get("strides") == config.get("pool_size"):
        skipped.add("strides")
    return {
        key: value if key == "dtype" else _drop_varying_options(value)
        for key, value in config.items()
        if key not in skipped
    }


def _gives_same_scores(model: "keras.Model", content: bytes) -> bool:
    """Return whether the exported graph gives the scores of the Keras model on a few random reviews."""
    try:
        engine = load_wide_lstm_engine(open_graph(content))
    except BundleError:
        return False
    if engine is None:
        return False
    generator = np.random.default_rng(0)
    length = model.input_shape[1]
    frame = generator.integers(0, engine.vocabulary_size, (_TRIAL_ROWS, length), dtype=np.int32)
    words = np.linspace(0, length, _TRIAL_ROWS).astype(int)
    frame[np.arange(length)[None] < length - words[:, None]] = 0
    expected = np.asarray(model(frame, training=False))[:, 0]
    # One by one, so that each is scored without its own padding.
    scores = np.concatenate([score_frame(engine, row[None]) for row in frame])
    return bool(np.abs(scores - expected).max() < SAME_SCORE)


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
    """Return the weights of what is computed outside of the graph, by the names of `CONSTANTS` and `CONVOLUTION`."""
    (numbers, *_), *parts = zip(*(model.get_layer(name).get_weights() for name in NGRAM_LOGITS), strict=True)
    ratio, weight, ngram_bias = (np.stack(part, axis=-1) for part in parts)
    kernel, head_bias = model.get_layer(LSTM_LOGIT).get_layer("dense").get_weights()
    blend, bias = model.get_layer(SCORE).get_weights()
    head, biases = kernel[:, 0], np.concatenate([head_bias, ngram_bias[0], bias])
    constants = zip(CONSTANTS, (numbers, ratio, weight, head, blend[:, 0], biases), strict=True)
    reader = model.get_layer(READER)
    vectors = reader.get_layer(VECTORS).get_weights()
    layer = reader.get_layer(VECTOR_READER).get_layer("convolution")
    return {**dict(constants), **dict(zip(CONVOLUTION, (*vectors, *layer.get_weights()), strict=True))}


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
