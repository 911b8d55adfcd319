"""Tests that the wide LSTM's recipe is deterministic, reports its rows, learns, and gains from unlabelled reviews."""

from pathlib import Path

import numpy as np
import pytest

import models.training.fit
from models.bundle.folder import MODEL_FILE, load_model
from models.training.fit import train_variant
from models.training.types import LabelledReviews, TrainedModel
from models.wide_lstm.export import export_windows
from models.wide_lstm.layers import NGRAM_LOGIT
from tests.support.small_models import give_reviews, make_small_wide_variant
from tests.support.wide_trainings import ROWS, list_equal, make_praise_or_blame, train

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return train()


def test_the_same_seed_gives_the_same_weights(trained: TrainedModel) -> None:
    assert all(list_equal(trained, train()))


def test_another_seed_gives_other_weights(trained: TrainedModel) -> None:
    assert not all(list_equal(trained, train(seed=1)))


def test_what_was_trained_is_saved_and_exported_whole(trained: TrainedModel, tmp_path: Path) -> None:
    trained.model.save(tmp_path / MODEL_FILE)
    ids = make_praise_or_blame(20, seed=4).ids
    expected = np.asarray(trained.model(ids))
    assert np.asarray(load_model(tmp_path)(ids)).tolist() == expected.tolist()
    assert export_windows(trained.model) is not None


def test_reviews_without_a_label_change_what_is_learnt(trained: TrainedModel) -> None:
    assert not all(list_equal(trained, train(unlabelled=30)))


@pytest.mark.parametrize(("unlabelled", "epochs"), [(0, 3), (1, 1), (40, 3)])
def test_progress_adds_up_to_the_rows_of_all_epochs(unlabelled: int, epochs: int) -> None:
    told: list[int] = []
    found = train(unlabelled=unlabelled, epochs=epochs, report=told.append)
    assert sum(told) == epochs * ROWS
    assert min(told) >= 0
    assert (len(found.history), found.kept_epoch) == (epochs, epochs)


def test_the_fault_point_is_passed_after_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[str] = []
    monkeypatch.setattr(models.training.fit, "pass_fault_point", passed.append)
    train(epochs=2)
    assert passed == ["train: after an epoch"] * 2


@pytest.mark.parametrize("unlabelled", [0, 300])
def test_training_learns_a_word_that_decides(unlabelled: int) -> None:
    variant = make_small_wide_variant(dropout=0.0, head_dropout=0.0, batch_size=8)
    found = train(variant, rows=400, unlabelled=unlabelled, epochs=3)
    test = make_praise_or_blame(200, seed=3)
    scores = np.asarray(found.model(test.ids))[:, 0]
    assert ((scores > 0.5) == (test.positive > 0.5)).mean() > 0.95


def test_the_lstm_branch_learns_without_the_ngrams() -> None:
    variant = make_small_wide_variant(dropout=0.0, head_dropout=0.0, batch_size=4, lstm_units=8, filters=8)
    found = train(variant, rows=800, unlabelled=0, epochs=8)
    assert found.history[-1].validation_accuracy > 0.85
    assert found.history[-1].loss < found.history[0].loss


def test_reviews_without_a_common_ngram_are_learnt_from_by_the_lstm_alone() -> None:
    ids = np.arange(1, 9, dtype=np.int32)[:, None] * np.eye(1, 24, 23, dtype=np.int32)
    apart = LabelledReviews(ids, np.arange(8, dtype=np.float32) % 2)
    found = train_variant(
        make_small_wide_variant(), give_reviews(apart, make_praise_or_blame(20)), seed=0, epochs=1
    )
    assert found.model.get_layer(NGRAM_LOGIT).ngrams == 1
    assert np.isfinite(np.asarray(found.model(apart.ids))).all()


def test_inputs_stay_as_they_are() -> None:
    reviews, validation, others = (
        make_praise_or_blame(40),
        make_praise_or_blame(20, seed=1),
        make_praise_or_blame(10, seed=2).ids,
    )
    before = [part.copy() for part in (reviews.ids, reviews.positive, validation.ids, others)]
    train_variant(make_small_wide_variant(), give_reviews(reviews, validation, others), seed=0, epochs=1)
    after = (reviews.ids, reviews.positive, validation.ids, others)
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
