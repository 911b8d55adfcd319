"""The reviews of a training: encoded, with their labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelledReviews:
    """Padded reviews with their labels; n is the number of reviews."""

    ids: NDArray[np.int32]
    """[n, sequence_length] word ids, padded in front with 0."""
    positive: NDArray[np.float32]
    """[n] 1 where the review is positive, else 0."""


@dataclass(frozen=True)
class TrainingReviews:
    """The reviews of one training; test reviews are never among them."""

    train: LabelledReviews
    validation: LabelledReviews
    """Reviews of held-out titles, on which the training chooses the epoch and its other settings."""
    unlabelled: NDArray[np.int32]
    """[m, sequence_length] reviews without a label, like `LabelledReviews.ids`; m is 0 if the variant reads none."""
