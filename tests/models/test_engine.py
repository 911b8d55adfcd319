"""Tests that the engine gives Keras's scores for any supported layers, sizes and lengths of reviews."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bundle.scorer import make_scorer
from models.graphs import batches
from models.graphs.engine_interface import SAME_SCORE, Engine
from models.list_of_kinds import export_model, load_engine
from models.lstm import engine as engine_module
from models.lstm.engine import ReceptiveField, count_steps, find_inputs
from models.lstm.export import export_lstm
from models.tokenizer import EncodedReviews
from models.training.kind_of_model import Variant
from models.variants import find_variant, list_variants
from tests.support.encoded_reviews import KNOWN_WORDS, encode_ids, make_reviews, predict_with_keras
from tests.support.small_home import build_small_bundle

ROOT = Path(__file__).parents[2]
WHOLE = [name for name, variant in list_variants().items() if not variant.window]
"""Variants that read the whole sequence at once; for the others see `test_window_engine`."""


def build_at_random(variant: Variant) -> Any:
    """Build a variant with random weights that give different scores; biases are not 0."""
    return shake(variant.build(variant))


def shake(model: Any, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    shapes = [each.shape for each in model.get_weights()]
    weights = [random.normal(0, min(shape[0] ** -0.5, 0.5), shape) for shape in shapes]
    weights[0] = random.normal(0, 0.5, shapes[0])  # the words' vectors
    model.set_weights(weights)
    return model


def shrink(name: str, **changes: int) -> Variant:
    small = {"vocabulary_size": KNOWN_WORDS, "embedding_size": 4, "lstm_units": 6, "filters": 5}
    return Variant(**{**vars(find_variant(name)), **small, **changes})


def load_exported(model: Any) -> Engine:
    graph = export_lstm(model)
    assert graph is not None
    return load_engine(graph)


def require_same_scores(model: Any, encoded: EncodedReviews) -> None:
    engine, expected = load_exported(model), predict_with_keras(model, encoded)
    assert expected.std() > 1e-3
    assert np.abs(engine.score(encoded) - expected).max() < SAME_SCORE


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_reviews_of_every_length_get_the_scores_of_keras(name: str) -> None:
    require_same_scores(build_at_random(shrink(name, sequence_length=60)), make_reviews(range(81), 60))


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_a_seed_variant_of_full_size_gets_the_scores_of_keras(name: str) -> None:
    counts = np.random.default_rng(2).integers(0, 520, 300)
    model = build_at_random(find_variant(name))
    require_same_scores(model, make_reviews(counts.tolist(), 500, 5000))


@pytest.mark.slow
@pytest.mark.parametrize("length", [23, 24])
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
@pytest.mark.parametrize("pool_size", [2, 3])
def test_sizes_of_convolution_and_pooling_that_do_not_divide_the_length(
    length: int, kernel_size: int, pool_size: int
) -> None:
    sizes = {"kernel_size": kernel_size, "pool_size": pool_size, "sequence_length": length}
    require_same_scores(build_at_random(shrink("cnn_lstm", **sizes)), make_reviews(range(length + 3), length))


def stack(*layers: Any, length: int = 30) -> Any:
    import keras

    words = keras.Input((length,), dtype="int32")
    return shake(keras.Sequential([words, keras.layers.Embedding(KNOWN_WORDS, 4), *layers]))


def test_stacked_convolutions_and_a_deeper_head() -> None:
    from keras import layers

    model = stack(
        layers.SpatialDropout1D(0.1),
        layers.Conv1D(5, 3, padding="same", activation="tanh"),
        layers.Conv1D(6, 5, padding="same", use_bias=False),
        layers.MaxPooling1D(3),
        layers.Conv1D(4, 2, padding="same", activation="relu"),
        layers.MaxPooling1D(2),
        layers.LSTM(5, use_bias=False),
        layers.Dense(7, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(1, activation="sigmoid", use_bias=False),
    )
    require_same_scores(model, make_reviews(range(34), 30))


def test_leading_words_that_are_not_known_are_like_padding() -> None:
    model = build_at_random(shrink("cnn_lstm", sequence_length=20))
    reviews = [np.array([0] * zeros + [3, 0, 5], np.int32) for zeros in range(18)]
    require_same_scores(model, encode_ids([*reviews, np.array([7], np.int32)], 20))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 300])
def test_any_number_of_reviews_comes_back_in_order(rows: int) -> None:
    engine = load_exported(build_at_random(shrink("lstm", sequence_length=40)))
    counts = np.random.default_rng(rows).integers(0, 45, rows).tolist()
    encoded = make_reviews([*counts, 3], 40)
    together = engine.score(encoded)
    rows_of = [encoded.word_ids[slice(*encoded.offsets[row : row + 2])] for row in range(rows + 1)]
    alone = [engine.score(encode_ids([review], 40))[0] for review in rows_of]
    assert together.tolist() == pytest.approx(alone, abs=1e-6)


def test_no_review_gives_no_score() -> None:
    engine = load_exported(build_at_random(shrink("lstm", sequence_length=40)))
    nothing = np.empty(0, np.int32)
    encoded = EncodedReviews(
        nothing, np.zeros(1, np.int64), 40, nothing, np.empty(0, np.float32), nothing == 1
    )
    assert len(engine.score(encoded)) == 0


def test_the_batch_and_the_chunk_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load_exported(build_at_random(shrink("cnn_lstm", sequence_length=40)))
    encoded = make_reviews(range(43), 40)
    usual = engine.score(encoded)
    monkeypatch.setattr(engine_module, "CHUNK_STEPS", 3)
    monkeypatch.setattr(batches, "SMALLEST_BATCH_ROWS", 2)
    assert np.abs(engine.score(encoded) - usual).max() < 1e-6


RECEPTIVE_FIELDS = st.one_of(
    st.builds(ReceptiveField, st.integers(0, 3), st.integers(0, 3), st.just(1)),
    st.integers(2, 4).map(lambda size: ReceptiveField(0, size - 1, size)),
)


@settings(deadline=None)
@given(st.lists(RECEPTIVE_FIELDS, max_size=3), st.integers(30, 80), st.data())
def test_steps_before_the_first_one_that_sees_a_word_see_none(
    fields: list[ReceptiveField], length: int, data: st.DataObject
) -> None:
    steps = count_steps(fields, length)
    if steps < 1:
        return
    position = data.draw(st.integers(0, length - 1))
    first = position
    for field in fields:
        first = field.first_output(first)
    sees = [find_inputs(fields, length, step, step + 1)[:2] for step in range(steps)]
    assert all(stop <= position for _, stop in sees[:first])


def test_no_step_is_computed_that_sees_padding_alone() -> None:
    fields = [ReceptiveField(1, 1, 1), ReceptiveField(0, 1, 2)]
    for position in range(40):
        first = fields[1].first_output(fields[0].first_output(position))
        assert find_inputs(fields, 40, first, first + 1)[1] > position


OTHERS: dict[str, Callable[[Any], list[Any]]] = {
    "bidirectional": lambda layers: [layers.Bidirectional(layers.LSTM(4))],
    "gru": lambda layers: [layers.GRU(4)],
    "two lstms": lambda layers: [layers.LSTM(4, return_sequences=True), layers.LSTM(4)],
    "backwards": lambda layers: [layers.LSTM(4, go_backwards=True)],
    "valid convolution": lambda layers: [layers.Conv1D(4, 3), layers.LSTM(4)],
    "wide pooling": lambda layers: [layers.MaxPooling1D(3, strides=1), layers.LSTM(4)],
    "other activation": lambda layers: [layers.LSTM(4, activation="relu")],
    "half precision": lambda layers: [layers.LSTM(4, dtype="mixed_float16")],
}
"""Layers of which the engine does not take one."""


def build_other(name: str) -> Any:
    from keras import layers

    return stack(*OTHERS[name](layers), layers.Dense(1, activation="sigmoid"))


@pytest.mark.parametrize("name", OTHERS)
def test_a_model_that_the_engine_does_not_take_is_not_exported(name: str) -> None:
    assert export_model(build_other(name)).graph is None


@pytest.mark.slow
def test_a_model_that_is_not_exported_is_scored_by_keras() -> None:
    model = build_other("bidirectional")
    exported = export_model(model)
    encoded = make_reviews(range(34), 30)
    expected = predict_with_keras(model, encoded)
    assert np.abs(make_scorer("", exported, {}, 30).predict(encoded) - expected).max() < SAME_SCORE


def test_a_model_that_masks_padding_is_scored_by_keras() -> None:
    import keras

    words = keras.Input((30,), dtype="int32")
    embedding = keras.layers.Embedding(KNOWN_WORDS, 4, mask_zero=True)
    head = [keras.layers.LSTM(4), keras.layers.Dense(1, activation="sigmoid")]
    assert export_model(keras.Sequential([words, embedding, *head])).graph is None


@pytest.mark.process
def test_a_process_that_only_scores_loads_neither_tensorflow_nor_keras(tmp_path: Path) -> None:
    bundle = build_small_bundle(tmp_path)
    script = (
        "import sys; from pathlib import Path; from models.bundle.scorer import load_scorer, score_texts\n"
        "print(score_texts(load_scorer(Path(sys.argv[1])), ['good film']).score[0])\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'onnx', 'sklearn'}))"
    )
    command = [sys.executable, "-c", script, str(bundle)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    score, loaded = result.stdout.splitlines()
    assert 0 < float(score) < 1
    assert loaded == "[]"
    assert result.stderr == ""
