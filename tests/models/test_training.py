"""Tests that training is deterministic, reports its epochs correctly, and learns."""

import numpy as np
import pytest

from benchmarks import plain_keras
from models.evaluation.metrics import evaluate_scores
from models.training.fit import train_variant
from models.training.types import LabelledReviews, TrainedModel
from models.variants import find_variant
from tests.support.small_models import give_reviews, make_reviews, make_small_variant

pytestmark = pytest.mark.training


def train_small(seed: int = 0, epochs: int = 2, **options: object) -> TrainedModel:
    reviews = give_reviews(make_reviews(200), make_reviews(50, seed=1))
    return train_variant(make_small_variant(), reviews, seed=seed, epochs=epochs, **options)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = (train_small().model.get_weights() for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_another_seed_gives_other_weights() -> None:
    first, second = (train_small(seed).model.get_weights()[0] for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_the_epoch_with_the_lowest_validation_loss_is_kept() -> None:
    trained = train_small(epochs=4)
    losses = [epoch.validation_loss for epoch in trained.history]
    assert trained.kept_epoch == 1 + losses.index(min(losses))
    validation = make_reviews(50, seed=1)
    scores = trained.model.predict(validation.ids, verbose=0)[:, 0]
    found = evaluate_scores(scores, validation.positive == 1).log_loss
    assert np.isclose(found, min(losses), atol=1e-5)


def test_training_learns_a_word_that_decides() -> None:
    assert train_small(epochs=60).history[-1].validation_accuracy > 0.9


def test_progress_adds_up_to_the_rows_of_all_epochs() -> None:
    told: list[int] = []
    train_small(epochs=3, report=told.append)
    assert sum(told) == 3 * 200


@pytest.mark.parametrize("name", plain_keras.SEED_VARIANTS)
def test_a_seed_variant_gets_the_weights_that_plain_keras_code_gives(name: str) -> None:
    random = np.random.default_rng(0)
    ids = random.integers(0, 5000, (70, 500)).astype(np.int32)
    for row in ids:
        row[: random.integers(0, 500)] = 0
    rows = LabelledReviews(ids, (ids[:, -1] % 2).astype(np.float32))
    ours = train_variant(find_variant(name), give_reviews(rows, rows), seed=5, epochs=1).model
    import keras

    keras.utils.set_random_seed(5)
    plain = plain_keras.build(name)
    plain.fit(rows.ids, rows.positive, batch_size=64, epochs=1, verbose=0)
    pairs = zip(ours.get_weights(), plain.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
