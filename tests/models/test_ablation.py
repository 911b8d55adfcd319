"""Each path of a wide LSTM alone: fitted on the validation rows, judged on the test rows."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.lstm.export import export_graph
from models.tokenizer import EncodedReviews
from models.wide_lstm import ablation
from models.wide_lstm.ablation import measure_paths
from models.wide_lstm.engine import Logits, load_window_engine, rate_paths
from tests.models.small import build_wide_at_random, make_small_variant, make_small_wide_variant
from tests.models.test_engine import make_reviews

MODEL = make_small_wide_variant()
VALIDATION, TEST = make_reviews(range(4, 24), 24), make_reviews(range(1, 41), 24)


def rate(encoded: EncodedReviews) -> Logits:
    graph = export_graph(build_wide_at_random(MODEL))
    assert graph is not None
    return rate_paths(load_window_engine(graph), encoded)


def label(encoded: EncodedReviews, path: str) -> NDArray[np.bool_]:
    """Call the half positive of which a path's logit is lower: its scale must turn to see it."""
    logit = getattr(rate(encoded), path)
    return np.asarray(logit < np.median(getattr(rate(VALIDATION), path)))


@pytest.mark.parametrize("path", ["lstm", "ngrams"])
def test_a_path_that_tells_the_labels_has_them_right_with_a_scale_of_its_own(path: str) -> None:
    labels = label(VALIDATION, path), label(TEST, path)
    found = measure_paths(export_graph(build_wide_at_random(MODEL)), VALIDATION, labels[0], TEST, labels[1])
    assert list(found) == ["lstm", "ngrams"]
    assert found[path]["test_accuracy"] > 0.9
    other = "lstm" if path == "ngrams" else "ngrams"
    assert found[other]["test_accuracy"] < found[path]["test_accuracy"]


def test_the_test_labels_do_not_move_what_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    logit = np.array([-3.0, -1.0, 1.0, 3.0])
    monkeypatch.setattr(ablation, "rate_paths", lambda engine, encoded: Logits(logit, -logit, logit))
    positive = logit > 0
    graph = export_graph(build_wide_at_random(MODEL))
    right = measure_paths(graph, VALIDATION, positive, TEST, positive)
    wrong = measure_paths(graph, VALIDATION, positive, TEST, ~positive)
    assert [each["test_accuracy"] for each in right.values()] == [1, 1]
    assert [each["test_accuracy"] for each in wrong.values()] == [0, 0]


def test_a_model_of_other_parts_has_none() -> None:
    variant = replace(make_small_variant(), sequence_length=24)
    positive = np.ones(2, bool)
    assert measure_paths(export_graph(variant.build(variant)), VALIDATION, positive, TEST, positive) == {}


def test_what_was_found_is_plain_json() -> None:
    labels = label(VALIDATION, "lstm"), label(TEST, "lstm")
    found = measure_paths(export_graph(build_wide_at_random(MODEL)), VALIDATION, labels[0], TEST, labels[1])
    assert json.loads(json.dumps(found)) == found
