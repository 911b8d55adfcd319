"""Makes models that are small enough to train in a test, reviews that they learn, and the facts of their bundles."""

import functools
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle.golden import GOLDEN_TEXTS
from models.evaluation.metrics import evaluate_scores
from models.training.kind_of_model import Variant
from models.training.reviews import LabelledReviews, TrainingReviews
from models.variants import find_variant
from models.wide_lstm.layers import Blend, build_lstm_head, build_reader, join_branches
from models.wide_lstm.ngrams import NgramModel, number_ngrams

BLEND = Blend(0.8, (0.6, 0.3), (0.4, -0.2), 0.1)
WORDS = ("good", "bad", "film", "the", "a", "plot")


def make_small_variant() -> Variant:
    """Return `cnn_lstm` reduced to short reviews and few units."""
    seed = find_variant("cnn_lstm")
    smaller = {
        "vocabulary_size": 7,
        "sequence_length": 12,
        "embedding_size": 4,
        "lstm_units": 4,
        "filters": 4,
    }
    return Variant(**{**vars(seed), **smaller, "batch_size": 16})


def make_reviews(rows: int, seed: int = 0) -> LabelledReviews:
    """Make reviews in which word 1 is praise and word 2 is blame."""
    random = np.random.default_rng(seed)
    ids = random.integers(3, 7, (rows, 12)).astype(np.int32)
    positive = random.random(rows) < 0.5
    ids[np.arange(rows), random.integers(0, 12, rows)] = np.where(positive, 1, 2)
    return LabelledReviews(ids, positive.astype(np.float32))


def give_reviews(
    train: LabelledReviews, validation: LabelledReviews, unlabelled: NDArray[np.int32] | None = None
) -> TrainingReviews:
    """Return the `TrainingReviews` of a training, without unlabelled reviews unless given."""
    none = np.zeros((0, train.ids.shape[1]), np.int32)
    return TrainingReviews(train, validation, none if unlabelled is None else unlabelled)


def make_small_wide_variant(**changes: Any) -> Variant:
    """Return `wide_lstm` reduced to a few words, three short windows and few units."""
    smaller = {
        "vocabulary_size": 40,
        "sequence_length": 24,
        "window": 8,
        "embedding_size": 4,
        "lstm_units": 3,
        "filters": 5,
        "kernel_size": 3,
        "pool_size": 2,
        "batch_size": 16,
    }
    return Variant(**{**vars(find_variant("wide_lstm")), **smaller, **changes})


def build_wide_at_random(variant: Variant, seed: int = 0) -> Any:
    """Build a wide LSTM with random weights and n-grams that give different scores; word 0's vector is not 0."""
    random = np.random.default_rng(seed)
    reader = build_reader(variant, np.zeros((variant.vocabulary_size, variant.embedding_size), np.float32))
    head = build_lstm_head(variant)
    for part in (reader, head):
        part.set_weights([random.normal(0, 0.5, weights.shape) for weights in part.get_weights()])
    return join_branches(variant, reader, head, make_random_ngrams(variant.vocabulary_size, seed), BLEND)


@functools.cache
def find_wide_at_random(seed: int = 0) -> Any:
    """Return the model that `build_wide_at_random` makes of a small variant, once for all tests that only read it."""
    return build_wide_at_random(make_small_wide_variant(), seed)


def make_random_ngrams(words: int, seed: int = 0) -> NgramModel:
    """Make a model of two weightings of n-grams, some of which occur in random reviews of `words` words."""
    random = np.random.default_rng(seed)
    numbers = np.unique(number_ngrams(random.integers(1, words, (9, 12)).astype(np.int32), words))
    counted = random.permutation(numbers[numbers > 0])[:100]
    ratio, weight = random.normal(0, 1, (2, len(counted), 2)).astype(np.float32)
    return NgramModel(np.sort(counted), ratio, weight, np.array([0.25, -0.5]))


def describe_untrained(model_id: str, variant: str, seed: int) -> dict[str, Any]:
    """Return the facts of a bundle about a training that never ran."""
    evaluation = asdict(evaluate_scores(np.array([0.4, 0.6]), np.array([False, True])))
    return {
        "model_id": model_id,
        "variant": variant,
        "seed": seed,
        "epochs": 0,
        "kept_epoch": 0,
        "history": [],
        "metrics": dict.fromkeys(("validation", "test", "test_unseen_texts"), evaluation),
        "baseline": {"test_accuracy": 0.5},
        "rows": {"train": 0, "validation": 0, "test": 0},
        "provenance": {"dataset": "sample"},
        "fingerprints": {"data": "data", "code": "code"},
        "versions": {},
        "trained_at": "2026-01-01T00:00:00+00:00",
    }


def describe_golden(scores: Sequence[float] | NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return the facts of a bundle about the scores of the golden texts."""
    return [{"text": text, "score": float(score)} for text, score in zip(GOLDEN_TEXTS, scores, strict=True)]
