"""The fast steps learn what Keras's own steps learn from the same batches, whatever the layers and the lengths."""

from typing import Any

import keras
import numpy as np
import pytest

from models.fast_training import speed_up_fit
from models.training import LabelledReviews
from models.variants import Variant, find_variant

LENGTH, KNOWN_WORDS = 40, 20
TOLERANCE = 1e-5
"""Largest distance between the weights, as a share of the way that they went."""


def shrink(name: str, **changes: int) -> Variant:
    small = {"vocabulary_size": KNOWN_WORDS, "sequence_length": LENGTH, "embedding_size": 4, "lstm_units": 6}
    return Variant(**{**vars(find_variant(name)), **small, "batch_size": 32, **changes})


def make_reviews(rows: int = 150, shortest: int = 0, longest: int = LENGTH) -> LabelledReviews:
    random = np.random.default_rng(0)
    ids = random.integers(0, KNOWN_WORDS, (rows, LENGTH)).astype(np.int32)
    counts = random.integers(shortest, longest + 1, (rows, 1))
    ids[np.arange(LENGTH) < LENGTH - counts] = 0
    return LabelledReviews(ids, (random.random(rows) < 0.5).astype(np.float32))


def build(variant: Variant) -> Any:
    keras.utils.set_random_seed(3)
    return variant.build(variant)


def fit(model: Any, variant: Variant, reviews: LabelledReviews, epochs: int = 1) -> dict[str, list[float]]:
    keras.utils.set_random_seed(4)
    found: dict[str, list[float]] = model.fit(
        reviews.ids, reviews.positive, batch_size=variant.batch_size, epochs=epochs, verbose=0
    ).history
    return found


def fit_fast(
    variant: Variant, reviews: LabelledReviews, epochs: int = 1
) -> tuple[Any, dict[str, list[float]]]:
    model = build(variant)
    with speed_up_fit(model, pool_rows=8, chunk_steps=8) as is_fast:
        assert is_fast
        return model, fit(model, variant, reviews, epochs)


def list_distances(variant: Variant, reviews: LabelledReviews) -> list[float]:
    """Give the distance of the fast weights from the stock ones, by variable, over the way of the stock ones."""
    stock = build(variant)
    before = stock.get_weights()
    fit(stock, variant, reviews)
    fast, _ = fit_fast(variant, reviews)
    triples = zip(before, stock.get_weights(), fast.get_weights(), strict=True)
    return [float(np.linalg.norm(new - old) / np.linalg.norm(old - first)) for first, old, new in triples]


@pytest.mark.parametrize(
    "changes", [{}, {"kernel_size": 4}, {"pool_size": 3}, {"kernel_size": 5, "pool_size": 4}]
)
def test_convolutions_learn_what_keras_learns(changes: dict[str, int]) -> None:
    assert max(list_distances(shrink("cnn_lstm", filters=5, **changes), make_reviews())) < TOLERANCE


@pytest.mark.parametrize(("shortest", "longest"), [(0, LENGTH), (0, 3), (LENGTH, LENGTH), (0, 0)])
def test_reviews_of_any_length_teach_what_keras_learns(shortest: int, longest: int) -> None:
    reviews = make_reviews(70, shortest, longest)
    assert max(list_distances(shrink("lstm"), reviews)) < TOLERANCE


def test_the_same_seed_gives_the_same_bits() -> None:
    variant, reviews = shrink("cnn_lstm", filters=5), make_reviews()
    first, second = (fit_fast(variant, reviews, epochs=2)[0].get_weights() for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_loss_and_accuracy_are_those_of_keras() -> None:
    variant, reviews = shrink("lstm"), make_reviews()
    stock = fit(build(variant), variant, reviews, epochs=2)
    _, fast = fit_fast(variant, reviews, epochs=2)
    assert fast.keys() == stock.keys()
    assert all(np.allclose(fast[name], stock[name], atol=1e-6) for name in stock)


def test_after_the_block_keras_takes_its_own_steps_again() -> None:
    variant, reviews = shrink("lstm"), make_reviews(40)
    model, _ = fit_fast(variant, reviews)
    assert model.train_function is None
    fit(model, variant, reviews)


def list_other_models() -> list[Any]:
    layers = keras.layers
    start = [keras.Input((LENGTH,), dtype="int32"), layers.Embedding(KNOWN_WORDS, 4)]
    end = layers.Dense(1, activation="sigmoid")
    middles: list[list[Any]] = [
        [layers.Dropout(0.2), layers.LSTM(3)],
        [layers.LSTM(3, dropout=0.1)],
        [layers.LSTM(3, recurrent_dropout=0.1)],
        [layers.Bidirectional(layers.LSTM(3))],
        [layers.GRU(3)],
        [layers.LSTM(3, return_sequences=True), layers.LSTM(3)],
        [layers.LSTM(3, kernel_regularizer="l2")],
        [layers.LSTM(3), layers.BatchNormalization()],
    ]
    return [keras.Sequential([*start, *middle, end]) for middle in middles]


def test_other_layers_are_left_to_keras() -> None:
    for model in list_other_models():
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        with speed_up_fit(model) as is_fast:
            assert not is_fast
        assert model.train_function is None


@pytest.mark.parametrize(
    "options",
    [{"optimizer": "sgd"}, {"loss": "mse"}, {"steps_per_execution": 2}, {"run_eagerly": True}],
)
def test_other_ways_to_learn_are_left_to_keras(options: dict[str, Any]) -> None:
    model = build(shrink("lstm"))
    model.compile(**{"optimizer": "adam", "loss": "binary_crossentropy", **options})
    with speed_up_fit(model) as is_fast:
        assert not is_fast


def test_a_frozen_layer_is_left_to_keras() -> None:
    model = build(shrink("lstm"))
    model.layers[0].trainable = False
    model.compile("adam", "binary_crossentropy")
    with speed_up_fit(model) as is_fast:
        assert not is_fast
