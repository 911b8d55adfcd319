"""Tests of the figures that a bundle keeps of the test rows and of the two sets of our own."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bundle.scorer import Scorer
from models.evaluation.sets import CAPABILITIES, KIND_WORDS, read_behaviour_tests, read_elsewhere
from models.tokenizer import EncodedReviews, encode_reviews
from tasks.training.build_bundle import measure_on_sets, measure_slices
from tasks.training.dataset import DatasetTexts

WORDS = {"good": 1, "bad": 2, "not": 3, "film": 4}


def predict(encoded: EncodedReviews) -> NDArray[np.float64]:
    """Score reviews with the word good and without the word bad positive."""
    ids = encoded.pad()
    good, bad = ((ids == word).any(axis=1) for word in (1, 2))
    return np.where(good & ~bad, 0.9, 0.2)


SCORER = Scorer("", 50, WORDS, predict)
TEXTS = [
    f"a {'good' if number % 2 else 'bad'} film{', but not long' if number % 4 else ''}"
    for number in range(80)
]
TEST = DatasetTexts(
    TEXTS, TEXTS, np.arange(80) % 2 == 1, np.full(80, 5.0), [f"tt{number // 2}" for number in range(80)]
)


def measure(unseen: NDArray[np.bool_]) -> dict[str, Any]:
    encoded = encode_reviews(TEST.texts, WORDS, 50)
    scores = np.where(np.arange(80) < 60, predict(encoded), 0.1)  # the last ten positive ones are missed
    return measure_slices(TEST, encoded, scores, unseen)


def test_slices_have_their_own_reviews_and_accuracy() -> None:
    by_name = {each["name"]: each for each in measure(np.ones(80, bool))["slices"]}
    assert by_name["negation"]["reviews"] == by_name["contrast"]["reviews"] == 60
    assert by_name["negation"]["accuracy"] == pytest.approx(50 / 60)
    assert by_name["short"]["reviews"] == 80
    assert "test" not in by_name


def test_behaviour_is_rated_by_type_and_reviews_from_elsewhere_by_kind() -> None:
    found = measure_on_sets(SCORER)
    assert [each["name"] for each in found["behaviour"]["by_test"]] == list(CAPABILITIES)
    assert sum(each["tests"] for each in found["behaviour"]["by_test"]) == len(read_behaviour_tests())
    assert [each["name"] for each in found["elsewhere"]["by_kind"]] == list(KIND_WORDS)
    assert found["elsewhere"]["overall"]["tests"] == len(read_elsewhere())
