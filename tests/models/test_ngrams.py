"""Tests that n-grams are distinguished, found, counted once per review, and weighted as in Wang and Manning."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.training.journal import QUIET
from models.training.reviews import LabelledReviews
from models.wide_lstm import number_table, training_recipe
from models.wide_lstm.ngrams import (
    LONGEST,
    NgramModel,
    compare_labels,
    compute_ngram_logits,
    count_ngrams,
    fit_ngrams,
    number_ngrams,
)
from models.wide_lstm.number_table import make_number_table
from tests.support.small_models import give_reviews, make_small_wide_variant
from tests.support.wide_trainings import make_praise_or_blame

WORDS = 5
IDS = st.tuples(st.integers(0, 4), st.integers(0, 7)).flatmap(
    lambda shape: arrays(np.int32, shape, elements=st.integers(0, WORDS - 1))
)


def list_ngrams(words: list[int]) -> list[tuple[int, ...]]:
    """List the n-grams of a review in plain Python, without those with an unknown word."""
    found = [
        tuple(words[start : start + size])
        for size in range(1, LONGEST + 1)
        for start in range(len(words) - size + 1)
    ]
    return [ngram for ngram in found if 0 not in ngram]


def read_number(number: int) -> tuple[int, ...]:
    """Return the words of an n-gram from its number."""
    digits = []
    while number:
        number, digit = divmod(number, WORDS)
        digits.append(digit)
    return tuple(reversed(digits))


@given(IDS)
def test_numbers_give_back_the_ngrams_of_a_review_and_nothing_else(ids: NDArray[np.int32]) -> None:
    numbers = number_ngrams(ids, WORDS)
    assert numbers.shape == (len(ids), LONGEST * ids.shape[1])
    for row, words in zip(numbers.tolist(), ids.tolist(), strict=True):
        assert sorted(read_number(number) for number in row if number) == sorted(list_ngrams(words))


def test_numbers_of_the_largest_vocabulary_do_not_overflow() -> None:
    words = 1_000_000
    numbers = number_ngrams(np.full((1, 3), words - 1, np.int32), words)
    assert numbers.max() == words**3 - 1


@given(IDS, st.integers(0, 2**20))
def test_a_logit_is_that_of_the_formula(ids: NDArray[np.int32], seed: int) -> None:
    random = np.random.default_rng(seed)
    numbers = np.sort(random.choice(np.arange(1, WORDS**LONGEST), 40, replace=False))
    ratio, weight = random.normal(size=(2, 40, 2)).astype(np.float32)
    place = {read_number(int(number)): at for at, number in enumerate(numbers)}
    expected = []
    for words in ids.tolist():
        held = [place[ngram] for ngram in set(list_ngrams(words)) if ngram in place]
        for by, bias in enumerate((0.5, -1.0)):
            norm = np.sqrt(sum(float(ratio[at, by]) ** 2 for at in held)) or 1.0
            expected.append(sum(float(ratio[at, by]) * float(weight[at, by]) for at in held) / norm + bias)
    found = compute_ngram_logits(NgramModel(numbers, ratio, weight, np.array([0.5, -1.0])), ids, WORDS)
    assert found.ravel().tolist() == pytest.approx(expected, abs=1e-9)


TOLD = NgramModel(
    np.array([1, 2, 1 * WORDS + 2]),
    np.array([[3], [1], [4]], np.float32),
    np.array([[1], [2], [-1]], np.float32),
    np.array([0.5]),
)


@pytest.mark.parametrize("shape", [(0, 4), (0, 0), (2, 0), (2, 1), (2, 2)])
def test_reviews_shorter_than_an_ngram_and_none_at_all_are_rated(shape: tuple[int, int]) -> None:
    assert compute_ngram_logits(TOLD, np.ones(shape, np.int32), WORDS).shape == (shape[0], 1)


def test_ngrams_count_from_five_reviews_on() -> None:
    ids = np.array([[0, 1, 1]] * 5 + [[0, 0, 2]] * 4, np.int32)
    assert count_ngrams(ids, WORDS).tolist() == [1, 1 * WORDS + 1]


def make_pairs(rows: int, seed: int = 0) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Make reviews with words 1 and 2, in the order 1 2 if they are positive, else 2 1."""
    random = np.random.default_rng(seed)
    positive = random.integers(0, 2, rows) == 1
    ids = random.integers(3, 8, (rows, 8)).astype(np.int32)
    ids[:, 3:5] = np.where(positive[:, None], [1, 2], [2, 1])
    return ids, positive


def fit(ids: NDArray[np.int32], positive: NDArray[np.bool_]) -> NgramModel:
    return fit_ngrams(ids, positive, 8)


def test_a_pair_is_learnt_that_tells_the_label_where_its_words_do_not() -> None:
    model = fit(*make_pairs(200))
    ids, positive = make_pairs(100, seed=1)
    assert ((compute_ngram_logits(model, ids, 8)[:, 0] > 0) == positive).mean() > 0.95
    strongest = model.numbers[np.argmax(model.ratio[:, 0] * (model.numbers < 64))]
    assert strongest == 1 * 8 + 2


def test_the_same_reviews_give_the_same_model() -> None:
    first, second = (fit(*make_pairs(80)) for _ in range(2))
    assert all(np.array_equal(getattr(first, name), getattr(second, name)) for name in vars(first))


def test_reviews_that_share_no_ngram_leave_the_share_of_positive_ones_alone() -> None:
    ids = np.arange(1, 7, dtype=np.int32)[:, None]
    model = fit(ids, np.array([True] * 4 + [False] * 2))
    assert len(model.numbers) == 0
    assert model.bias == pytest.approx(np.log(2))


@pytest.mark.parametrize("label", [True, False])
def test_reviews_of_one_label_alone_are_refused(label: bool) -> None:
    with pytest.raises(ValueError, match="one kind is missing"):
        fit(make_pairs(20)[0], np.full(20, label))


def test_the_ratio_is_that_of_the_smoothed_shares() -> None:
    ids = np.array([[1, 0, 2]] * 6 + [[1, 0, 3]] * 7, np.int32)
    model = fit(ids, np.arange(13) < 6)
    assert model.numbers.tolist() == [1, 2, 3]
    in_positive, in_negative = np.array([7, 7, 1]) / 15, np.array([8, 1, 8]) / 17
    assert model.ratio[:, 0] == pytest.approx(np.log(in_positive / in_negative))


def test_a_review_with_a_label_counts_by_that_label_whatever_the_first_fit_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labelled, others = make_praise_or_blame(60, seed=1), make_praise_or_blame(60, seed=2)
    wrong = labelled.positive.copy()
    wrong[:3] = 1 - wrong[:3]  # the fit does not believe these
    counted: list[NDArray[np.bool_]] = []

    def note(present: Any, positive: NDArray[np.bool_]) -> NDArray[np.float32]:
        counted.append(positive)
        return compare_labels(present, positive)

    monkeypatch.setattr(training_recipe, "compare_labels", note)
    # In place of vectors, whose learning takes long, the first weighting counts twice.
    monkeypatch.setattr(training_recipe, "learn_sets", lambda *arguments: [()])
    monkeypatch.setattr(training_recipe, "fit_vector_weighting", lambda fitted, *arguments: fitted)
    reviews = give_reviews(LabelledReviews(labelled.ids, wrong), labelled, others.ids)
    training_recipe.weigh_ngrams(make_small_wide_variant(), reviews, 0, QUIET)
    [positive] = counted
    assert positive[:60].tolist() == (wrong > 0.5).tolist()
    assert (positive[60:] == (others.positive > 0.5)).mean() > 0.9


LARGEST = 2**62


def list_numbers(numbers: set[int]) -> NDArray[np.int64]:
    return np.array(sorted(numbers), np.int64)


@given(st.sets(st.integers(1, LARGEST), max_size=60), st.lists(st.integers(1, LARGEST), max_size=20))
def test_a_number_of_the_list_has_its_place_and_another_has_none(
    numbers: set[int], others: list[int]
) -> None:
    listed = list_numbers(numbers)
    sought = np.concatenate([listed, np.array(others, np.int64)])
    place = {number: at for at, number in enumerate(listed.tolist())}
    assert make_number_table(listed).find(sought).tolist() == [
        place.get(number, -1) for number in sought.tolist()
    ]


def test_numbers_that_share_a_slot_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def crowd(numbers: NDArray[np.int64], slots: int) -> NDArray[np.intp]:
        return np.full(len(numbers), slots - 1)

    monkeypatch.setattr(number_table, "_hash", crowd)
    listed = np.arange(1, 30)
    table = make_number_table(listed)
    assert table.find(np.append(listed, 99)).tolist() == [*range(29), -1]


def test_the_number_0_is_not_in_the_table() -> None:
    table = make_number_table(np.array([0, 7], np.int64))
    assert table.find(np.array([7, 8], np.int64)).tolist() == [1, -1]
