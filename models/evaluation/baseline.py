"""The linear baseline that is reported beside every model: TF-IDF of words and word pairs, logistic regression.

It splits texts as the models do (`models.tokenizer.split_words`) and is never promoted. A variant that is not more
accurate has learnt nothing beyond word counts. Needs scikit-learn.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.tokenizer import split_words

BASELINE_NAME = "TF-IDF 1-2-grams + logistic regression"
SMALLEST_DOCUMENT_COUNT = 2
"""A word or pair is a feature if at least this many training reviews contain it."""
INVERSE_REGULARIZATION = 10.0


@dataclass(frozen=True)
class BaselineResult:
    """Accuracy of the baseline on the test reviews, its time and its size."""

    name: str
    test_accuracy: float
    """Share of the test reviews whose label was predicted correctly, 0 to 1."""
    seconds: float
    """Time of counting, fitting and predicting together."""
    train_reviews: int
    test_reviews: int
    features: int
    """Number of words and word pairs in use."""


def fit_baseline(
    train_texts: Sequence[str],
    train_labels: Sequence[str],
    test_texts: Sequence[str],
    test_labels: Sequence[str],
) -> BaselineResult:
    """Fit the baseline on the training reviews and measure it on the test reviews; labels are 'pos' and 'neg'.

    The same texts give the same accuracy. Raises `ValueError` unless each text has one label, the training reviews
    have both labels, and there is a test review.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    if len(train_texts) != len(train_labels) or len(test_texts) != len(test_labels):
        raise ValueError("the baseline needs one label for each text")
    if len(set(train_labels)) < 2 or not test_texts:
        raise ValueError("the baseline needs both labels among the training reviews, and test reviews")
    started = time.perf_counter()
    vectorizer = TfidfVectorizer(
        analyzer=_list_words_and_pairs,
        min_df=min(SMALLEST_DOCUMENT_COUNT, len(train_texts)),
        sublinear_tf=True,
        dtype=np.float32,
    )
    counted = vectorizer.fit_transform(train_texts)
    model = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=1000).fit(counted, list(train_labels))
    predicted = model.predict(vectorizer.transform(test_texts))
    return BaselineResult(
        name=BASELINE_NAME,
        test_accuracy=float(np.mean(predicted == np.asarray(test_labels))),
        seconds=time.perf_counter() - started,
        train_reviews=len(train_texts),
        test_reviews=len(test_texts),
        features=counted.shape[1],
    )


def _list_words_and_pairs(text: str) -> list[str]:
    """Return the words and word pairs of a text, the baseline's features."""
    words = split_words(text)
    return words + [f"{first} {second}" for first, second in pairwise(words)]
