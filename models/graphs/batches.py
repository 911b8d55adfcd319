"""Runs a computation over encoded reviews in batches, with one thread per core; used by the engines of all kinds."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.tokenizer import EncodedReviews

BATCH_ROWS = 64
"""Reviews in a batch at most: larger batches take more memory and are not faster."""
SMALLEST_BATCH_ROWS = 16
"""Reviews in a batch at least, where there are enough: matrix products of fewer rows are slow."""
BATCHES_A_THREAD = 4
"""Batches for each thread where reviews are few, so that all threads end at about the same time."""

ComputeBatch = Callable[[NDArray[np.int32], NDArray[np.int64]], NDArray[np.floating[Any]]]
"""Maps ids [m, sequence length], padded in front, and word counts [m], longest first, to values [m, k]."""


def compute_in_batches(
    encoded: EncodedReviews, sequence_length: int, width: int, compute: ComputeBatch
) -> NDArray[np.float64]:
    """Compute `width` values for each of n encoded reviews on all cores; return [n, width] in their order.

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
    """Return the positions of the reviews in each batch, longest reviews first, similar lengths together.

    `words` [n] is the length of each review; there are enough batches to keep all threads at work.
    """
    longest_first = np.argsort(-words, kind="stable")
    rows = min(BATCH_ROWS, max(SMALLEST_BATCH_ROWS, -(-len(words) // (BATCHES_A_THREAD * threads))))
    return [longest_first[start : start + rows] for start in range(0, len(words), rows)]


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
