"""Cuts reviews into the windows of equal length that the wide LSTM reads, in training and in scoring."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cut_windows(ids: NDArray[np.int32], size: int) -> tuple[NDArray[np.int32], NDArray[np.integer[Any]]]:
    """Cut reviews [n, length], padded in front, into windows [w, size]; return them and the review of each, [w].

    Windows without a known word are skipped, except the last one of a review. `length` must be a multiple of `size`.
    """
    count, length = ids.shape
    windows = ids.reshape(count, length // size, size)
    kept: NDArray[np.bool_] = np.asarray(windows.any(axis=2))
    kept[:, -1] = True
    return windows[kept], np.nonzero(kept)[0]
