"""Tests that the wide LSTM's recipe is deterministic, learns, and gains from unlabelled reviews and perturbations."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bundle.folder import MODEL_FILE, load_model
from models.training.fit import train_variant
from models.training.journal import QUIET
from models.training.reviews import LabelledReviews, TrainingReviews
from models.training.trained_model import TrainedModel
from models.wide_lstm import branch_training
from models.wide_lstm.branch_training import LstmBranch
from models.wide_lstm.export import export_windows
from models.wide_lstm.layers import NGRAM_LOGITS, build_lstm_head, build_reader
from models.wide_lstm.training_recipe import weigh_ngrams
from models.wide_lstm.windows import cut_windows
from tests.support.compiled_once import keep_compiled
from tests.support.small_models import give_reviews, make_small_wide_variant
from tests.support.wide_trainings import (
    VARIANT,
    Training,
    list_equal,
    make_praise_or_blame,
    observe,
    train,
    train_usual,
)

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return train_usual().model


@pytest.fixture(scope="module")
def trained_with_one_unlabelled() -> Training:
    return observe(unlabelled=1)


@pytest.fixture(scope="module")
def learnt() -> Training:
    """A training with many unlabelled reviews."""
    return observe(unlabelled=300)


def test_the_same_seed_gives_the_same_weights(trained: TrainedModel) -> None:
    assert all(list_equal(trained, train()))


def test_what_was_trained_is_saved_and_exported_whole(trained: TrainedModel, tmp_path: Path) -> None:
    trained.model.save(tmp_path / MODEL_FILE)
    ids = make_praise_or_blame(20, seed=4).ids
    expected = np.asarray(trained.model(ids))
    assert np.asarray(load_model(tmp_path)(ids)).tolist() == expected.tolist()
    assert export_windows(trained.model) is not None


def get_ngram_weights(trained: TrainedModel, weighting: int) -> list[Any]:
    return [part.tolist() for part in trained.model.get_layer(NGRAM_LOGITS[weighting]).get_weights()]


def test_reviews_without_a_label_change_what_the_same_ngrams_count(
    trained: TrainedModel, trained_with_one_unlabelled: Training
) -> None:
    for weighting in range(2):
        (numbers, *before), (same, *after) = (
            get_ngram_weights(each, weighting) for each in (trained, trained_with_one_unlabelled.model)
        )
        assert numbers == same
        assert before != after


DOUBTFUL = 50
"""A word that stands as often in praise as in blame where reviews have a label, and in praise where they have none."""


def test_a_review_without_a_label_counts_by_the_label_that_it_is_given() -> None:
    labelled, others = make_praise_or_blame(60, seed=1), make_praise_or_blame(60, seed=2)
    train, unlabelled = labelled.ids.copy(), others.ids.copy()
    for label in (0, 1):
        train[np.flatnonzero(labelled.positive == label)[:8], 0] = DOUBTFUL
    unlabelled[others.positive > 0.5, 0] = DOUBTFUL
    variant = make_small_wide_variant(vocabulary_size=DOUBTFUL + 1)
    both, labels_alone = (
        weigh_ngrams(
            variant, give_reviews(LabelledReviews(train, labelled.positive), labelled, ids), 0, QUIET
        )
        for ids in (unlabelled, unlabelled[:0])
    )
    place = both.numbers.tolist().index(DOUBTFUL)
    assert both.ratio[place, 0] > 0.5
    assert abs(labels_alone.ratio[place, 0]) < 0.3


def test_training_learns_a_word_that_decides(learnt: Training) -> None:
    test = make_praise_or_blame(200, seed=3)
    scores = np.asarray(learnt.model.model(test.ids))[:, 0]
    assert ((scores > 0.5) == (test.positive > 0.5)).mean() > 0.95


@pytest.fixture(scope="module")
def learnt_without_unlabelled() -> Training:
    """A training without unlabelled reviews, at a rate at which it learns in few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(branch_training, "LEARNING_RATE", 0.03)
        return observe(rows=400, unlabelled=0)


def test_the_lstm_branch_learns_without_the_ngrams(learnt_without_unlabelled: Training) -> None:
    history = learnt_without_unlabelled.model.history
    assert history[-1].validation_accuracy > 0.85
    assert history[-1].loss < history[0].loss


APART = np.arange(1, 9, dtype=np.int32)[:, None] * np.eye(1, 24, 23, dtype=np.int32)
"""Reviews of one word, of which none has an n-gram of another."""


@pytest.fixture(scope="module")
def given() -> TrainingReviews:
    labels = np.arange(8, dtype=np.float32) % 2
    others = make_praise_or_blame(10, seed=2).ids
    return give_reviews(LabelledReviews(APART.copy(), labels), make_praise_or_blame(20, seed=1), others)


@pytest.fixture(scope="module")
def trained_apart(given: TrainingReviews) -> TrainedModel:
    with keep_compiled():
        return train_variant(VARIANT, given, seed=0, epochs=1)


def test_reviews_without_a_common_ngram_are_learnt_from_by_the_lstm_alone(
    trained_apart: TrainedModel,
) -> None:
    assert trained_apart.model.get_layer(NGRAM_LOGITS[0]).ngrams == 1
    assert np.isfinite(np.asarray(trained_apart.model(APART))).all()


def test_the_vectors_of_every_review_are_moved_equally_far_over_all_its_windows() -> None:
    import tensorflow as tf

    rising = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    review = np.array([0, 0, 1, 2, 2])
    rising[3:] *= 1000
    moved = branch_training._scale_reviews(tf.constant(rising), tf.constant(review), 3, 0.7).numpy()
    far = [float(np.sqrt((moved[review == row] ** 2).sum())) for row in range(3)]
    assert far == pytest.approx([0.7] * 3, rel=1e-5)
    assert (np.sign(moved) == np.sign(rising)).all()


def learn_from_a_batch() -> list[NDArray[np.float32]]:
    """Return the weights after one training step, operation by operation: compiling it takes ten times as long."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    variant, reviews = make_small_wide_variant(), make_praise_or_blame(16)
    vectors = np.random.default_rng(0).normal(0, 0.3, (variant.vocabulary_size, variant.embedding_size))
    reader, head = build_reader(variant, vectors.astype(np.float32)), build_lstm_head(variant)
    branch = LstmBranch(variant, reader, head)
    optimizer = keras.optimizers.Adam()
    optimizer.build(branch.list_variables())
    step = branch_training._make_step(branch, optimizer)
    given = *cut_windows(reviews.ids, variant.window), reviews.positive, np.float32(0.001)
    tf.config.run_functions_eagerly(True)
    try:
        step(*(tf.constant(each) for each in given))
    finally:
        tf.config.run_functions_eagerly(False)
    return [variable.numpy() for variable in branch.list_variables()]


def test_what_is_learnt_depends_on_how_far_vectors_are_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, again = learn_from_a_batch(), learn_from_a_batch()
    assert all(map(np.array_equal, usual, again))
    monkeypatch.setattr(branch_training, "PERTURBATION_NORM", 0.0)
    assert not any(map(np.array_equal, usual, learn_from_a_batch()))
