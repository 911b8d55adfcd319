"""Tests of the wide LSTM as a Keras model: its n-grams equal NumPy's, and it is unchanged when loaded again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.bundle.folder import MODEL_FILE, load_model
from models.wide_lstm.layers import (
    Blend,
    build_lstm_head,
    build_reader,
    join_branches,
    make_ngram_layer,
)
from models.wide_lstm.ngrams import NgramModel, compute_ngram_logits
from models.wide_lstm.windows import cut_windows
from tests.support.small_models import (
    build_wide_at_random,
    find_wide_at_random,
    make_random_ngrams,
    make_small_wide_variant,
)

WORDS = 6
VARIANT = make_small_wide_variant()


def make_ids() -> NDArray[np.int32]:
    """Make reviews of every length, some of the words unknown; the first review has no word."""
    random = np.random.default_rng(0)
    ids = random.integers(0, VARIANT.vocabulary_size, (40, VARIANT.sequence_length)).astype(np.int32)
    for row, words in enumerate(ids):
        words[: VARIANT.sequence_length - row % (VARIANT.sequence_length + 1)] = 0
    return ids


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 5), st.integers(3, 14)).flatmap(
        lambda shape: arrays(np.int32, shape, elements=st.integers(0, WORDS - 1))
    ),
    st.integers(0, 2**20),
)
def test_the_layer_gives_the_logits_of_the_ngram_model(ids: NDArray[np.int32], seed: int) -> None:
    ngrams = make_random_ngrams(WORDS, seed)
    layer = make_ngram_layer()(len(ngrams.numbers), WORDS)
    layer.build(ids.shape)
    layer.set_weights([ngrams.numbers, ngrams.ratio[:, 0], ngrams.weight[:, 0], ngrams.bias[:1]])
    assert np.abs(np.asarray(layer(ids))[:, 0] - compute_ngram_logits(ngrams, ids, WORDS)[:, 0]).max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("row", [0, 17])
def test_a_review_without_a_known_word_has_a_score_of_its_own(row: int) -> None:
    ids = make_ids()
    ids[row] = 0
    scores = np.asarray(find_wide_at_random()(ids))[:, 0]
    assert ((scores > 0) & (scores < 1)).all()


def score_window_at(start: int) -> float:
    """Score a review that has known words in one of its windows."""
    ids = np.zeros((1, VARIANT.sequence_length), np.int32)
    ids[0, start : start + VARIANT.window] = np.arange(1, VARIANT.window + 1)
    return float(np.asarray(find_wide_at_random()(ids))[0, 0])


@pytest.mark.slow
def test_a_window_counts_alike_wherever_it_stands_but_the_last_for_more() -> None:
    assert score_window_at(0) == pytest.approx(score_window_at(8), abs=1e-6)
    assert abs(score_window_at(0) - score_window_at(16)) > 1e-3


@pytest.mark.slow
def test_the_vector_of_word_0_is_not_read() -> None:
    model, ids = build_wide_at_random(VARIANT), make_ids()
    before = np.asarray(model(ids))
    table = model.get_layer("reader").get_layer("vectors")
    vectors = table.get_weights()[0]
    vectors[0] = 9
    table.set_weights([vectors])
    assert np.array_equal(np.asarray(model(ids)), before)


@pytest.mark.slow
def test_the_lstm_reads_what_was_cut_into_windows() -> None:
    vectors = np.random.default_rng(0).normal(size=(VARIANT.vocabulary_size, VARIANT.embedding_size))
    reader, head = build_reader(VARIANT, vectors.astype(np.float32)), build_lstm_head(VARIANT)
    model = join_branches(VARIANT, reader, head, make_random_ngrams(40), Blend(whole=(0.0, 0.0)))
    ids = make_ids()
    windows, review = cut_windows(ids, VARIANT.window)
    highest, total, steps = (np.asarray(part) for part in reader(windows))
    logits = []
    for row in range(len(ids)):
        pooled = []
        for places in (np.flatnonzero(review == row), np.flatnonzero(review == row)[-1:]):
            count = steps[places].sum()
            pooled.append(highest[places].max(axis=0) if count else np.zeros(highest.shape[1]))
            pooled.append(total[places].sum(axis=0) / max(count, 1))
        logits.append(float(np.asarray(head(np.concatenate(pooled)[None].astype(np.float32)))[0, 0]))
    assert np.asarray(model(ids))[:, 0] == pytest.approx(1 / (1 + np.exp(-np.array(logits))), abs=1e-6)


@pytest.mark.slow
def test_a_saved_model_gives_the_same_scores_when_it_is_loaded_in_safe_mode(tmp_path: Path) -> None:
    model, ids = find_wide_at_random(), make_ids()
    model.save(tmp_path / MODEL_FILE)
    assert np.array_equal(np.asarray(load_model(tmp_path)(ids)), np.asarray(model(ids)))


@pytest.mark.slow
def test_a_model_without_ngrams_has_their_bias_in_its_scores() -> None:
    empty = np.zeros((0, 2), np.float32)
    nothing = NgramModel(np.zeros(0, np.int64), empty, empty, np.array([2.0, 0.0]))
    reader = build_reader(VARIANT, np.zeros((40, 4), np.float32))
    model = join_branches(VARIANT, reader, build_lstm_head(VARIANT), nothing, Blend(lstm=0.0))
    assert np.asarray(model(make_ids())) == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-6)


@pytest.mark.parametrize("sizes", [{"window": 7}, {"pool_size": 3}])
def test_sizes_that_leave_a_rest_are_refused(sizes: dict[str, int]) -> None:
    variant = replace(VARIANT, **sizes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="without a remainder"):
        variant.build(variant)
