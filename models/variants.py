"""The table of variants: what each model is made of. Add a variant here and every command knows it.

The three seed variants are fixed by `docs/design.md` and stay as they are. Keras is imported inside the
builders, so that listing the variants costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.errors import UsageError
from models.tokenizer import SEQUENCE_LENGTH, VOCABULARY_SIZE

if TYPE_CHECKING:
    import keras

    from models.training.fit import TrainedModel


@dataclass(frozen=True)
class Variant:
    """One architecture and how it is trained."""

    name: str
    summary: str
    build: Callable[["Variant"], "keras.Model"]
    """Gives a compiled model: int32 ids [n, sequence_length] to P(positive) [n, 1]."""
    recipe: Callable[..., "TrainedModel"] | None = None
    """Trains it as `models.wide_lstm.recipe.train_wide_lstm` does; None where Keras's `fit` does."""
    reads_unlabelled: bool = False
    """Whether reviews without a label are read too, for the vocabulary and by the recipe."""
    vocabulary_size: int = VOCABULARY_SIZE
    sequence_length: int = SEQUENCE_LENGTH
    embedding_size: int = 32
    lstm_units: int = 100
    dropout: float = 0.0
    filters: int = 0
    kernel_size: int = 0
    pool_size: int = 0
    epochs: int = 2
    batch_size: int = 64
    head_dropout: float = 0.0
    window: int = 0
    """Words that are read at a time; 0 where the whole sequence is read at once."""

    def hyper_parameters(self) -> dict[str, Any]:
        """Give the numbers that define the variant, for its bundle."""
        skipped = {"name", "summary", "build", "recipe"}
        return {key: value for key, value in vars(self).items() if key not in skipped}


def _compile(variant: Variant, layers: list[Any]) -> "keras.Model":
    import keras

    words = keras.Input((variant.sequence_length,), dtype="int32", name="word_ids")
    model = keras.Sequential([words, *layers], name=variant.name)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def _build_lstm(variant: Variant) -> "keras.Model":
    from keras import layers

    return _compile(
        variant,
        [
            layers.Embedding(variant.vocabulary_size, variant.embedding_size),
            layers.LSTM(variant.lstm_units),
            layers.Dense(1, activation="sigmoid"),
        ],
    )


def _build_lstm_dropout(variant: Variant) -> "keras.Model":
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


def _build_cnn_lstm(variant: Variant) -> "keras.Model":
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


def _build_wide_lstm(variant: Variant) -> "keras.Model":
    from models.wide_lstm.layers import build_wide_lstm

    return build_wide_lstm(variant)


def _train_wide_lstm(*arguments: Any, **options: Any) -> "TrainedModel":
    from models.wide_lstm.recipe import train_wide_lstm

    return train_wide_lstm(*arguments, **options)


DEFAULT_VARIANT = "wide_lstm"

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("lstm", "Embedding, LSTM, Dense", _build_lstm),
        Variant(
            "lstm_dropout",
            "the same, with dropout before and after the LSTM",
            _build_lstm_dropout,
            dropout=0.2,
        ),
        Variant(
            "cnn_lstm",
            "Embedding, convolution, pooling, LSTM, Dense",
            _build_cnn_lstm,
            filters=32,
            kernel_size=3,
            pool_size=2,
        ),
        Variant(
            "wide_lstm",
            "convolution and bidirectional LSTM over windows of words, beside n-grams",
            _build_wide_lstm,
            _train_wide_lstm,
            reads_unlabelled=True,
            vocabulary_size=30_000,
            sequence_length=1024,
            embedding_size=200,
            lstm_units=96,
            dropout=0.3,
            filters=160,
            kernel_size=5,
            pool_size=4,
            head_dropout=0.5,
            window=64,
            epochs=3,
            batch_size=32,
        ),
    )
}


def find_variant(name: str) -> Variant:
    """Look a variant up by name; an unknown name is a `UsageError` that lists the known ones."""
    try:
        return VARIANTS[name]
    except KeyError:
        raise UsageError(f"There is no variant {name!r}. Choose one of: {', '.join(VARIANTS)}.") from None
