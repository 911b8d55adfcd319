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
