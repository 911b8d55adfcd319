"""Tests that the engine of the wide LSTM gives Keras's scores, and supports no other kind."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from data_contracts.errors import BundleError
from models.graphs import batches, session
from models.graphs.engine_interface import SAME_SCORE
from models.list_of_kinds import export_model, load_engine
from models.tokenizer import EncodedReviews
from models.variants import find_variant
from models.wide_lstm import engine as window_engine
from models.wide_lstm.engine import WideLstmEngine, load_wide_lstm_engine
from models.wide_lstm.export import export_windows
from tests.support.encoded_reviews import encode_ids, make_reviews, predict_with_keras
from tests.support.small_models import (
    build_wide_at_random,
    find_wide_at_random,
    make_small_wide_variant,
)

VARIANT = make_small_wide_variant()
LENGTH = VARIANT.sequence_length


@functools.cache
def export_small() -> bytes:
    graph = export_windows(find_wide_at_random())
    assert graph is not None
    return graph


def load_small() -> WideLstmEngine:
    engine = load_wide_lstm_engine(session.open_graph(export_small()))
    assert engine is not None
    return engine


def require_predicted(model: Any, encoded: EncodedReviews) -> None:
    graph = export_windows(model)
    assert graph is not None
    expected = predict_with_keras(model, encoded)
    assert expected.std() > 1e-3
    assert np.abs(load_engine(graph).score(encoded) - expected).max() < SAME_SCORE


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_reviews_of_every_length_get_the_scores_of_keras(seed: int) -> None:
    counts = [*range(LENGTH + 6), *range(LENGTH + 6)]
    require_predicted(find_wide_at_random(seed), make_reviews(counts, LENGTH))


@pytest.mark.slow
def test_the_variant_of_full_size_gets_the_scores_of_keras() -> None:
    variant = find_variant("wide_lstm")
    counts = np.random.default_rng(2).integers(0, 530, 20).tolist()
    reviews = make_reviews(counts, variant.sequence_length, variant.vocabulary_size)
    require_predicted(build_wide_at_random(variant), reviews)


@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes",
    [
        {"kernel_size": 4},
        {"kernel_size": 5, "pool_size": 4},
        {"window": 24, "pool_size": 1},
        {"window": 2, "kernel_size": 5},
    ],
    ids=str,
)
def test_other_sizes_get_the_scores_of_keras(sizes: dict[str, int]) -> None:
    variant = make_small_wide_variant(**sizes)
    length = variant.sequence_length
    require_predicted(build_wide_at_random(variant), make_reviews(range(length + 3), length))


@pytest.mark.slow
def test_reviews_of_unknown_words_alone_get_the_score_of_keras() -> None:
    reviews = [np.zeros(count, np.int32) for count in (0, 1, 9, 40)]
    reviews += [np.array([3, *[0] * 20, 5], np.int32), np.array([7, *[0] * 16], np.int32)]
    require_predicted(find_wide_at_random(), encode_ids(reviews, LENGTH))


@pytest.mark.parametrize("rows", [1, 150])
def test_any_number_of_reviews_comes_back_in_order(rows: int) -> None:
    engine = load_small()
    encoded = make_reviews(np.random.default_rng(rows).integers(0, 30, rows).tolist(), LENGTH)
    reviews = [encoded.word_ids[slice(*encoded.offsets[row : row + 2])] for row in range(rows)]
    alone = [engine.score(encode_ids([review], LENGTH))[0] for review in reviews]
    assert engine.score(encoded).tolist() == pytest.approx(alone, abs=1e-6)


def test_the_batch_and_the_windows_at_once_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, encoded = load_small(), make_reviews(range(30), LENGTH)
    usual = engine.score(encoded)
    monkeypatch.setattr(batches, "SMALLEST_BATCH_ROWS", 2)
    monkeypatch.setattr(window_engine, "WINDOWS_AT_ONCE", 3)
    assert np.abs(engine.score(encoded) - usual).max() < 1e-6


class CountingSession:
    """Counts the words that a session is given."""

    def __init__(self, session: Any) -> None:
        self.session, self.words = session, 0

    def run(self, names: list[str], inputs: dict[str, NDArray[Any]]) -> Any:
        self.words += inputs["ids"].size
        return self.session.run(names, inputs)


@pytest.mark.parametrize(("words", "read"), [(1, 2), (7, 8), (9, 10), (24, 24)])
def test_of_the_padding_in_front_only_what_a_step_sees_is_read(words: int, read: int) -> None:
    engine = load_small()
    counting = CountingSession(engine.session)
    replace(engine, session=counting).score(make_reviews([words] * 5, LENGTH))
    assert counting.words == 5 * read


def test_no_review_gives_no_score() -> None:
    nothing = np.empty(0, np.int32)
    encoded = EncodedReviews(
        nothing, np.zeros(1, np.int64), LENGTH, nothing, np.empty(0, np.float32), nothing == 1
    )
    assert len(load_small().score(encoded)) == 0


def break_geometry(content: bytes, geometry: str) -> bytes:
    import onnx

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, {session.GEOMETRY: geometry})
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("geometry", ["", "5", '{"window": 7, "sequence_length": 24}'])
def test_a_graph_that_says_something_else_of_itself_is_refused(geometry: str) -> None:
    with pytest.raises(BundleError, match="the exported graph: can't be used"):
        load_engine(break_geometry(export_small(), geometry))


Build = Callable[[pytest.MonkeyPatch], Any]
"""Makes a model that has the names of a wide LSTM and is none."""


def put_instead(layer: str, find_other: Callable[[Any], Callable[..., Any]]) -> Build:
    """Return a builder of a wide LSTM with one Keras layer replaced by another."""

    def build(patch: pytest.MonkeyPatch) -> Any:
        from keras import layers

        with patch.context() as building:
            building.setattr(layers, layer, find_other(layers))
            return build_wide_at_random(VARIANT)

    return build


def with_options(layer: str, **options: Any) -> Build:
    def find_other(layers: Any) -> Callable[..., Any]:
        made = getattr(layers, layer)
        return lambda *sizes, **usual: made(*sizes, **{**usual, **options})

    return put_instead(layer, find_other)


OTHERS = {
    "a GRU": put_instead("LSTM", lambda layers: layers.GRU),
    "another gate of the LSTM": with_options("LSTM", recurrent_activation="hard_sigmoid"),
    "a dilated convolution": with_options("Conv1D", dilation_rate=2),
    "half precision": with_options("Conv1D", dtype="mixed_float16"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_another_model_of_those_names_is_not_exported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert export_model(OTHERS[name](monkeypatch)).graph is None
