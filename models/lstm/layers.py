"""Builds the Keras models of the seed variants, as `docs/design.md` specifies them. Needs Keras."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from models.training.kind_of_model import Variant


def build_lstm(variant: "Variant") -> "keras.Model":
    """Build the compiled model: embedding, LSTM, dense layer."""
    from keras import layers

    return _compile(
        variant,
        [
            layers.Embedding(variant.vocabulary_size, variant.embedding_size),
            layers.LSTM(variant.lstm_units),
            layers.Dense(1, activation="sigmoid"),
        ],
    )


def build_lstm_dropout(variant: "Variant") -> "keras.Model":
    """Build the compiled model of `build_lstm` with a layer of dropout before and after that of the LSTM."""
    from keras import layers

    return _compile(
        variant,
        [
            layers.Embedding(variant.vocabulary_size, variant.embedding_size),
            layers.Dropout(variant.dropout),
            layers.LSTM(variant.lstm_units),
            layers.Dropout(variant.dropout),
            layers.Dense(1, activation="sigmoid"),
        ],
    )


def build_cnn_lstm(variant: "Variant") -> "keras.Model":
    """Build the compiled model: embedding, convolution, pooling, LSTM, dense layer."""
    from keras import layers

    return _compile(
        variant,
        [
            layers.Embedding(variant.vocabulary_size, variant.embedding_size),
            layers.Conv1D(variant.filters, variant.kernel_size, padding="same", activation="relu"),
            layers.MaxPooling1D(variant.pool_size),
            layers.LSTM(variant.lstm_units),
            layers.Dense(1, activation="sigmoid"),
        ],
    )


def _compile(variant: "Variant", layers: list[Any]) -> "keras.Model":
    """Return the compiled model of these layers."""
    import keras

    words = keras.Input((variant.sequence_length,), dtype="int32", name="word_ids")
    model = keras.Sequential([words, *layers], name=variant.name)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model
