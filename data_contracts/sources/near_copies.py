"""Finds near-copies: texts that differ by a number, a name or a few words.

A text is folded to its words, in lower case, without digits and punctuation, and known by every four words that stand
together in its beginning. By each of several hash functions the smallest of their hashes is kept. Two texts have the
same smallest hash as often as they share such words (Broder, *On the resemblance and containment of documents*, 1997),
and two of them at once hardly ever by chance, however often both say *one of the best*. Imports only Arrow and NumPy.
"""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BEGINNING = 600
"""Bytes of a text that are looked at; more of them cost time. A text is some five of them a word."""
_WORDS = 4
"""Words that are hashed together; of a text with fewer, all."""
_HASHES = 6
"""Hash functions by which texts are compared with each other. The key that is stored rests on the first two."""
_CHUNK = 256
"""Texts that are hashed at once: what that takes fits the caches of a core."""
_FACTOR, _MIX = 0x9E3779B1, np.uint64(0xD6E8FEB86659FD93)
_NONE, _HALF = np.uint64(2**64 - 1), np.uint64(32)
_SEEDS = np.arange(1, _HASHES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
_LETTERS = np.array(
    [
        byte + 32 if 65 <= byte <= 90 else byte if 97 <= byte <= 122 or byte >= 128 else 0
        for byte in range(256)
    ],
    np.uint32,
)
"""What each byte of UTF-8 is folded to; 0 for what stands between words."""


def _list_powers(factor: int) -> NDArray[np.uint32]:
    """Return the powers of a factor, one for each byte of a chunk."""
    factors = np.full(_CHUNK * (BEGINNING + 1) + 1, factor, np.uint32)
    factors[0] = 1
    return np.multiply.accumulate(factors, dtype=np.uint32)


_POWERS, _INVERSES = _list_powers(_FACTOR), _list_powers(pow(_FACTOR, -1, 2**32))


def make_near_keys(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a number for each text, [n], which most near-copies of it have too; null for a text without a word."""
    hashes = _hash_texts(texts, 2)
    return pa.array(_join(hashes[:, 0], hashes[:, 1]), mask=hashes[:, 0] == _NONE)


def mark_first(texts: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return which texts, [n], are a near-copy of none before them: two of six hashes are the same in near-copies."""
    hashes = _hash_texts(texts, _HASHES)
    first = np.ones(len(hashes), bool)
    for one, other in combinations(hashes.T, 2):
        is_first = np.zeros(len(hashes), bool)
        is_first[np.unique(_join(one, other), return_index=True)[1]] = True
        first &= is_first
    first |= hashes[:, 0] == _NONE
    return first


def _join(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a number for each pair of hashes."""
    return _mix(one) + other


def _hash_texts(texts: pa.Array | pa.ChunkedArray, hashes: int) -> NDArray[np.uint64]:
    """Return the smallest hashes [n, hashes] of n texts; `_NONE` for a text without a word."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    chunks = [_hash_chunk(texts.slice(start, _CHUNK), hashes) for start in range(0, len(texts), _CHUNK)]
    return np.concatenate([np.zeros((0, hashes), np.uint64), *chunks])


def _hash_chunk(texts: pa.Array, hashes: int) -> NDArray[np.uint64]:
    """Return the smallest hashes of the texts of a chunk."""
    beginnings = pc.binary_slice(texts.cast(pa.string()).cast(pa.binary()), 0, BEGINNING)
    ended = pc.binary_join_element_wise(beginnings, b"\n", b"")  # so that no word goes on in the next text
    _, bounds, data = ended.buffers()
    ends = np.frombuffer(bounds, np.int32)[: len(ended) + 1]
    words, starts = _hash_words(np.frombuffer(data, np.uint8)[: ends[-1]])
    first = np.searchsorted(starts, ends)
    return _find_smallest(words, first, hashes)


def _hash_words(data: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """Return the hash of each word of a chunk, and where it begins; the data ends between words."""
    letters = _LETTERS[data]
    is_letter = np.concatenate([[False], letters != 0])
    edges = np.flatnonzero(is_letter[1:] != is_letter[:-1])
    starts, ends = edges[::2], edges[1::2]
    # A word is the polynomial of its letters: the difference of two sums, wherever it stands.
    sums = np.zeros(len(data) + 1, np.uint32)
    np.cumsum(letters * _POWERS[: len(data)], dtype=np.uint32, out=sums[1:])
    return _mix(((sums[ends] - sums[starts]) * _INVERSES[starts]).astype(np.uint64)), starts


def _find_smallest(words: NDArray[np.uint64], first: NDArray[np.intp], hashes: int) -> NDArray[np.uint64]:
    """Return the smallest hashes [n, hashes] of the words of n texts; those of text i begin at `first[i]`."""
    counts = np.diff(first)
    begin, end = np.repeat(first[:-1], counts), np.repeat(first[1:], counts)
    place = np.arange(len(words))
    padded = np.concatenate([words, np.zeros(_WORDS, np.uint64)])
    together = words
    for step in range(1, _WORDS):
        following = np.where(place + step < end, padded[step : step + len(words)], 0)
        together = _mix(together) + following
    whole = (place + _WORDS <= end) | (place == begin)
    found = np.full((len(counts), hashes), _NONE)
    filled = np.flatnonzero(counts)
    for number, seed in enumerate(_SEEDS[:hashes]) if len(filled) else ():
        hashed = np.where(whole, _mix(together ^ seed), _NONE)
        found[filled, number] = np.minimum.reduceat(hashed, first[filled])
    return found


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers of which each bit depends on all bits of the given ones."""
    for _ in range(2):
        numbers = (numbers ^ (numbers >> _HALF)) * _MIX
    return numbers ^ (numbers >> _HALF)
