"""Tests that training is deterministic, reports its epochs correctly, and learns."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import plain_keras
from models.evaluation.metrics import evaluate_scores
from models.training.fit import train_variant
from models.training.types import LabelledReviews, TrainedModel
from models.variants import find_variant
from tests.support.small_models import give_reviews, make_reviews, make_small_variant

pytestmark = pytest.mark.training


ROWS, EPOCHS = 200, 4
VALIDATION = make_reviews(50, seed=1)


def train_small(seed: int = 0, report: Callable[[int], None] = lambda rows: None) -> TrainedModel:
    reviews = give_reviews(make_reviews(ROWS), VALIDATION)
    return train_variant(make_small_variant(), reviews, seed=seed, epochs=EPOCHS, report=report)


@pytest.fixture(scope="module")
def told() -> list[int]:
    """The rows that were reported while `trained` was trained."""
    return []


@pytest.fixture(scope="module")
def trained(told: list[int]) -> TrainedModel:
    return train_small(report=told.append)


def test_the_same_seed_gives_the_same_weights(trained: TrainedModel) -> None:
    first, second = (each.model.get_weights() for each in (trained, train_small()))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_another_seed_gives_other_weights(trained: TrainedModel) -> None:
    first, second = (each.model.get_weights()[0] for each in (trained, train_small(seed=1)))
    assert not np.array_equal(first, second)


def test_the_epoch_with_the_lowest_validation_loss_is_kept(trained: TrainedModel) -> None:
    losses = [epoch.validation_loss for epoch in trained.history]
    assert len(losses) == EPOCHS
    assert trained.kept_epoch == 1 + losses.index(min(losses))
    scores = trained.model.predict(VALIDATION.ids, verbose=0)[:, 0]
    found = evaluate_scores(scores, VALIDATION.positive == 1).log_loss
    assert np.isclose(found, min(losses), atol=1e-5)


def test_training_learns_a_word_that_decides() -> None:
    # wider, so that it learns in fewer steps
    variant = replace(make_small_variant(), embedding_size=32, filters=16, lstm_units=16, batch_size=8)
    reviews = give_reviews(make_reviews(400), VALIDATION)
    assert train_variant(variant, reviews, seed=0, epochs=3).history[-1].validation_accuracy > 0.9


def test_progress_adds_up_to_the_rows_of_all_epochs(trained: TrainedModel, told: list[int]) -> None:
    assert sum(told) == EPOCHS * ROWS


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
