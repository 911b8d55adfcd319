"""The convolution of the wide LSTM as a sum of rows that are looked up, with its highest values by steps, in NumPy.

Embedding and convolution are folded into one table. Its rows are what a word adds to the convolution's outputs, one for
each position of the word in the kernel.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOWS_AT_ONCE = 8
"""Windows whose outputs are computed at once: they fit in the cache of a core (0.3 MB with 160 filters)."""


@dataclass(frozen=True)
class Convolution:
    """What the convolution of windows needs."""

    table: NDArray[np.float32]
    """[words, kernel size, channels] what each word adds to each output that it reaches; zeros for the word 0."""
    bias: NDArray[np.float32]
    """[channels] of the outputs."""
    step: int
    """Outputs of which the highest values are kept."""


def make_convolution(
    vectors: NDArray[np.float32], kernel: NDArray[np.float32], bias: NDArray[np.float32], step: int
) -> Convolution:
    """Fold word vectors [words, size] and a kernel [kernel size, size, channels] into a table.

    The word 0, unknown or padding, adds nothing.
    """
    places, size, channels = kernel.shape
    table = (vectors @ kernel.transpose(1, 0, 2).reshape(size, -1)).reshape(-1, places, channels)
    table[0] = 0
    return Convolution(np.ascontiguousarray(table, np.float32), np.ascontiguousarray(bias, np.float32), step)


def pool_words(convolution: Convolution, windows: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the highest outputs of each step, or 0 if all are lower, of windows [w, words]: [steps, w, channels]."""
    shape = windows.shape[1] // convolution.step, len(windows), len(convolution.bias)
    pooled = np.empty(shape, np.float32)
    for start in range(0, len(windows), WINDOWS_AT_ONCE):
        stop = start + WINDOWS_AT_ONCE
        outputs = _convolve(convolution, windows[start:stop])
        steps = outputs.reshape(len(outputs), -1, convolution.step, shape[-1]).max(axis=2)
        pooled[:, start:stop] = np.maximum(steps, 0).swapaxes(0, 1)
    return pooled


def _convolve(convolution: Convolution, windows: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the outputs of the convolution of windows [w, words], [w, words, channels]."""
    _, places, channels = convolution.table.shape
    rows, words = convolution.table.reshape(-1, channels), windows.shape[1]
    outputs: NDArray[Any] = np.empty((*windows.shape, channels), np.float32)
    outputs[:] = convolution.bias
    for place in range(places):
        ahead = place - (places - 1) // 2
        first, last = max(-ahead, 0), max(words - max(ahead, 0), 0)
        read = windows[:, first + ahead : last + ahead]
        outputs[:, first:last] += rows.take(read * np.int64(places) + place, axis=0)
    return outputs
