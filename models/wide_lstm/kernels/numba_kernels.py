"""The kernels of the wide LSTM, compiled by Numba: the NumPy kernels' numbers, to the last bit, in a third of the time.

Importing this module compiles them, which takes some seconds; later processes load what was compiled in 0.3 s. So it is
imported only where many reviews are scored (`models.wide_lstm.kernels.choice`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.wide_lstm.kernels.numba_setup import compile_kernel
from models.wide_lstm.kernels.numpy_convolution import Convolution
from models.wide_lstm.ngrams import LONGEST, NgramModel
from models.wide_lstm.number_table import MULTIPLIER, count_shift


def pool_words(convolution: Convolution, windows: NDArray[np.int32]) -> NDArray[np.float32]:
    """Compute what `models.wide_lstm.kernels.numpy_convolution.pool_words` does."""
    steps = windows.shape[1] // convolution.step
    pooled = np.zeros((steps, len(windows), len(convolution.bias)), np.float32)
    _pool_words(
        np.ascontiguousarray(windows), convolution.table, convolution.bias, np.int64(convolution.step), pooled
    )
    return pooled


@compile_kernel("void(int32[:, ::1], float32[:, :, ::1], float32[::1], int64, float32[:, :, ::1])")
def _pool_words(windows: Any, table: Any, bias: Any, step: Any, pooled: Any) -> None:
    """Raise `pooled` from zeros: add the row of each word to all outputs that it reaches, so that it is read once."""
    count, words = windows.shape
    places, channels = table.shape[1], table.shape[2]
    after = places - 1 - (places - 1) // 2
    outputs = np.empty((words + places - 1, channels), np.float32)  # with those before and after the window
    for window in range(count):
        outputs[:] = bias
        for word in range(words):
            number = windows[window, word]
            if number > 0:
                for place in range(places):
                    output = word + places - 1 - place
                    for channel in range(channels):
                        outputs[output, channel] += table[number, place, channel]
        for output in range(words):
            highest = pooled[output // step, window]
            for channel in range(channels):
                highest[channel] = max(highest[channel], outputs[output + after, channel])


def compute_logits_from(
    model: NgramModel, ids: NDArray[np.int32], vocabulary_size: int, starts: Sequence[int]
) -> list[NDArray[np.float64]]:
    """Compute what `models.wide_lstm.ngrams.compute_logits_from` does."""
    table = model.table
    logits = np.empty((len(starts), len(ids), len(model.bias)))
    _weigh_ngrams(
        np.ascontiguousarray(ids),
        np.asarray(starts, np.int64),
        (np.int64(vocabulary_size), count_shift(len(table.numbers)), table.numbers, table.places),
        (model.terms, model.bias),
        logits,
    )
    return list(logits)


@compile_kernel()
def _find_places(words: Any, table: Any, found: Any, first: Any) -> int:
    """Put the places of a review's n-grams into `found`, those of their first words into `first`; count them."""
    vocabulary_size, shift, numbers, places = table
    count = 0
    for start in range(len(words)):
        number = np.int64(0)
        for word in range(start, min(start + LONGEST, len(words))):
            if words[word] <= 0:
                break
            number = number * vocabulary_size + words[word]
            slot = np.int64((np.uint64(number) * MULTIPLIER) >> shift)
            while numbers[slot] != 0 and numbers[slot] != number:
                slot = (slot + 1) & (len(numbers) - 1)
            if numbers[slot] == number:
                found[count], first[count] = places[slot], start
                count += 1
    return count


@compile_kernel()
def _weigh_places(inside: Any, terms: Any, bias: Any, logits: Any) -> None:
    """Fill the logits [k] of a review by the places of its n-grams, rising; each counts once."""
    for weighting in range(len(bias)):
        total = square = 0.0
        last = np.int64(-1)
        for place in inside:
            if place != last:
                total += terms[place, weighting]
                square += terms[place, len(bias) + weighting]
                last = place
        logits[weighting] = total / (np.sqrt(square) if square > 0 else 1.0) + bias[weighting]


@compile_kernel(
    "void(int32[:, ::1], int64[::1], Tuple((int64, uint64, int64[::1], int32[::1])), "
    "Tuple((float64[:, ::1], float64[::1])), float64[:, :, ::1])"
)
def _weigh_ngrams(ids: Any, starts: Any, table: Any, model: Any, logits: Any) -> None:
    """Fill `logits` [starts, n, k] of reviews `ids` [n, length]."""
    length = ids.shape[1]
    found = np.empty(LONGEST * length, np.int64)
    first = np.empty(LONGEST * length, np.int64)
    for row in range(len(ids)):
        count = _find_places(ids[row], table, found, first)
        for number in range(len(starts)):
            inside = np.sort(found[:count][first[:count] >= starts[number]])
            _weigh_places(inside, *model, logits[number, row])
