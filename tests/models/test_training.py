"""Training: repeatable, honest about its epochs, and able to learn."""

import numpy as np

from models.evaluation.metrics import evaluate_scores
from models.training.fit import TrainedModel, train_variant
from tests.models.small import make_reviews, make_small_variant


def train_small(seed: int = 0, epochs: int = 2, **options: object) -> TrainedModel:
    train, validation = make_reviews(200), make_reviews(50, seed=1)
    return train_variant(make_small_variant(), train, validation, seed=seed, epochs=epochs, **options)  # type: ignore[arg-type]


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
