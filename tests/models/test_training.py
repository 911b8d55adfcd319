"""Tests that training does what plain Keras code does with the same seed, reports its epochs correctly, and learns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import plain_keras
from models.evaluation.metrics import evaluate_scores
from models.training.fit import train_variant
from models.training.journal import Journal
from models.training.reviews import LabelledReviews
from models.training.trained_model import TrainedModel
from models.variants import find_variant
from tests.support.quick_graphs import skip_graph_optimizers
from tests.support.small_models import give_reviews, make_reviews, make_small_variant

pytestmark = pytest.mark.training


ROWS, EPOCHS = 400, 3
VALIDATION = make_reviews(50, seed=1)
WITH_CHANCE, SEED = "lstm_dropout", 5
"""The seed variant that draws numbers in each step too, and the seed of the trainings that are compared."""


@pytest.fixture(scope="module", autouse=True)
def quick_graphs() -> None:
    skip_graph_optimizers()


def train_small(journal: Journal) -> TrainedModel:
    # wider, so that it learns in fewer steps
    variant = replace(make_small_variant(), embedding_size=32, filters=16, lstm_units=16, batch_size=8)
    reviews = give_reviews(make_reviews(ROWS), VALIDATION)
    return train_variant(variant, reviews, seed=0, epochs=EPOCHS, journal=journal)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the checkpoints of `trained`."""
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def trained(checkpoints: Path) -> TrainedModel:
    return train_small(journal=Journal(folder=checkpoints))


def test_the_epoch_with_the_lowest_validation_loss_is_kept(trained: TrainedModel) -> None:
    losses = [epoch.validation_loss for epoch in trained.history]
    assert len(losses) == EPOCHS
    assert trained.kept_epoch == 1 + losses.index(min(losses))
    scores = np.asarray(trained.model(VALIDATION.ids))[:, 0]
    found = evaluate_scores(scores, VALIDATION.positive == 1).log_loss
    assert np.isclose(found, min(losses), atol=1e-5)


def test_training_learns_a_word_that_decides(trained: TrainedModel) -> None:
    assert trained.history[-1].validation_accuracy > 0.9


def test_a_training_that_was_stopped_after_an_epoch_goes_on_to_the_same_weights(
    trained: TrainedModel, checkpoints: Path
) -> None:
    max(checkpoints.iterdir()).unlink()
    places: list[str] = []
    rows: list[int] = []
    again = train_small(
        journal=Journal(rows.append, checkpoints, go_on=lambda place, _: places.append(place))
    )
    assert list_equal(trained.model, again.model)
    assert (again.history, again.kept_epoch) == (trained.history, trained.kept_epoch)
    assert (places, rows[0], sum(rows)) == (["epoch 3 of 3"], 2 * ROWS, EPOCHS * ROWS)


@pytest.mark.parametrize("name", plain_keras.SEED_VARIANTS)
def test_a_seed_variant_starts_as_the_model_of_plain_keras_code(name: str) -> None:
    ours, plain = (
        build_seeded(build) for build in (lambda: build_variant(name), lambda: plain_keras.build(name))
    )
    assert list_equal(ours, plain)
    assert [describe(layer) for layer in ours.layers] == [describe(layer) for layer in plain.layers]
    assert ours.loss == plain.loss
    assert describe(ours.optimizer) == describe(plain.optimizer)


def test_a_variant_gets_the_weights_that_plain_keras_code_gives_with_the_same_seed() -> None:
    random = np.random.default_rng(0)
    ids = random.integers(0, 5000, (70, 500)).astype(np.int32)
    for row in ids:
        row[: random.integers(0, 500)] = 0
    rows = LabelledReviews(ids, (ids[:, -1] % 2).astype(np.float32))
    few = LabelledReviews(rows.ids[:1], rows.positive[:1])
    ours = train_variant(find_variant(WITH_CHANCE), give_reviews(rows, few), seed=SEED, epochs=1).model
    plain = build_seeded(lambda: plain_keras.build(WITH_CHANCE))
    started = plain.get_weights()
    plain.fit(rows.ids, rows.positive, batch_size=64, epochs=1, verbose=0)
    assert list_equal(ours, plain)
    assert not np.array_equal(started[0], plain.get_weights()[0])


def describe(made: Any) -> dict[str, Any]:
    """Return what a layer or an optimizer is made with, without its name."""
    return {**made.get_config(), "name": "", "class": type(made)}


def build_variant(name: str) -> Any:
    variant = find_variant(name)
    return variant.build(variant)


def build_seeded(build: Callable[[], Any]) -> Any:
    import keras

    keras.utils.set_random_seed(SEED)
    return build()


def list_equal(one: Any, other: Any) -> bool:
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(first, second) for first, second in pairs)
