"""Tests of the wide LSTM's convolution, and that compiled kernels give the numbers of NumPy to the last bit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.graphs.session import open_graph
from models.wide_lstm import ngrams
from models.wide_lstm.engine import load_wide_lstm_engine
from models.wide_lstm.export import export_windows
from models.wide_lstm.kernels import choice, numpy_convolution
from models.wide_lstm.kernels.numpy_convolution import Convolution, make_convolution
from tests.support.encoded_reviews import make_reviews
from tests.support.small_models import build_wide_at_random, make_random_ngrams, make_small_wide_variant

VARIANT = make_small_wide_variant()
WORDS = 7


@st.composite
def draw_convolutions(draw: st.DrawFn) -> tuple[Convolution, NDArray[np.int32]]:
    """Draw a convolution and windows of any size."""
    places, channels, step = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    sizes = ((WORDS, 3), (places, 3, channels), (channels,))
    vectors, kernel, bias = (random.normal(0, 1, size).astype(np.float32) for size in sizes)
    shape = draw(st.integers(0, 20)), step * draw(st.integers(1, 5))
    return make_convolution(vectors, kernel, bias, step), random.integers(0, WORDS, shape).astype(np.int32)


def convolve_word_by_word(given: Convolution, window: NDArray[np.int32]) -> Any:
    """Return the highest outputs of each step of one window, [steps, channels], straight from the definition."""
    places = given.table.shape[1]
    outputs = []
    for output in range(len(window)):
        read = [(output + place - (places - 1) // 2, place) for place in range(places)]
        rows = [given.table[window[word], place] for word, place in read if 0 <= word < len(window)]
        outputs.append(np.maximum(given.bias + np.sum(rows, axis=0), 0))
    return np.stack(outputs).reshape(-1, given.step, len(given.bias)).max(axis=1)


@given(draw_convolutions())
def test_the_highest_outputs_of_each_step_are_those_of_the_definition(
    drawn: tuple[Convolution, NDArray[np.int32]],
) -> None:
    made, windows = drawn
    pooled = numpy_convolution.pool_words(made, windows)
    for number, window in enumerate(windows):
        assert pooled[:, number] == pytest.approx(convolve_word_by_word(made, window), abs=1e-5)


@pytest.mark.slow  # compiles
@settings(deadline=None)
@given(draw_convolutions())
def test_a_compiled_convolution_is_that_of_numpy(drawn: tuple[Convolution, NDArray[np.int32]]) -> None:
    from models.wide_lstm.kernels import numba_kernels

    assert np.array_equal(numba_kernels.pool_words(*drawn), numpy_convolution.pool_words(*drawn))


@pytest.mark.slow  # compiles
@settings(deadline=None)
@given(st.integers(0, 2**20), st.integers(0, 6), st.integers(0, 20))
def test_compiled_ngrams_are_those_of_numpy(seed: int, rows: int, length: int) -> None:
    from models.wide_lstm.kernels import numba_kernels

    ids = np.random.default_rng(seed).integers(0, WORDS, (rows, length)).astype(np.int32)
    asked = (make_random_ngrams(WORDS, seed), ids, WORDS, (0, max(length - 5, 0)))
    for mine, numpys in zip(
        numba_kernels.compute_logits_from(*asked), ngrams.compute_logits_from(*asked), strict=True
    ):
        assert np.array_equal(mine, numpys)


@pytest.mark.slow  # compiles
def test_many_reviews_get_the_scores_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load_wide_lstm_engine(open_graph(export_windows(build_wide_at_random(VARIANT)) or b""))
    assert engine is not None
    encoded = make_reviews(range(30), VARIANT.sequence_length)
    choice._load_compiled.cache_clear()
    few = engine.score(encoded)
    monkeypatch.setattr(choice, "COMPILED_FROM", 30)
    assert choice.choose_kernels(30) != choice.Kernels()
    assert np.array_equal(engine.score(encoded), few)


@pytest.mark.slow  # compiles
def test_few_reviews_do_not_wait_for_compiled_code_but_use_it_once_it_is_loaded() -> None:
    choice._load_compiled.cache_clear()
    assert choice.choose_kernels(choice.COMPILED_FROM - 1) == choice.Kernels()
    compiled = choice.choose_kernels(choice.COMPILED_FROM)
    assert compiled != choice.Kernels()
    assert choice.choose_kernels(1) == compiled
