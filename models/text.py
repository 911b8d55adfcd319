"""Text to word ids: the one function that training and scoring share.

The rules are those of `keras.preprocessing.text.Tokenizer`: lower case, a fixed set of separators, words
ranked by frequency. Two things differ on purpose: every word outside the vocabulary becomes 0, which is the
padding id too, and there is neither a start nor an unknown marker.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

VOCABULARY_SIZE = 5000
"""Ids in use: 0 for padding and unknown words, 1 to 4,999 for the most frequent words."""

SEQUENCE_LENGTH = 500
"""Words that a model reads: the last 500 of a review."""

SEPARATORS = '!"#$%&()*+,-./:;<=>?@[\\]^_{|}~`\t\n\r'
"""Keras's own filter, and the carriage return that Windows puts before a newline."""

# Spelt out, since `\s` is Unicode's in Python and ASCII's in Arrow.
_BREAK = re.compile(r"<br[ \t\n\r\f]*/?>")
_TO_SPACE = str.maketrans(dict.fromkeys(SEPARATORS, " "))


def split_words(text: str) -> list[str]:
    """Split one review into lower-case words, in order; HTML line breaks and separators are spaces."""
    lowered = _BREAK.sub(" ", text.lower()).translate(_TO_SPACE)
    return [word for word in lowered.split(" ") if word]


def find_worded(texts: pa.Array) -> pa.Array:
    """Tell which texts have at least one word: [n] strings to [n] booleans, null where the text is null."""
    without_breaks = pc.replace_substring_regex(texts, "(?i)" + _BREAK.pattern, " ")
    return pc.match_substring_regex(without_breaks, "[^ " + re.escape(SEPARATORS) + "]")


@dataclass(frozen=True)
class Vocabulary:
    """The words that a model knows, most frequent first; a word's id is its position from 1."""

    words: tuple[str, ...]

    def ids(self) -> dict[str, int]:
        """Map each word to its id, 1 to `len(words)`."""
        return {word: position for position, word in enumerate(self.words, start=1)}


def build_vocabulary(texts: Iterable[str], size: int = VOCABULARY_SIZE) -> Vocabulary:
    """Rank the words of `texts` by frequency, ties in alphabetical order, and keep the first `size - 1`."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(split_words(text))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return Vocabulary(tuple(ranked[: size - 1]))


@dataclass(frozen=True)
class EncodedReviews:
    """Reviews as a model reads them, with what their encoding lost; n is the number of reviews."""

    ids: NDArray[np.int32]
    """[n, length] word ids, padded in front with 0."""
    token_count: NDArray[np.int32]
    """[n] words in the whole text."""
    oov_rate: NDArray[np.float32]
    """[n] share of the text's words outside the vocabulary, 0 to 1; 1 where there is no word."""
    truncated: NDArray[np.bool_]
    """[n] whether the text has more words than the model reads."""


def encode_reviews(
    texts: Sequence[str], word_ids: Mapping[str, int], length: int = SEQUENCE_LENGTH
) -> EncodedReviews:
    """Encode `texts`: the last `length` words of each, in order, shorter ones padded in front with 0.

    `word_ids` is `Vocabulary.ids()`; a word outside it becomes 0.
    """
    ids = np.zeros((len(texts), length), dtype=np.int32)
    token_count = np.zeros(len(texts), dtype=np.int32)
    unknown_count = np.zeros(len(texts), dtype=np.int32)
    lookup = word_ids.get
    for row, text in enumerate(texts):
        review = [lookup(word, 0) for word in split_words(text)]
        token_count[row] = len(review)
        unknown_count[row] = review.count(0)
        kept = review[-length:]
        if kept:
            ids[row, -len(kept) :] = kept
    oov_rate = np.where(token_count > 0, unknown_count / np.maximum(token_count, 1), 1.0).astype(np.float32)
    return EncodedReviews(ids, token_count, oov_rate, token_count > length)
