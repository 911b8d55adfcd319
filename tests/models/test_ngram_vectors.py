"""Tests that n-grams get a second weighting from reviews without a label, the same one each time."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

from models.training.journal import QUIET, Journal
from models.wide_lstm import ngram_vectors
from models.wide_lstm.ngram_vectors import PARTS, fit_vector_weighting, learn_sets, learn_vectors
from models.wide_lstm.ngrams import NgramModel, compute_ngram_logits

pytestmark = pytest.mark.training

NGRAMS = 31
"""The n-gram at place p is the word p + 1. The first 10 are praise, the next 10 blame, the next 10 say little."""
RARE = 30
"""It stands beside praise, but only in reviews without a label."""
RATIO = np.array([1.0] * 10 + [-1.0] * 10 + [0.1] * 10 + [-0.5])
POSITIVE = np.arange(80) % 2 == 0


def make_reviews(rows: int, seed: int) -> NDArray[np.int64]:
    """Make reviews [rows, n-grams]: every other one has some of the praise, the others some of the blame."""
    held = np.random.default_rng(seed).random((rows, NGRAMS)) < 0.4
    held[::2, 10:20] = held[1::2, :10] = held[:, RARE] = False
    return held.astype(np.int64)


LABELLED, UNLABELLED = make_reviews(80, 0), make_reviews(120, 1)
UNLABELLED[::4, RARE] = 1


def give(*reviews: NDArray[np.int64]) -> "scipy.sparse.csr_matrix":
    return scipy.sparse.csr_matrix(np.concatenate(reviews).astype(np.float32))


def weigh(ratio: NDArray[np.float64] = RATIO, seed: int = 0) -> NgramModel:
    column = ratio.astype(np.float32)[:, None]
    fitted = NgramModel(np.arange(1, NGRAMS + 1), column, np.zeros_like(column), np.zeros(1))
    return weigh_by_vectors(fitted, give(LABELLED, UNLABELLED), POSITIVE, seed)


def weigh_by_vectors(
    fitted: NgramModel, present: "scipy.sparse.csr_matrix", positive: NDArray[np.bool_], seed: int
) -> NgramModel:
    return fit_vector_weighting(fitted, present, positive, learn_sets(present, fitted.ratio[:, 0], seed))


def list_arrays(model: NgramModel) -> list[Any]:
    return [model.numbers.tolist(), model.ratio.tolist(), model.weight.tolist(), model.bias.tolist()]


@pytest.fixture(scope="module")
def weighed() -> NgramModel:
    return weigh()


def test_an_ngram_says_what_those_say_that_stand_beside_it_without_a_label(weighed: NgramModel) -> None:
    assert weighed.weight[:10].min() > 0 > weighed.weight[10:20].max()
    assert weighed.weight[RARE] > 0


def test_an_ngram_counts_by_its_ratio_whatever_the_sign_and_by_its_rarity(weighed: NgramModel) -> None:
    rarity = np.log(200 / np.concatenate([LABELLED, UNLABELLED]).sum(axis=0))
    assert weighed.ratio[:, 0] == pytest.approx(np.abs(RATIO) * rarity)


def test_the_weighting_tells_the_labels(weighed: NgramModel) -> None:
    ids = np.where(make_reviews(40, 2), np.arange(1, NGRAMS + 1), 0).astype(np.int32)
    assert ((compute_ngram_logits(weighed, ids, 100)[:, 0] > 0) == POSITIVE[:40]).all()


def test_the_same_reviews_and_seed_give_the_same_weighting(weighed: NgramModel) -> None:
    assert list_arrays(weigh()) == list_arrays(weighed)


def test_ngrams_that_tell_no_label_give_no_logit() -> None:
    nothing = weigh(np.zeros(NGRAMS))
    assert compute_ngram_logits(nothing, np.array([[1, 2]], np.int32), 100).tolist() == [[0.0]]


SEED = 5


def learn(journal: Journal) -> NDArray[np.float32]:
    return learn_vectors(give(LABELLED, UNLABELLED), np.minimum(np.abs(RATIO), 0.7), SEED, journal)


@pytest.mark.parametrize("done", [1, ngram_vectors.EPOCHS])
def test_vectors_go_on_after_an_epoch(done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.journal.KEPT", 1000)
    learn(Journal(folder=tmp_path, save_seconds=0.0))
    for path in tmp_path.glob(f"{PARTS[SEED % len(PARTS)]}-*"):
        if int(path.name.split("-")[3]) > done:
            path.unlink()
    reported: list[int] = []
    assert np.array_equal(learn(Journal(folder=tmp_path, report=reported.append)), learn(QUIET))
    assert len(reported) == ngram_vectors.EPOCHS - done


LEARN = """
import numpy as np, scipy.sparse
from models.wide_lstm.ngram_vectors import learn_vectors
held = scipy.sparse.csr_matrix((np.random.default_rng(0).random((40, 30)) < 0.4).astype(np.float32))
print(learn_vectors(held, np.ones(30, np.float32), 0).tobytes().hex())
"""


@pytest.mark.process
@pytest.mark.slow
def test_a_process_that_finds_the_kernel_compiled_learns_the_same_vectors(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", LEARN], env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    )
    assert list(tmp_path.rglob("*.nbi"))
    assert first == second


def test_reviews_that_all_have_the_same_ngrams_are_weighed_too() -> None:
    column = np.ones((2, 1), np.float32)
    fitted = NgramModel(np.arange(1, 3), column, np.zeros_like(column), np.zeros(1))
    weighed = weigh_by_vectors(fitted, give(np.ones((20, 2), np.int64)), POSITIVE[:20], 0)
    assert np.isfinite(weighed.weight).all()
