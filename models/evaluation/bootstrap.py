"""Bootstrap intervals of figures over the titles of reviews.

The bootstrap draws whole titles, since the errors on reviews of one movie are correlated. Each of `RESAMPLES` draws
takes as many titles as there are, with replacement. Needs numpy.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 20_111
"""Seed of the bootstrap, fixed so that the same scores give the same interval."""
CONFIDENCE = 0.95
_DRAWN_AT_ONCE = 2_000_000
"""Titles times resamples drawn at a time; limits the memory."""


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval of confidence `CONFIDENCE`, unless the field states another confidence."""

    value: float
    lower: float
    upper: float


def find_interval(value: float, draws: NDArray[np.float64], confidence: float = CONFIDENCE) -> Interval:
    """Return the percentile interval of bootstrap draws; ignore draws without a review, which are NaN."""
    tail = (1 - confidence) / 2
    known = draws[~np.isnan(draws)]
    lower, upper = np.quantile(known, (tail, 1 - tail)) if len(known) else (math.nan, math.nan)
    return Interval(value, float(lower), float(upper))


def resample_means(
    values: Sequence[NDArray[np.float64]],
    masks: Sequence[NDArray[np.bool_]],
    titles: Sequence[str],
) -> NDArray[np.float64]:
    """Return the mean of each of k `values` [n] over its mask [n] in every bootstrap draw: [RESAMPLES, k].

    `titles` [n] names the title of each review; if all are different, reviews are drawn one by one. A mean is NaN
    where a draw has no review of the mask. The same arguments give the same means.
    """
    _, title_of = np.unique(np.array(titles, dtype=np.str_), return_inverse=True)
    count = int(title_of.max()) + 1
    columns = [value * mask for value, mask in zip(values, masks, strict=True)] + [*map(np.float64, masks)]
    by_title = np.stack([np.bincount(title_of, column, count) for column in columns], axis=1)
    draw = _draw_few if count * RESAMPLES <= _DRAWN_AT_ONCE else draw_counts
    totals = np.concatenate([drawn @ by_title for drawn in draw(count)])
    sums, reviews = totals[:, : len(values)], totals[:, len(values) :]
    means: NDArray[np.float64] = np.divide(sums, reviews, out=np.full_like(sums, np.nan), where=reviews > 0)
    return means


def draw_counts(titles: int) -> Iterator[NDArray[np.int64]]:
    """Yield how often each draw takes each title, some draws at a time: [draws, titles]."""
    random, at_once = np.random.default_rng(SEED), max(1, _DRAWN_AT_ONCE // titles)
    for start in range(0, RESAMPLES, at_once):
        yield random.multinomial(titles, np.full(titles, 1 / titles), size=min(at_once, RESAMPLES - start))


@lru_cache(maxsize=1)
def _draw_few(titles: int) -> tuple[NDArray[np.int64], ...]:
    """Return what `draw_counts` yields, drawn once for all figures over as many titles."""
    return tuple(draw_counts(titles))
