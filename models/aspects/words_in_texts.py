"""Finds the words of many texts at once, with what separates them: nothing, a comma, the end of a clause or a sentence.

It works on the bytes of all texts joined, as `models.tokenizer` does: a loop over words would take longer than the
engine that scores them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

LETTER, SPACE, COMMA, CLAUSE, SENTENCE = range(5)
"""What a byte is, and what stands between two words: the highest of its bytes."""
_KINDS = {b" -\"*_~`'\t": SPACE, b",": COMMA, b";:()[]{}/|": CLAUSE, b".!?<>\n\r\xff": SENTENCE}
_TABLE = bytes(
    next(
        (kind for some, kind in _KINDS.items() if byte in some),
        LETTER if byte > 127 or chr(byte).isalnum() else SPACE,
    )
    for byte in range(256)
)
_APOSTROPHE = ord("'")
_PLAIN = {"’": "'", "—": ";", "–": ";", "…": ".", "“": '"', "”": '"'}
"""One character for one, so that places stay the same."""
_BORDER = b"\xff"


@dataclass(frozen=True)
class Words:
    """The w words of n texts, in order."""

    words: pa.Array
    """[w] in lower case, bytes."""
    text: NDArray[np.int64]
    """[w] the text of each word."""
    gap: NDArray[np.uint8]
    """[w] what stands before each word; `SENTENCE` before the first one of a text."""
    start: NDArray[np.int64]
    """[w] the place of its first character in its text."""
    stop: NDArray[np.int64]
    """[w] the place after its last character."""


def find_words(texts: Sequence[str]) -> Words:
    """Find the words of texts; an apostrophe inside a word belongs to it, a hyphen does not."""
    joined = (
        _BORDER.join([b"", *map(_to_plain_bytes, texts), b""])
        .replace(b" - ", b" ; ")
        .replace(b"--", b";;")
        .lower()
    )
    characters = np.frombuffer(joined, np.uint8)
    kinds = np.frombuffer(joined.translate(_TABLE), np.uint8).copy()
    quotes = np.flatnonzero(characters == _APOSTROPHE)
    inside = (kinds[quotes - 1] == LETTER) & (kinds[quotes + 1] == LETTER)
    kinds[quotes[inside]] = LETTER
    in_word = kinds == LETTER
    edges = np.flatnonzero(in_word[1:] != in_word[:-1]) + 1
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        none = np.zeros(0, np.int64)
        return Words(pa.array([], pa.large_binary()), none, none.astype(np.uint8), none, none)
    gap = _find_gaps(kinds, starts, stops)
    ends = np.concatenate([[0], np.cumsum(stops - starts)])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(np.compress(in_word, characters))]
    words = pa.Array.from_buffers(pa.large_binary(), len(starts), buffers)
    borders = np.flatnonzero(characters == _BORDER[0])
    text = np.searchsorted(borders, starts) - 1
    begins = (characters & 0xC0) != 0x80  # the bytes at which a character begins
    if len(joined) == begins.sum():
        first = borders[text] + 1
        return Words(words, text, gap, starts - first, stops - first)
    place = np.concatenate([[0], np.cumsum(begins)])
    first = place[borders[text] + 1]
    return Words(words, text, gap, place[starts] - first, place[stops] - first)


def _to_plain_bytes(text: str) -> bytes:
    """Encode a text, with plain quotes and dashes."""
    if text.isascii():
        return text.encode()
    for typographic, plain in _PLAIN.items():
        text = text.replace(typographic, plain)
    return text.encode("utf-8", "surrogatepass")


def _find_gaps(
    kinds: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return the highest kind of the bytes before each word, [w]; most gaps have one byte or two."""
    before = np.concatenate([[0], stops[:-1]])
    gap: NDArray[np.uint8] = np.maximum(kinds[before], kinds[starts - 1])
    (long,) = np.nonzero(starts - before > 2)
    if len(long):
        edges = np.ravel(np.column_stack([before[long], starts[long]]))
        gap[long] = np.maximum.reduceat(kinds, edges)[::2]
    return gap
