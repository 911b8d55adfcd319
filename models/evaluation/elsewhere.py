"""Reads the evaluation set `elsewhere` and computes the accuracy of scores on it.

It holds invented reviews, written as people write them outside the archive. It is frozen: docs/models.md.
Needs numpy; scores are plain arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.rules_and_limits import NEGATIVE_STARS, POSITIVE_FROM, POSITIVE_STARS
from models.evaluation.sets import (
    SETS_DIR,
    PassRate,
    count_passed,
    read_set_rows,
    require_distinct_values,
    require_set_fields,
    require_set_rule,
    require_set_scores,
)
from models.tokenizer import split_words

ELSEWHERE_FILE = SETS_DIR / "elsewhere.jsonl"
KIND_WORDS = {
    "short": (3, 25),
    "plain": (50, 150),
    "long": (200, 400),
    "mixed": (30, 200),
    "sarcastic": (15, 200),
    "other": (15, 200),
}
"""The kinds of reviews in `elsewhere`, each with the smallest and the largest number of words of its reviews."""
LABEL_RATINGS = {
    name: range(lowest, highest + 1)
    for name, (lowest, highest) in {"positive": POSITIVE_STARS, "negative": NEGATIVE_STARS}.items()
}
"""The labels, each with the ratings that a review with this label may have, in stars."""
_REVIEW_FIELDS: dict[str, type] = {"id": str, "text": str, "label": str, "rating": int, "kind": str}


@dataclass(frozen=True)
class ElsewhereReview:
    """One invented review: a line of `elsewhere.jsonl`."""

    id: str
    text: str
    label: str
    """A key of `LABEL_RATINGS`."""
    rating: int
    """Stars, 1 to 10, never 5 or 6."""
    kind: str
    """A key of `KIND_WORDS`."""


@dataclass(frozen=True)
class ElsewhereResult:
    """Accuracy on the reviews of `elsewhere`: each `rate` is the share of reviews with the predicted label right."""

    overall: PassRate
    by_kind: tuple[PassRate, ...]
    by_label: tuple[PassRate, ...]
    missed: tuple[str, ...]
    """Ids of the reviews that were classified wrongly, in the order of the set."""


def read_elsewhere(path: Path = ELSEWHERE_FILE) -> tuple[ElsewhereReview, ...]:
    """Read and check the reviews of `elsewhere`, in the order of the file.

    Raises `ContractError` with the line and the rule for a line that is not an `ElsewhereReview`, or whose text has
    more or fewer words than its kind allows; with the file and the rule for an id or a text that occurs twice.
    """
    reviews = tuple(_parse_review(row, where) for row, where in read_set_rows(path))
    require_distinct_values(path, "id", [review.id for review in reviews])
    require_distinct_values(path, "text", [review.text for review in reviews])
    return reviews


def find_positive(reviews: Sequence[ElsewhereReview]) -> NDArray[np.bool_]:
    """Return whether each review is labelled positive, [n]: the labels for `evaluate_scores`."""
    return np.array([review.label == "positive" for review in reviews], dtype=np.bool_)


def rate_elsewhere(reviews: Sequence[ElsewhereReview], scores: NDArray[np.floating[Any]]) -> ElsewhereResult:
    """Compare `scores` [n], from 0 to 1, with the labels of the n reviews."""
    require_set_scores(scores, len(reviews))
    right = (scores >= POSITIVE_FROM) == find_positive(reviews)
    return ElsewhereResult(
        overall=PassRate("all", len(reviews), int(right.sum())),
        by_kind=count_passed([review.kind for review in reviews], right, KIND_WORDS),
        by_label=count_passed([review.label for review in reviews], right, LABEL_RATINGS),
        missed=tuple(review.id for review, hit in zip(reviews, right, strict=True) if not hit),
    )


def _parse_review(row: dict[str, Any], where: str) -> ElsewhereReview:
    """Return a line of `elsewhere.jsonl` as a review, after checking its fields."""
    require_set_fields(row, _REVIEW_FIELDS, where)
    review = ElsewhereReview(**row)
    require_set_rule(review.kind in KIND_WORDS, where, f"kind must be one of {', '.join(KIND_WORDS)}")
    require_set_rule(review.label in LABEL_RATINGS, where, f"label must be one of {', '.join(LABEL_RATINGS)}")
    ratings = LABEL_RATINGS[review.label]
    require_set_rule(
        review.rating in ratings, where, f"a {review.label} rating is {ratings.start} to {ratings.stop - 1}"
    )
    fewest, most = KIND_WORDS[review.kind]
    words = len(split_words(review.text))
    require_set_rule(
        fewest <= words <= most, where, f"{review.kind} is {fewest} to {most} words, this is {words}"
    )
    return review
