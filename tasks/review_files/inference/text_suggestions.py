"""Finds columns that look as if they had texts, for the message of a file whose text column is not known."""

import re
from collections.abc import Sequence

from tasks.review_files.plans.normalized_names import NAME_READ

_WORDS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OF_REVIEWS = {"review", "reviews", "comment", "comments", "feedback", "opinion", "opinions"}
_OF_TEXTS = {
    *_OF_REVIEWS,
    *("text", "texts", "remark"),
    *("remarks", "response", "answer", "verbatim", "body", "content", "message", "description", "thoughts"),
}
_PAIRS = (
    *(("positive", "negative"), ("positives", "negatives"), ("pros", "cons"), ("liked", "disliked")),
    *(("like", "dislike"), ("likes", "dislikes"), ("loved", "hated"), ("strengths", "weaknesses")),
    *(("advantages", "disadvantages"), ("pro", "con"), ("good", "bad")),
)
"""Words in the names of two columns that together are a review."""
_LIKELY = _OF_TEXTS.union(*_PAIRS)
_OF_MEASURES = {
    *(
        "count",
        "counts",
        "score",
        "scores",
        "number",
        "numbers",
        "total",
        "rating",
        "ratings",
        "stars",
        "votes",
    ),
    *("date", "time", "id", "url", "name", "title", "language", "helpful", "sentiment", "label"),
}
"""Words of a name that is of no text, such as `review_date`."""
_WORDS_OF_QUESTION = 5


def sort_likely(names: Sequence[str]) -> list[str]:
    """Return names with those first that look as if the column had texts; otherwise their order stays."""
    return sorted(names, key=lambda name: not _is_likely(name))


def names_reviews(name: str) -> bool:
    """Return whether a name is like that of an array of reviews."""
    words = _find_words(name)
    return _OF_MEASURES.isdisjoint(words) and not _OF_REVIEWS.isdisjoint(words)


def _is_likely(name: str) -> bool:
    """Return whether a name is like that of a column of texts, or a question with several words."""
    words = _find_words(name)
    return _is_question(name) or (_OF_MEASURES.isdisjoint(words) and not _LIKELY.isdisjoint(words))


def find_parts(names: Sequence[str]) -> tuple[str, str] | None:
    """Return two names that say what was liked and what was not, in their order; None unless just two do."""
    words = [_find_words(name) for name in names]
    usable = [
        place
        for place, found in enumerate(words)
        if _is_question(names[place]) or _OF_MEASURES.isdisjoint(found)
    ]
    for pair in _PAIRS:
        places = [[place for place in usable if word in words[place]] for word in pair]
        if all(len(found) == 1 for found in places) and places[0] != places[1]:
            first, second = sorted(place for (place,) in places)
            return names[first], names[second]
    return None


def _is_question(name: str) -> bool:
    """Return whether a name has as many words as a question."""
    return len(name[:NAME_READ].split()) >= _WORDS_OF_QUESTION


def _find_words(name: str) -> set[str]:
    """Return the words of a name in lower case."""
    return {word.casefold() for word in _WORDS.findall(_CAMEL.sub(" ", name[:NAME_READ]))}
