"""A toy kind of model, to be copied for another one: the mean of a review's word vectors, then a dense layer."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.graphs.batches import compute_in_batches
from models.graphs.builder import Graph, serialize_graph
from models.graphs.session import OpenGraph, refuse_unusable_graph
from models.tokenizer import EncodedReviews
from models.training.kind_of_model import Kind, Variant


@dataclass(frozen=True)
class BagVariant(Variant):
    """A variant with a hyper-parameter of its own."""

    width: int = 4
    """Values in the vector of a word."""


@cache
def make_mean_layer() -> type[Any]:
    """Return the layer class that computes the mean of the word vectors, registered with Keras."""
    import keras

    @keras.saving.register_keras_serializable("tests")
    class WordMean(keras.layers.Layer):  # type: ignore[misc]
        def call(self, vectors: Any) -> Any:
            return keras.ops.mean(vectors, axis=1)

    return WordMean


def build_bag(variant: BagVariant) -> Any:
    """Build the compiled, untrained model."""
    import keras

    words = keras.Input((variant.sequence_length,), dtype="int32")
    vectors = keras.layers.Embedding(variant.vocabulary_size, variant.width)
    model = keras.Sequential([words, vectors, make_mean_layer()(), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def export_bag(model: Any) -> bytes | None:
    """Return the model as an ONNX graph; None for a model of other layers."""
    from onnx import TensorProto, helper

    if [type(layer).__name__ for layer in model.layers] != ["Embedding", "WordMean", "Dense"]:
        return None
    table, kernel, bias = model.get_weights()
    graph = Graph()
    vectors = graph.add("Gather", graph.keep(table), "ids")
    mean = graph.add("ReduceMean", vectors, axes=[1], keepdims=0)
    logit = graph.add("Gemm", mean, graph.keep(kernel), graph.keep(bias))
    graph.add("Sigmoid", logit, outputs=["score"])
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT32, ["n", "time"])]
    outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])]
    return serialize_graph(graph, inputs, outputs, {"words_in_bag": int(model.input_shape[1])})


@dataclass(frozen=True)
class BagEngine:
    """A graph that is ready to run."""

    session: Any
    sequence_length: int

    def score(self, encoded: EncodedReviews) -> NDArray[np.float64]:
        """Score n encoded reviews; see `models.graphs.engine_interface.Engine.score`."""
        return compute_in_batches(encoded, self.sequence_length, 1, self._score_batch)[:, 0]

    def _score_batch(self, ids: NDArray[np.int32], words: NDArray[np.int64]) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = self.session.run(["score"], {"ids": ids})[0]
        return scores


def load_bag_engine(opened: OpenGraph) -> BagEngine | None:
    """Load the engine of a graph that `export_bag` made; None for a graph of another kind."""
    if "words_in_bag" not in opened.geometry:
        return None
    with refuse_unusable_graph(opened.name):
        return BagEngine(opened.session, int(opened.geometry["words_in_bag"]))


BAG = Kind(
    variants=(BagVariant("bag", "mean of the words' vectors, Dense", build_bag, width=8),),
    export=export_bag,
    load_engine=load_bag_engine,
    make_layers=lambda: (make_mean_layer(),),
)
