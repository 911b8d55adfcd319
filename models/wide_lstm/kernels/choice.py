"""Chooses NumPy or compiled code by the number of reviews; both give the same numbers."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.graphs.engine_interface import MANY_REVIEWS
from models.wide_lstm.kernels.numpy_convolution import Convolution, pool_words
from models.wide_lstm.ngrams import NgramModel, compute_logits_from

COMPILED_FROM = MANY_REVIEWS
"""Reviews in a call from which compiled code gains more than the time in which it is loaded."""


@dataclass(frozen=True)
class Kernels:
    """Two functions that give the same numbers, to the last bit, however they are computed."""

    pool_words: Callable[[Convolution, NDArray[np.int32]], NDArray[np.float32]] = pool_words
    """Described in `models.wide_lstm.kernels.numpy_convolution`."""
    compute_logits_from: Callable[[NgramModel, NDArray[np.int32], int, Sequence[int]], list[NDArray[Any]]] = (
        compute_logits_from
    )
    """Described in `models.wide_lstm.ngrams`."""


def choose_kernels(reviews: int) -> Kernels:
    """Return the kernels for a call of that many reviews: compiled code for many, or once it is loaded."""
    is_loaded = _load_compiled.cache_info().currsize
    return _load_compiled() if is_loaded or reviews >= COMPILED_FROM else Kernels()


@functools.cache
def _load_compiled() -> Kernels:
    """Load the compiled kernels, which this process then uses for few reviews too."""
    from models.wide_lstm.kernels import numba_kernels

    return Kernels(numba_kernels.pool_words, numba_kernels.compute_logits_from)
