"""Trains a small wide LSTM for tests."""

import atexit
import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import models.training.fit
import models.training.journal
from models.training.fit import train_variant
from models.training.journal import Journal
from models.training.reviews import LabelledReviews
from models.training.trained_model import TrainedModel
from tests.support.compiled_once import keep_compiled
from tests.support.small_models import give_reviews, make_small_wide_variant

VARIANT = make_small_wide_variant(vocabulary_size=60)
"""What is trained, by one compiled step. A flow trains it too: its contract asks for 50 words."""
ROWS, EPOCHS = 120, 2
PRAISE, BLAME = 1, 2


def make_praise_or_blame(rows: int, seed: int = 0) -> LabelledReviews:
    """Make reviews of 5 to 24 words in which one word is praise or blame."""
    random = np.random.default_rng(seed)
    ids = random.integers(3, 40, (rows, 24)).astype(np.int32)
    positive = random.random(rows) < 0.5
    for row, words in enumerate(ids):
        count = random.integers(5, 25)
        words[: 24 - count] = 0
        words[24 - random.integers(1, count + 1)] = PRAISE if positive[row] else BLAME
    return LabelledReviews(ids, positive.astype(np.float32))


def train(
    *,
    rows: int = ROWS,
    unlabelled: int = 40,
    epochs: int = EPOCHS,
    **options: Any,
) -> TrainedModel:
    """Train a small wide LSTM on `rows` labelled reviews and some unlabelled ones, by what was compiled before."""
    others: NDArray[np.int32] | None = make_praise_or_blame(unlabelled, seed=2).ids if unlabelled else None
    reviews = give_reviews(make_praise_or_blame(rows), make_praise_or_blame(60, seed=1), others)
    given = {"seed": 0, "epochs": epochs, **options}
    with keep_compiled():
        return train_variant(VARIANT, reviews, **given)


@dataclass(frozen=True)
class Training:
    """A training and what was seen of it."""

    model: TrainedModel
    told: tuple[int, ...]
    """The rows that it reported."""
    passed: tuple[str, ...]
    """The fault points that it passed."""
    folder: Path | None = None
    """The folder with a checkpoint after each batch, if it kept them."""


def observe(*, folder: Path | None = None, **options: Any) -> Training:
    """Train as `train` does, and keep what the training reports and passes, and in `folder` all its checkpoints."""
    told: list[int] = []
    passed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models.training.fit, "pass_fault_point", passed.append)
        patch.setattr(models.training.journal, "KEPT", 1000)
        trained = train(journal=Journal(told.append, folder, save_seconds=0.0), **options)
    return Training(trained, tuple(told), tuple(passed), folder)


@functools.cache
def train_usual() -> Training:
    """Train with the defaults of `train`, once per process, and keep its checkpoints until the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="checkpoints-"))
    atexit.register(shutil.rmtree, folder)
    return observe(folder=folder)


def list_equal(one: TrainedModel, other: TrainedModel) -> list[bool]:
    """Return for each tensor of weights whether two models have equal values."""
    pairs = zip(one.model.get_weights(), other.model.get_weights(), strict=True)
    return [bool(np.array_equal(first, second)) for first, second in pairs]
