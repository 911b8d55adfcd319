"""Tests of the adversarial training of the LSTM branch and its perturbations."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.wide_lstm import branch_training
from models.wide_lstm.branch_training import LstmBranch
from models.wide_lstm.layers import build_lstm_head, build_reader
from models.wide_lstm.windows import cut_windows
from tests.support.small_models import make_small_wide_variant
from tests.support.wide_trainings import make_praise_or_blame

pytestmark = pytest.mark.training


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
    step = branch_training._make_step(branch, branch_training._make_optimizer(branch))
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
