"""The wide LSTM as a Keras model: a convolution and a bidirectional LSTM over windows of words, beside n-grams.

The LSTM branch reads each window of a review on its own and pools its outputs into one logit: the highest and the mean
value of every unit, over all steps and over the steps of the last window, since reviews tend to end with their verdict.
For the same reason each of the two weightings of the n-grams gives two logits: one of the whole review, and one of its
last window. The score is a logistic function of the five logits. Needs Keras.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.wide_lstm.ngrams import LONGEST, NgramModel

if TYPE_CHECKING:
    import keras

    from models.training.kind_of_model import Variant

READER, LSTM_LOGIT, SCORE = "reader", "lstm_logit", "score"
"""Names of the model's layers; saved models contain them."""
NGRAM_LOGITS = ("ngram_logit", "vector_logit")
"""Likewise, of the layers of the two weightings: as fitted to labels, and by vectors that are learnt without labels."""
VECTORS, VECTOR_READER = "vectors", "vector_reader"
"""Names of the reader's layers; saved models contain them."""
BELOW_EVERY_VALUE = 9.0
"""Subtracted from steps without a known word, so that none is the highest: an LSTM's values lie in -1 to 1."""
NO_NGRAMS = NgramModel(
    np.zeros(1, np.int64), np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32), np.zeros(2)
)
"""A model without n-grams. It holds the number 0, which no n-gram has, since Keras can't search an empty table."""


@dataclass(frozen=True)
class Blend:
    """Weights and bias of the last layer, which blends the logits into the logit of the score."""

    lstm: float = 1.0
    whole: tuple[float, float] = (1.0, 0.0)
    """Of the logits that the n-grams of the whole review have, by both weightings."""
    ending: tuple[float, float] = (0.0, 0.0)
    """Of the logits that the n-grams of the last window have."""
    bias: float = 0.0


def build_wide_lstm(variant: "Variant") -> "keras.Model":
    """Build the untrained model, for `Variant.build`; it knows no n-gram yet."""
    vectors = np.zeros((variant.vocabulary_size, variant.embedding_size), np.float32)
    return join_branches(
        variant, build_reader(variant, vectors), build_lstm_head(variant), NO_NGRAMS, Blend()
    )


def build_reader(variant: "Variant", vectors: NDArray[np.float32]) -> "keras.Model":
    """Build the reader of windows: int32 ids [w, window] to highest and summed values [w, 2 units] and steps [w, 1].

    Highest and sum are over the steps that read a known word; the third output counts these steps. `vectors`
    [vocabulary_size, embedding_size] are the initial word vectors.
    """
    import keras
    from keras import layers

    ids = keras.Input((variant.window,), dtype="int32", name="window_ids")
    # Set after building: `model.keras` would also keep an initializer, with every number, in its configuration.
    table = layers.Embedding(*vectors.shape, embeddings_initializer="zeros", name=VECTORS)
    reader = keras.Model(ids, build_vector_reader(variant)([ids, table(ids)]), name=READER)
    table.set_weights([vectors])
    return reader


def build_vector_reader(variant: "Variant") -> "keras.Model":
    """Build the reader without its embedding: it takes ids and their vectors, and has the outputs of `build_reader`.

    Ids are [w, window], vectors [w, window, embedding_size]; an id above 0 is a known word.
    """
    import keras
    from keras import layers, ops

    ids = keras.Input((variant.window,), dtype="int32", name="ids")
    vectors = keras.Input((variant.window, variant.embedding_size), name="vectors_of_ids")
    known = ops.expand_dims(ops.cast(ops.greater(ids, 0), "float32"), -1)
    words = layers.SpatialDropout1D(variant.dropout)(vectors * known)
    seen = layers.Conv1D(
        variant.filters, variant.kernel_size, padding="same", activation="relu", name="convolution"
    )(words)
    pooled = layers.MaxPooling1D(variant.pool_size)(seen)
    step_known = layers.MaxPooling1D(variant.pool_size)(known)
    lstm = layers.LSTM(variant.lstm_units, return_sequences=True)
    values = layers.Bidirectional(lstm, name="lstm")(pooled)
    highest = ops.max(values - (1.0 - step_known) * BELOW_EVERY_VALUE, axis=1)
    total = ops.sum(values * step_known, axis=1)
    return keras.Model([ids, vectors], [highest, total, ops.sum(step_known, axis=1)], name=VECTOR_READER)


def build_lstm_head(variant: "Variant") -> "keras.Model":
    """Build the head, dropout and a dense layer: pooled values [n, 8 units] to a logit [n, 1]."""
    import keras
    from keras import layers

    dropout, dense = layers.Dropout(variant.head_dropout), layers.Dense(1, name="dense")
    return keras.Sequential([keras.Input((8 * variant.lstm_units,)), dropout, dense], name=LSTM_LOGIT)


def join_branches(
    variant: "Variant", reader: "keras.Model", head: "keras.Model", ngrams: NgramModel, blend: Blend
) -> "keras.Model":
    """Build the whole model: int32 ids [n, sequence_length], padded in front, to P(positive) [n, 1].

    Raises `ValueError` unless the window divides the sequence length and the pool size divides the window.
    """
    import keras
    from keras import layers, ops

    if variant.sequence_length % variant.window or variant.window % variant.pool_size:
        raise ValueError(
            f"{variant.name}: {variant.sequence_length} words can't be cut into windows of {variant.window}, "
            f"and these into steps of {variant.pool_size}, without a remainder"
        )
    if not len(ngrams.numbers):
        ngrams = replace(NO_NGRAMS, bias=ngrams.bias)
    ids = keras.Input((variant.sequence_length,), dtype="int32", name="word_ids")
    count = variant.sequence_length // variant.window
    parts = reader(ops.reshape(ids, (-1, variant.window)))
    highest, total, steps = (ops.reshape(part, (-1, count, part.shape[-1])) for part in parts)
    pooled = [
        *pool_values(ops.max(highest, axis=1), ops.sum(total, axis=1), ops.sum(steps, axis=1)),
        *pool_values(highest[:, -1], total[:, -1], steps[:, -1]),
    ]
    sizes = len(ngrams.numbers), variant.vocabulary_size
    weightings = [make_ngram_layer()(*sizes, name=name) for name in NGRAM_LOGITS]
    wide = [weighting(view) for view in (ids, ids[:, -variant.window :]) for weighting in weightings]
    logits = ops.concatenate([head(ops.concatenate(pooled, axis=-1)), *wide], axis=-1)
    score = layers.Dense(1, activation="sigmoid", name=SCORE)
    model = keras.Model(ids, score(logits), name=variant.name)
    for each, *values in zip(weightings, ngrams.ratio.T, ngrams.weight.T, ngrams.bias[:, None], strict=True):
        each.set_weights([ngrams.numbers, *values])
    weights = np.array([blend.lstm, *blend.whole, *blend.ending])
    score.set_weights([weights[:, None], np.array([blend.bias])])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def pool_values(highest: Any, total: Any, steps: Any) -> tuple[Any, Any]:
    """Return the highest and mean values as Keras layers compute them; 0 where no step reads a known word."""
    from keras import ops

    return ops.where(ops.greater(steps, 0), highest, 0.0), total / ops.maximum(steps, 1.0)


@cache
def make_ngram_layer() -> type[Any]:
    """Return the Keras layer class of one weighting of n-grams, registered with Keras under its own name.

    It computes what `models.wide_lstm.ngrams.compute_ngram_logits` does.
    """
    import keras
    from keras import ops

    @keras.saving.register_keras_serializable("review_ratings")
    class NgramLogit(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, ngrams: int, vocabulary_size: int, **options: Any) -> None:
            super().__init__(**options)
            self.ngrams, self.vocabulary_size = ngrams, vocabulary_size

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "ngrams": self.ngrams, "vocabulary_size": self.vocabulary_size}

        def build(self, input_shape: Any) -> None:
            shapes = {"numbers": "int64", "ratio": "float32", "weight": "float32"}
            for name, dtype in shapes.items():
                weights = self.add_weight((self.ngrams,), "zeros", dtype, trainable=False, name=name)
                setattr(self, name, weights)
            self.bias = self.add_weight((1,), "zeros", "float32", trainable=False, name="bias")

        def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
            # Keras would run `call` on symbolic ids to find this out, which takes half of the time of building.
            return (input_shape[0], 1)

        def call(self, ids: Any) -> Any:
            ordered = ops.sort(self.number_ngrams(ops.cast(ids, "int64")), axis=-1)
            repeated = ops.equal(ordered[:, 1:], ordered[:, :-1])
            first = ops.logical_not(ops.pad(repeated, ((0, 0), (1, 0))))
            flat = ops.searchsorted(self.numbers, ops.reshape(ordered, (-1,)))
            place = ops.minimum(ops.reshape(flat, ops.shape(ordered)), self.ngrams - 1)
            counts = ops.equal(ops.take(self.numbers, place), ordered) & first & ops.greater(ordered, 0)
            ratio = ops.take(self.ratio, place) * ops.cast(counts, "float32")
            norm = ops.sqrt(ops.sum(ratio * ratio, axis=-1, keepdims=True))
            total = ops.sum(ratio * ops.take(self.weight, place), axis=-1, keepdims=True)
            return total / ops.where(ops.greater(norm, 0), norm, 1.0) + self.bias

        def number_ngrams(self, words: Any) -> Any:
            numbers = [words]
            for size in range(2, LONGEST + 1):
                shorter, last = numbers[-1][:, :-1], words[:, size - 1 :]
                shorter = shorter[:, : last.shape[1]]
                is_known = ops.greater(shorter, 0) & ops.greater(last, 0)
                numbers.append(ops.where(is_known, shorter * self.vocabulary_size + last, 0))
            return ops.concatenate(numbers, axis=-1)

    return NgramLogit
