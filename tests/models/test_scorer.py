"""Tests that the scorer gives Keras's scores for any batch."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bundle.scorer import KERAS_BATCH_ROWS, Scorer, make_keras_scorer, make_scorer, score_texts
from models.graphs.engine_interface import SAME_SCORE
from models.list_of_kinds import export_model
from models.tokenizer import EncodedReviews, encode_reviews
from models.training.kind_of_model import Variant
from models.variants import find_variant, list_variants
from tests.support.small_models import WORDS, make_small_variant

WORD_IDS = {word: position for position, word in enumerate(WORDS, start=1)}


def make_exported_scorer(model_id: str, model: Any, word_ids: Mapping[str, int], length: int) -> Scorer:
    return make_scorer(model_id, export_model(model), word_ids, length)


@cache
def predict_by_keras(name: str) -> tuple[Any, EncodedReviews, NDArray[np.float32]]:
    """Give a small model of a variant, some more reviews than one batch, and the scores of `model.predict`."""
    small = {"vocabulary_size": 7, "lstm_units": 8, "embedding_size": 4, "filters": 4}
    variant = Variant(**{**vars(find_variant(name)), **small})
    model = variant.build(variant)
    random = np.random.default_rng(0)
    counts = random.integers(0, 520, KERAS_BATCH_ROWS + 3)
    texts = [" ".join(random.choice(WORDS, count)) for count in counts]
    encoded = encode_reviews(texts, WORD_IDS, variant.sequence_length)
    return model, encoded, model.predict(encoded.pad(), batch_size=64, verbose=0)[:, 0]


@pytest.mark.slow
@pytest.mark.parametrize("make", [make_exported_scorer, make_keras_scorer])
@pytest.mark.parametrize("name", list_variants())
def test_scores_equal_those_of_model_predict(name: str, make: Callable[..., Scorer]) -> None:
    model, encoded, expected = predict_by_keras(name)
    scores = make("", model, WORD_IDS, encoded.length).predict(encoded)
    assert np.abs(scores - expected).max() < SAME_SCORE


def make_small_scorer() -> Scorer:
    variant = make_small_variant()
    return make_exported_scorer("", variant.build(variant), WORD_IDS, 12)


def test_scores_come_back_in_the_order_of_the_texts() -> None:
    scorer = make_small_scorer()
    texts = [f"{WORDS[number % 6]} {WORDS[number % 5]}" for number in range(40)]
    alone = [score_texts(scorer, [text]).score[0] for text in texts]
    assert score_texts(scorer, texts).score.tolist() == pytest.approx(alone, abs=1e-6)


def test_the_facts_of_a_text_stand_beside_its_score() -> None:
    scored = score_texts(make_small_scorer(), ["good what", "the " * 20])
    assert scored.token_count.tolist() == [2, 20]
    assert scored.oov_rate.tolist() == [0.5, 0]
    assert scored.truncated.tolist() == [False, True]
