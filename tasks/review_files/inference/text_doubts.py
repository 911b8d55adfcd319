"""Finds out whether another column may be the text than the one that was taken by its name: by what its values are.

It only says so: a column of sentences may as well be a shop's reply, or the description of a movie.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence

ROWS_COMPARED = 12
"""First rows of a file whose columns are compared."""
COMPARED_CHARACTERS, COMPARED_BYTES = 2000, 1 << 14
"""Characters of a text, and bytes of the further columns of a row, up to which these are compared."""
FEWEST_ROWS = 5
"""Rows from which on it is judged."""
_MOST_SINGLE_WORDS = 0.9
"""Share of texts that are single words from which on it is doubtful that the column is the text."""
_WORDS_OF_SENTENCE = 5
_LEAST_SHARE = 0.5
"""Share of rows with a sentence from which on a column may be the text."""
_LEAST_LENGTH = 0.7
"""The words of such a column, to those of the text: titles and remarks are shorter."""
_NO_TEXTS = re.compile(
    r"repl(?:y|ies)|respon[sd]|antwort|réponse|respuesta|rispost|answer|owner|developer|seller|vendor|agent|descri|plot|synops|summar|storyline|bio\b"
    r"|^about|name|title|tit(?:el|re|ul|ol)|headline|product|item|categ|genre|address|location|url|link|translat|original|prompt|question"
    r"|(?:clean|processed|token|lemma|stem|html|raw)",
    re.IGNORECASE,
)
"""Names of columns whose sentences are no reviews, or are the same ones once more."""
_WORD = re.compile(r"[^\W\d_]{2,}")

FirstRow = tuple[str | None, str | None]
"""The text of a row, and its further columns as JSON."""


def doubt_single_words(words: int, rows: int) -> list[str]:
    """Return why the column of `rows` texts, of which `words` are single words, may not be the text."""
    if rows < FEWEST_ROWS or words < _MOST_SINGLE_WORDS * rows:
        return []
    return [f"{words:,} of {rows:,} texts are single words: another column may have the reviews"]


def find_other_texts(rows: Sequence[FirstRow]) -> list[str]:
    """Return the names of the further columns of the first rows of a file that may be the text, or a part of it."""
    if len(rows) < FEWEST_ROWS:
        return []
    sentences, words = Counter[str](), Counter[str]()
    for _, extra in rows:
        for name, value in (json.loads(extra) if extra else {}).items():
            length = _measure(value)
            words[name] += length
            sentences[name] += length >= _WORDS_OF_SENTENCE
    found = [
        name
        for name, number in sentences.items()
        if number >= _LEAST_SHARE * len(rows) and not _NO_TEXTS.search(name)
    ]
    if not found:
        return []  # as of most files, whose texts need not be counted
    least = _LEAST_LENGTH * sum(_count_words(text or "") for text, _ in rows)
    return [name for name in found if words[name] >= least]


def _measure(value: object) -> int:
    """Return the words of a value: of a text, or of the longest text in the first of several objects."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return max(map(_measure, value[0].values()), default=0)
    return _count_words(value) if isinstance(value, str) else 0


def _count_words(text: str) -> int:
    """Return the number of words of a text, without numbers."""
    return len(_WORD.findall(text))
