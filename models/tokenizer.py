"""Splits texts into words and encodes them as ids, in the same way for training and scoring.

The rules are those of `keras.preprocessing.text.Tokenizer`: lower case, a fixed set of separators, words
ranked by frequency. HTML line breaks and carriage returns separate words too. Every word outside the vocabulary
becomes 0, which is also the padding id; there is neither a start marker nor an unknown-word marker.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

VOCABULARY_SIZE = 5000
"""Ids in use: 0 for padding and unknown words, 1 to 4,999 for the most frequent words."""

SEQUENCE_LENGTH = 500
"""Number of words that a model reads: the last 500 of a review."""

SEPARATORS = '!"#$%&()*+,-./:;<=>?@[\\]^_{|}~`\t\n\r'
"""Keras's own filter, and the carriage return that Windows puts before a newline."""

# The spaces are listed, since `\s` matches Unicode spaces in Python and only ASCII spaces in Arrow.
_BREAK = re.compile(r"<br[ \t\n\r\f]*/?>")
_WORD = "[^ " + re.escape(SEPARATORS) + "]"
_FIRST_CHARACTERS = 64
_TO_SPACE = str.maketrans(dict.fromkeys(SEPARATORS, " "))

# For the UTF-8 bytes of many texts joined by a byte that never occurs in UTF-8.
_BREAK_BYTES = re.compile(_BREAK.pattern.encode())
_BORDER = b"\xff"
_BETWEEN_WORDS = SEPARATORS.encode() + b" " + _BORDER
_IS_LETTER = bytes(byte not in _BETWEEN_WORDS for byte in range(256))
_TEXTS_AT_ONCE = 512


def split_words(text: str) -> list[str]:
    """Split one review into lower-case words, in order; HTML line breaks and separators count as spaces."""
    lowered = _BREAK.sub(" ", text.lower()).translate(_TO_SPACE)
    return [word for word in lowered.split(" ") if word]


@dataclass(frozen=True)
class LocatedWord:
    """A lower-case word, and its place in the original text: `text[start:stop]`."""

    word: str
    start: int
    stop: int


def locate_words(text: str) -> list[LocatedWord]:
    """Return the words of `split_words`, in order, with their places in the original text."""
    lowered = text.lower()
    # Breaks become as many spaces as they have characters, so that positions stay the same.
    spaced = _BREAK.sub(lambda found: " " * len(found[0]), lowered)
    positions = _follow_lowering(text, lowered)
    return [
        LocatedWord(found[0], positions[found.start()], positions[found.end()])
        for found in re.finditer(_WORD + "+", spaced)
    ]


def _follow_lowering(text: str, lowered: str) -> Sequence[int]:
    """Return the position in `text` of each character of `lowered`, and at the end the length of `text`."""
    if len(lowered) == len(text):
        return range(len(text) + 1)
    # Some characters, such as the Turkish dotted capital I, become two in lower case.
    return [*(place for place, letter in enumerate(text) for _ in letter.lower()), len(text)]


def mark_texts_with_words(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return which texts have at least one word: [n] strings to [n] booleans, null where the text is null.

    For speed, only texts without a word in their first characters, or with a possible break there, are searched whole.
    """
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    starts = pc.utf8_slice_codeunits(texts, 0, _FIRST_CHARACTERS)
    may_hold_break = pc.match_substring(starts, "<")
    has_word = pc.and_(pc.match_substring_regex(starts, _WORD), pc.invert(may_hold_break))
    unsure = pc.invert(pc.fill_null(has_word, True))
    whole = pc.replace_substring_regex(texts.filter(unsure), "(?i)" + _BREAK.pattern, " ")
    return pc.replace_with_mask(has_word, unsure, pc.match_substring_regex(whole, _WORD))


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
    """Reviews encoded as word ids, with what the encoding lost; n is the number of reviews."""

    word_ids: NDArray[np.int32]
    """[offsets[n]] the ids of the last `length` words of each review, one review after the other."""
    offsets: NDArray[np.int64]
    """[n + 1] where the ids of each review begin in `word_ids`, and where those of the last review end."""
    length: int
    """Number of words that the model reads of a review."""
    token_count: NDArray[np.int32]
    """[n] number of words in the whole text."""
    oov_rate: NDArray[np.float32]
    """[n] share of the text's words outside the vocabulary, 0 to 1; 1 if the text has no word."""
    truncated: NDArray[np.bool_]
    """[n] whether the text has more words than the model reads."""

    def __len__(self) -> int:
        """Return n, the number of reviews."""
        return len(self.token_count)

    def take(self, rows: NDArray[np.integer[Any]]) -> "EncodedReviews":
        """Return the reviews at the positions `rows`, in their order."""
        words = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(words)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], words)
        word_ids = self.word_ids[np.repeat(self.offsets[rows], words) + within]
        kept = self.token_count[rows], self.oov_rate[rows], self.truncated[rows]
        return EncodedReviews(word_ids, offsets, self.length, *kept)

    def pad(self, rows: NDArray[np.integer[Any]] | None = None) -> NDArray[np.int32]:
        """Return the reviews at the positions `rows` (all by default) as ids [rows, length], padded in front with 0."""
        chosen = np.arange(len(self)) if rows is None else rows
        padded = np.zeros((len(chosen), self.length), dtype=np.int32)
        for row, (start, stop) in enumerate(
            zip(self.offsets[chosen].tolist(), self.offsets[1:][chosen].tolist(), strict=True)
        ):
            if stop > start:
                padded[row, start - stop :] = self.word_ids[start:stop]
        return padded


def encode_reviews(
    texts: Sequence[str] | pa.Array, word_ids: Mapping[str, int], length: int = SEQUENCE_LENGTH
) -> EncodedReviews:
    """Encode the last `length` words of each of `texts`, in order.

    `word_ids` is `Vocabulary.ids()`; a word outside it becomes 0. The words are those of `split_words`; for speed, they
    are found in the bytes of many texts at once.
    """
    texts = to_bytes(texts)
    known = to_bytes(list(word_ids))
    id_of = np.array([*word_ids.values(), 0], dtype=np.int32)  # the last entry is for unknown words
    parts = [
        _encode_part(texts.slice(start, _TEXTS_AT_ONCE).to_pylist(), known, id_of, length)
        for start in range(0, max(len(texts), 1), _TEXTS_AT_ONCE)
    ]
    ids, token_count, unknown_count = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _join_encoded(ids, token_count, unknown_count, length)


def encode_few_reviews(
    texts: Sequence[str] | pa.Array, word_ids: Mapping[str, int], length: int = SEQUENCE_LENGTH
) -> EncodedReviews:
    """Encode a few texts as `encode_reviews` does, but word by word, which spares the time to prepare `word_ids`."""
    decoded = (text.decode("utf-8", "surrogatepass") for text in to_bytes(texts).to_pylist())
    return encode_ids([[word_ids.get(word, 0) for word in split_words(text)] for text in decoded], length)


def encode_ids(reviews: Sequence[Sequence[int]], length: int) -> EncodedReviews:
    """Return reviews, given as the ids of all their words, as they are encoded."""
    ids = np.array([word_id for review in reviews for word_id in review[-length:]], np.int32)
    token_count = np.array([len(review) for review in reviews], np.int32)
    unknown_count = np.array([review.count(0) for review in reviews], np.int32)
    return _join_encoded(ids, token_count, unknown_count, length)


def _join_encoded(
    ids: NDArray[np.int32], token_count: NDArray[np.int32], unknown_count: NDArray[np.int32], length: int
) -> EncodedReviews:
    """Return the encoded reviews of the ids of their last `length` words, and of the counts of all their words."""
    offsets = np.concatenate([[0], np.cumsum(np.minimum(token_count, length), dtype=np.int64)])
    oov_rate = np.where(token_count > 0, unknown_count / np.maximum(token_count, 1), 1.0).astype(np.float32)
    return EncodedReviews(ids, offsets, length, token_count, oov_rate, token_count > length)


def to_bytes(texts: Sequence[str] | pa.Array) -> pa.Array:
    """Convert texts, [n], to an Arrow array of their UTF-8 bytes; a lone surrogate is encoded like a character."""
    if isinstance(texts, pa.Array):
        return texts.cast(pa.large_binary())
    return pa.array([text.encode("utf-8", "surrogatepass") for text in texts], pa.large_binary())


def _lower(text: bytes) -> bytes:
    """Lower-case a text; return plain ASCII as it is, since `_find_words` lower-cases ASCII letters of all texts."""
    if text.isascii():
        return text
    return text.decode("utf-8", "surrogatepass").lower().encode("utf-8", "surrogatepass")


def _encode_part(
    texts: Sequence[bytes], known: pa.Array, id_of: NDArray[np.int32], length: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return the ids of the last `length` words of all texts, and the counts of words and unknown words of each text.

    `id_of` has the id of each word of `known`, then that of unknown words.
    """
    words, first_words = _find_words(texts)
    positions = pc.index_in(words, value_set=known).fill_null(len(known)).to_numpy(zero_copy_only=False)
    ids = id_of[positions]
    token_count = np.diff(first_words)
    unknown_before = np.concatenate([[0], np.cumsum(ids == 0)])
    unknown_count = np.diff(unknown_before[first_words])
    if (token_count > length).any():
        words_after = np.repeat(first_words[1:], token_count) - np.arange(len(ids))
        ids = ids[words_after <= length]
    return ids, token_count.astype(np.int32), unknown_count.astype(np.int32)


def _find_words(texts: Sequence[bytes]) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the words of n texts as bytes, and the position of each text's first word: [n + 1], their count last."""
    joined = _BREAK_BYTES.sub(b" ", _BORDER.join([b"", *map(_lower, texts), b""]).lower())
    characters = np.frombuffer(joined, np.uint8)
    in_word = np.frombuffer(joined.translate(_IS_LETTER), np.bool_)
    edges = np.flatnonzero(in_word[1:] != in_word[:-1]) + 1
    starts, stops = edges[::2], edges[1::2]
    ends = np.concatenate([[0], np.cumsum(stops - starts, dtype=np.int64)])
    letters = np.compress(in_word, characters)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(letters)]
    words = pa.Array.from_buffers(pa.large_binary(), len(starts), buffers)
    borders = np.flatnonzero(characters == _BORDER[0])
    return words, np.searchsorted(starts, borders).astype(np.int64)
