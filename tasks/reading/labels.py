"""Parses labels by the values that a profile lists, or by words that can only be labels."""

from collections.abc import Callable
from functools import lru_cache

from data_contracts.sources.profile import Labels
from tasks.reading.missing_words import is_nothing

WORDS = {
    **dict.fromkeys(("pos", "positive", "recommended", "fresh"), "positive"),
    **dict.fromkeys(("neg", "negative", "not recommended", "rotten"), "negative"),
    **dict.fromkeys(("neutral", "neu", "mixed", "unsup"), None),
}
"""Label in a review file whose profile lists none -> our label; None: the review has no label."""


def clean_label(text: str) -> str:
    """Return a label as profiles list it: in lower case, and a whole number without a decimal point."""
    label = text.strip().casefold()
    return label[:-2] if label.endswith(".0") else label


def make_label_parser(labels: Labels | None) -> Callable[[str], str | None]:
    """Return a function that parses a label: 'positive', 'negative' or None; it raises `ValueError` for others."""
    return _make_parser(*((labels.positive, labels.negative, labels.none) if labels else ((), (), ())))


@lru_cache(8)  # it is asked for with each batch of a file
def _make_parser(
    positive: tuple[str, ...], negative: tuple[str, ...], none: tuple[str, ...]
) -> Callable[[str], str | None]:
    listed = {
        **dict.fromkeys(positive, "positive"),
        **dict.fromkeys(negative, "negative"),
        **dict.fromkeys(none),
    }
    known = {clean_label(label): ours for label, ours in listed.items()} or WORDS

    def parse(text: str) -> str | None:
        label = clean_label(text)
        if label not in known and not is_nothing(text):
            raise ValueError("not a label")
        return known.get(label)

    return parse
