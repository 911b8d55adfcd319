"""Tests that word vectors are deterministic, and similar for words in the same contexts."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.wide_lstm.word_vectors import fit_word_vectors

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[2]


def make_reviews(rows: int) -> NDArray[np.int32]:
    """Make reviews of words 1 to 3 or of words 4 to 6, never mixed; word 7 does not occur."""
    random = np.random.default_rng(0)
    kind = random.integers(0, 2, (rows, 1))
    ids = (random.integers(1, 4, (rows, 20)) + 3 * kind).astype(np.int32)
    ids[:, :5] = 0
    return ids


def test_padding_and_words_that_stand_nowhere_have_no_vector() -> None:
    vectors = fit_word_vectors(make_reviews(40), 8, 6, seed=0)
    assert vectors.shape == (8, 6)
    assert vectors.dtype == np.float32
    assert (vectors.any(axis=1) == [False, *[True] * 6, False]).all()


@pytest.mark.process
def test_another_process_gives_the_same_vectors() -> None:
    code = (
        "import numpy as np; from models.wide_lstm.word_vectors import fit_word_vectors\n"
        "ids = np.random.default_rng(0).integers(0, 30, (50, 20)).astype(np.int32)\n"
        "print(fit_word_vectors(ids, 30, 6, seed=1).tobytes().hex())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(number)},
            capture_output=True,
            text=True,
            check=True,
        )
        for number in (1, 2)
    ]
    assert said[0].stdout == said[1].stdout != ""
    assert said[0].stderr == ""


def test_words_that_stand_together_are_alike() -> None:
    vectors = fit_word_vectors(make_reviews(3000), 7, 8, seed=0)[1:]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = unit @ unit.T
    same = np.kron(np.eye(2), np.ones((3, 3))) > 0
    assert alike[same].min() > alike[~same].max()
