"""Tests of leave-one-out effects of words, with a scorer of known results and a small real one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.bundle.scorer import make_scorer, score_texts
from models.list_of_kinds import export_model
from models.own_labels.layer import to_logit
from models.tokenizer import EncodedReviews, Vocabulary
from models.word_effects import explain_review
from tests.support.small_models import WORDS, make_small_variant

LENGTH = 12
WEIGHTS = np.array([0, 0.8, -0.5, 0.3, -1.1, 0.05])
"""Of the ids 0 to 5, in logits; unknown words weigh nothing."""
IDS = st.lists(st.integers(0, 5), min_size=1, max_size=LENGTH)


def score_linearly(encoded: EncodedReviews) -> NDArray[np.float64]:
    """Score each review by the sum of its words' weights."""
    return np.asarray(1 / (1 + np.exp(-WEIGHTS[encoded.pad()].sum(axis=1))))


def score_by_pairs(encoded: EncodedReviews) -> NDArray[np.float64]:
    """Score by pairs of adjacent words, so that positions matter."""
    ids = encoded.pad().astype(np.float64)
    return np.asarray(1 / (1 + np.exp(-np.sin(ids[:, :-1] * 3 + ids[:, 1:]).sum(axis=1) / 4)))


@given(IDS)
def test_each_word_contributes_its_weight_to_a_linear_score(ids: list[int]) -> None:
    effects = explain_review(score_linearly, np.array(ids, np.int32), LENGTH)
    assert effects.contribution == pytest.approx(WEIGHTS[ids], abs=1e-6)


@given(IDS)
def test_all_occurrences_of_a_word_contribute_its_weight_so_many_times(ids: list[int]) -> None:
    effects = explain_review(score_linearly, np.array(ids, np.int32), LENGTH)
    known = sorted(set(ids) - {0})
    assert effects.ids.tolist() == known
    assert effects.times.tolist() == [ids.count(each) for each in known]
    assert effects.joint_contribution == pytest.approx(effects.times * WEIGHTS[known], abs=1e-6)


@given(IDS)
def test_unknown_words_contribute_nothing_whatever_the_scorer(ids: list[int]) -> None:
    effects = explain_review(score_by_pairs, np.array(ids, np.int32), LENGTH)
    unknown = np.array(ids) == 0
    assert not effects.contribution[unknown].any()
    assert (effects.score_without[unknown] == effects.score).all()


@given(IDS)
def test_a_word_that_is_read_once_does_alone_what_all_its_occurrences_do(ids: list[int]) -> None:
    effects = explain_review(score_by_pairs, np.array(ids, np.int32), LENGTH)
    for word_id, times, without in zip(effects.ids, effects.times, effects.score_without_all, strict=True):
        if times == 1:
            assert effects.score_without[ids.index(word_id)] == without


def test_a_score_of_exactly_0_or_1_has_a_finite_logit() -> None:
    assert to_logit(np.array([0.0, 0.5, 1.0])).tolist() == pytest.approx([-16.118, 0, 16.118], abs=1e-3)


@pytest.mark.parametrize("words", ["good", "the plot is good a bad bad plot", "good " * LENGTH])
def test_of_a_real_model_the_effects_are_those_of_texts_with_an_unknown_word_instead(words: str) -> None:
    import keras

    keras.utils.set_random_seed(0)
    variant, vocabulary = make_small_variant(), Vocabulary(WORDS)
    scorer = make_scorer(
        "small", export_model(variant.build(variant)), vocabulary.ids(), variant.sequence_length
    )
    read = words.split()
    ids = np.array([vocabulary.ids().get(word, 0) for word in read], np.int32)
    effects = explain_review(scorer.predict, ids, scorer.sequence_length)
    without = [" ".join([*read[:place], "zebra", *read[place + 1 :]]) for place in range(len(read))]
    assert effects.score == pytest.approx(score_texts(scorer, [words]).score[0], abs=1e-6)
    assert effects.score_without == pytest.approx(score_texts(scorer, without).score, abs=1e-6)
    left_out = [vocabulary.words[word_id - 1] for word_id in effects.ids]
    without_all = [" ".join("zebra" if word == each else word for word in read) for each in left_out]
    assert effects.score_without_all == pytest.approx(score_texts(scorer, without_all).score, abs=1e-6)
