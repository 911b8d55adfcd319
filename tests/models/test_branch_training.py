"""Tests of the adversarial training of the LSTM branch and its perturbations."""

import numpy as np
import pytest

from models.wide_lstm import branch_training
from tests.support.wide_trainings import list_equal, train, train_usual

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


def test_a_review_whose_vectors_change_nothing_stays_where_it_is() -> None:
    import tensorflow as tf

    moved = branch_training._scale_reviews(tf.zeros((2, 4, 3)), tf.constant([0, 1]), 2, 0.7)
    assert moved.numpy().tolist() == np.zeros((2, 4, 3)).tolist()


def test_what_is_learnt_depends_on_how_far_vectors_are_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = train_usual().model
    monkeypatch.setattr(branch_training, "PERTURBATION_NORM", 0.0)
    assert not all(list_equal(usual, train()))
