"""Tests of each branch of a wide LSTM alone: fitted on the validation rows, evaluated on the test rows."""

import functools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.graphs.session import open_graph
from models.list_of_kinds import export_model, measure_parts
from models.tokenizer import EncodedReviews
from models.training.reviews import EvaluationReviews
from models.wide_lstm import ablation
from models.wide_lstm.engine import compute_logits, load_wide_lstm_engine
from models.wide_lstm.export import export_windows
from tests.support.encoded_reviews import make_reviews
from tests.support.small_models import find_wide_at_random, make_small_variant

pytestmark = pytest.mark.training

VALIDATION, TEST = make_reviews(range(4, 24), 24), make_reviews(range(1, 41), 24)


@functools.cache
def export() -> bytes:
    graph = export_windows(find_wide_at_random())
    assert graph is not None
    return graph


def measure(validation: NDArray[np.bool_], test: NDArray[np.bool_]) -> dict[str, Any]:
    """Measure the parts with these labels of the validation and the test reviews."""
    return measure_parts(export(), EvaluationReviews(VALIDATION, validation), EvaluationReviews(TEST, test))


def rate(encoded: EncodedReviews, branch: str) -> NDArray[np.float64]:
    engine = load_wide_lstm_engine(open_graph(export()))
    assert engine is not None
    return compute_logits(engine, encoded)[:, ["lstm", "ngrams"].index(branch)]


def label(encoded: EncodedReviews, branch: str) -> NDArray[np.bool_]:
    """Label the half with a branch's lower logits positive: the fitted scale must be negative."""
    return np.asarray(rate(encoded, branch) < np.median(rate(VALIDATION, branch)))


@pytest.mark.parametrize("branch", ["lstm", "ngrams"])
def test_a_branch_that_tells_the_labels_has_them_right_with_a_scale_of_its_own(branch: str) -> None:
    found = measure(label(VALIDATION, branch), label(TEST, branch))
    assert list(found) == ["lstm", "ngrams"]
    assert found[branch]["test_accuracy"] > 0.9
    other = "lstm" if branch == "ngrams" else "ngrams"
    assert found[other]["test_accuracy"] < found[branch]["test_accuracy"]


def test_the_test_labels_do_not_move_what_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    logit = np.array([-3.0, -1.0, 1.0, 3.0])
    monkeypatch.setattr(
        ablation, "compute_logits", lambda engine, encoded: np.stack([logit, *[-logit, logit] * 2], 1)
    )
    positive = logit > 0
    right, wrong = measure(positive, positive), measure(positive, ~positive)
    assert [each["test_accuracy"] for each in right.values()] == [1, 1]
    assert [each["test_accuracy"] for each in wrong.values()] == [0, 0]


def test_a_logit_without_weight_in_the_model_is_in_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    logit = np.array([-3.0, -1.0, 1.0, 3.0])
    monkeypatch.setattr(
        ablation, "compute_logits", lambda engine, encoded: np.stack([logit, *[0 * logit] * 3, logit], 1)
    )
    engine = load_wide_lstm_engine(open_graph(export()))
    assert engine is not None
    reviews = EvaluationReviews(TEST, logit > 0)
    parts = ablation.measure_branches(replace(engine, blend=np.array([1, 1, 1, 1, 0])), reviews, reviews)
    assert [each["test_accuracy"] for each in parts.values()] == [1, 0.5]


def test_a_model_of_other_parts_has_none() -> None:
    variant = replace(make_small_variant(), sequence_length=24)
    reviews = EvaluationReviews(TEST, np.ones(2, bool))
    assert measure_parts(export_model(variant.build(variant)).graph, reviews, reviews) == {}


def test_a_model_without_a_graph_has_none() -> None:
    reviews = EvaluationReviews(TEST, np.ones(2, bool))
    assert measure_parts(None, reviews, reviews) == {}


def test_what_was_found_is_plain_json() -> None:
    found = measure(label(VALIDATION, "lstm"), label(TEST, "lstm"))
    assert json.loads(json.dumps(found)) == found
