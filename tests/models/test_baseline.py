"""Tests that the linear baseline learns from words and pairs, and is deterministic."""

import pytest

from models.evaluation.baseline import fit_baseline

PRAISE = ["a warm and lively film", "warm, lively, funny", "the cast is warm", "so funny, so lively"]
BLAME = ["a cold and tired film", "cold, tired, dull", "the cast is cold", "so dull, so tired"]
LABELS = ["pos"] * 4 + ["neg"] * 4


@pytest.mark.slow
def test_it_learns_words_that_tell_the_labels_apart() -> None:
    result = fit_baseline(PRAISE + BLAME, LABELS, ["warm and funny", "cold and dull"], ["pos", "neg"])
    assert result.test_accuracy == 1.0
    assert (result.train_reviews, result.test_reviews) == (8, 2)


@pytest.mark.slow
def test_it_learns_pairs_of_words() -> None:
    texts = [
        "not good",
        "not good at all",
        "so good",
        "so good",
        "not bad",
        "not bad at all",
        "so bad",
        "so bad",
    ]
    labels = ["neg", "neg", "pos", "pos", "pos", "pos", "neg", "neg"]
    assert fit_baseline(texts, labels, texts, labels).test_accuracy == 1.0


@pytest.mark.slow
def test_it_reads_the_words_that_the_models_read() -> None:
    result = fit_baseline(
        PRAISE + BLAME, LABELS, ["WARM!<br />Funny...", "cold<br /><br />DULL"], ["pos", "neg"]
    )
    assert result.test_accuracy == 1.0


def test_it_says_the_share_of_labels_that_it_hit() -> None:
    result = fit_baseline(PRAISE + BLAME, LABELS, ["warm and funny"] * 4, ["pos", "pos", "pos", "neg"])
    assert result.test_accuracy == 0.75


def test_the_same_texts_give_the_same_figures() -> None:
    first, again = (fit_baseline(PRAISE + BLAME, LABELS, PRAISE, ["pos"] * 4) for _ in range(2))
    assert (first.name, first.test_accuracy, first.features) == (
        again.name,
        again.test_accuracy,
        again.features,
    )


def test_one_label_alone_is_not_fitted() -> None:
    with pytest.raises(ValueError, match="both labels"):
        fit_baseline(PRAISE, ["pos"] * 4, PRAISE, ["pos"] * 4)


def test_texts_without_a_label_each_are_not_fitted() -> None:
    with pytest.raises(ValueError, match="one label for each text"):
        fit_baseline(PRAISE, ["pos", "neg"], PRAISE, ["pos"] * 4)
