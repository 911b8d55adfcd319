"""Reviews cut into windows of equal length: what the wide LSTM reads one by one, in training and in scoring."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cut_windows(ids: NDArray[np.int32], size: int) -> tuple[NDArray[np.int32], NDArray[np.integer[Any]]]:
    """Cut reviews [n, length], padded in front, into windows [w, size]; give with each the review it is of, [w].

    Windows without a known word are left out, since nothing is read in them; of each review the last one stays.
    `length` must be a multiple of `size`.
    """
    count, length = ids.shape
    windows = ids.reshape(count, length // size, size)
    read: NDArray[np.bool_] = np.asarray(windows.any(axis=2))
    read[:, -1] = True
    return windows[read], np.nonzero(read)[0]
