"""Splits the training rows into training and validation, and marks duplicate texts.

A tenth of the titles is held out for validation, so that no movie is in both parts. A text that occurs more than once
is used once.
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

VALIDATION_SHARE = 0.1


def hold_out_titles(movie_ids: Sequence[str]) -> NDArray[np.bool_]:
    """Return a mask [n] of the validation rows; it depends only on the set of titles.

    The titles are ordered by the sha256 of their id and the first tenth is held out, so that every seed,
    model and run validates on the same movies.
    """
    titles = sorted(set(movie_ids), key=lambda title: sha256(title.encode()).digest())
    held_out = set(titles[: max(1, round(len(titles) * VALIDATION_SHARE))])
    return np.fromiter((movie_id in held_out for movie_id in movie_ids), dtype=bool, count=len(movie_ids))


def mark_first_texts(text_sha256: Sequence[str], held_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask [n] with one row of each text: its first held-out row, or its first row if none is held out.

    So no text has double weight, and no validation text is also trained on under another title.
    """
    order = np.argsort(~held_out, kind="stable")
    _, first = np.unique(np.array(text_sha256, dtype=np.str_)[order], return_index=True)
    marked = np.zeros(len(held_out), dtype=bool)
    marked[order[first]] = True
    return marked
