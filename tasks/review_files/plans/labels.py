"""Parses labels by the labels that a plan lists."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from tasks.review_files.plans.missing_words import is_nothing

LABELS = {
    "pos": "positive",
    "positive": "positive",
    "1": "positive",
    "neg": "negative",
    "negative": "negative",
    "0": "negative",
    "-1": None,
    "unsup": None,
}
"""Label in a review file -> our label; None: the review has no label."""


def clean_label(text: str) -> str:
    """Return a label as plans list it: in lower case, and a whole number without a decimal point."""
    label = text.strip().casefold()
    return label[:-2] if label.endswith(".0") else label


def make_label_parser(labels: Mapping[str, str | None] | None) -> Callable[[str], str | None]:
    """Return a function that parses a label: 'positive', 'negative' or None; it raises `ValueError` for others."""
    return _make_parser(tuple((labels or {}).items()))


@lru_cache(8)  # it is asked for with each batch of a file
def _make_parser(labels: tuple[tuple[str, str | None], ...]) -> Callable[[str], str | None]:
    known = {clean_label(label): ours for label, ours in labels}

    def parse(text: str) -> str | None:
        label = clean_label(text)
        if label not in known and not is_nothing(text):
            raise ValueError("not a label")
        return known.get(label)

    return parse
