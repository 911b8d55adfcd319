"""Which training rows are held out for validation: a tenth of the titles, so no movie is on both sides."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

VALIDATION_SHARE = 0.1


def hold_out_titles(movie_ids: Sequence[str]) -> NDArray[np.bool_]:
    """Mark the validation rows, [n] bool; the choice depends on the set of titles alone.

    The titles are ordered by the sha256 of their id and the first tenth is held out, so that every seed,
    model and run validates on the same movies.
    """
    titles = sorted(set(movie_ids), key=lambda title: sha256(title.encode()).digest())
    held_out = set(titles[: max(1, round(len(titles) * VALIDATION_SHARE))])
    return np.fromiter((movie_id in held_out for movie_id in movie_ids), dtype=bool, count=len(movie_ids))
