"""Runs a computation over encoded reviews in batches, one thread a core: what the engines of all kinds share."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.tokenizer import EncodedReviews

BATCH_ROWS = 64
"""Reviews that are computed side by side: more gain nothing, and the memory of a batch grows with them."""
SMALLEST_BATCH_ROWS = 16
"""Below this the products are too thin to be fast."""
BATCHES_A_THREAD = 4
"""Few reviews are cut into this many batches a thread, so that all end at about the same time."""

ComputeBatch = Callable[[NDArray[np.int32], NDArray[np.int64]], NDArray[np.floating[Any]]]
"""Ids [m, sequence length], padded in front, and the words of each review [m], longest first, to values [m, k]."""


def compute_in_batches(
    encoded: EncodedReviews, sequence_length: int, width: int, compute: ComputeBatch
) -> NDArray[np.float64]:
    """Compute `width` values for each of n encoded reviews, [n, width] in their order, on all cores.

    Raises `ValueError` for reviews that were not encoded with `sequence_length`.
    """
    if encoded.length != sequence_length:
        raise ValueError(f"the model reads {sequence_length} words, the reviews have {encoded.length}")
    words, threads = np.diff(encoded.offsets), count_cores()
    values = np.empty((len(words), width), np.float64)

    def fill(rows: NDArray[np.intp]) -> None:
        values[rows] = compute(encoded.pad(rows), words[rows])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, cut_batches(words, threads)))
    return values


def cut_batches(words: NDArray[np.int64], threads: int) -> list[NDArray[np.intp]]:
    """Put reviews of like length together, the longest first, in enough batches to keep all threads at work."""
    longest_first = np.argsort(-words, kind="stable")
    rows = min(BATCH_ROWS, max(SMALLEST_BATCH_ROWS, -(-len(words) // (BATCHES_A_THREAD * threads))))
    return [longest_first[start : start + rows] for start in range(0, len(words), rows)]


def count_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
