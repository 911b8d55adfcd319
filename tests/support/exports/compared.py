"""Compares the rows that were read of an export with what a person would say of it."""

import html
import re
from collections.abc import Collection
from datetime import UTC
from typing import Any

from tests.support.exports.made_up import HEADLINES, NO_REVIEWS, Truth

FIELDS = {
    "ids": "review_id",
    "movies": "movie_id",
    "dates": "reviewed_at",
    "ratings": "given_rating",
    "labels": "given_label",
}
"""What a person names in a file -> our column."""


def _compare(name: str, truth: Truth, reviews: list[dict[str, Any]]) -> None:
    """Compare one field of all reviews with what a person would say."""
    stated = to_stars(truth) if name == "ratings" else getattr(truth, name)
    found = [row[FIELDS[name]] for row in reviews]
    if getattr(truth, name) is None:
        assert name in truth.doubt or set(found) == {None}
        return
    shown = [show(name, each, expected) for each, expected in zip(found, stated, strict=True)]
    assert shown == stated


def compare_all(truth: Truth, rows: list[dict[str, Any]], left: Collection[str] = ()) -> None:
    """Compare what was read with what a person would say; the fields `left` as found must be null."""
    # A review that came twice counts once.
    reviews = list({(clean(row["text"]), row["review_id"]): row for row in rows if is_review(row)}.values())
    assert [clean(row["text"]) for row in reviews] == list(map(clean, truth.texts))
    for field in FIELDS:
        if field not in left:
            _compare(field, truth, reviews)
        else:
            assert {row[FIELDS[field]] for row in reviews} == {None}


def is_review(row: dict[str, Any]) -> bool:
    return row["rule"] is None and clean(row["text"]) not in ("", *NO_REVIEWS, *HEADLINES)


def clean(text: str) -> str:
    """Return a text on one line, without tags and entities, and without the headline before it."""
    line = " ".join(html.unescape(re.sub(r"<br ?/?>", " ", text)).split())
    head, _, body = line.partition(" ")
    return body if head in HEADLINES else line


def to_stars(truth: Truth) -> list[float | None]:
    """Return the ratings as docs/scoring.md converts them."""
    factor, least = (0.09, 1) if truth.of == 100 else (10 / truth.of, 0)
    return [None if each is None else round(least + factor * each, 6) for each in truth.ratings or ()]


def show(name: str, value: Any, expected: Any) -> Any:
    """Return a value that was read in the form in which a person states it."""
    if name == "dates" and value is not None:
        return value.astimezone(UTC).isoformat()[: len(expected)]
    return round(value, 6) if name == "ratings" and value is not None else value
