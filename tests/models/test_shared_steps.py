"""Training with an LSTM that computes shared steps once, on all cores, is Keras's training."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import plain_keras
from models.lstm.lstm_process import LstmProcesses
from models.lstm.recurrence import find_shared_steps
from models.lstm.shared_steps import share_steps
from models.training.fit import LabelledReviews, train_variant
from models.variants import VARIANTS, find_variant

ROOT = Path(__file__).parents[2]
NOISE = 2e-6


class OtherLstm(keras.layers.LSTM):  # type: ignore[misc]
    """Someone's own layer, which may compute anything."""


@pytest.fixture(scope="module")
def processes() -> Iterator[LstmProcesses]:
    with LstmProcesses(2) as started:
        yield started


def make_inputs(rows: int, steps: int, features: int, seed: int) -> NDArray[np.float32]:
    """Make rows that begin alike for a while, as padding makes them."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, steps, features)).astype(np.float32)
    for row in inputs:
        row[: random.integers(0, steps + 1)] = 0.5
    return inputs


@given(
    rows=st.integers(1, 9),
    steps=st.integers(1, 40),
    features=st.integers(1, 4),
    units=st.integers(1, 5),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=40, deadline=None)
def test_last_states_and_gradients_are_those_of_keras(
    processes: LstmProcesses, rows: int, steps: int, features: int, units: int, seed: int
) -> None:
    inputs = make_inputs(rows, steps, features, seed)
    layer = keras.layers.LSTM(units, unroll=True)
    layer.build(inputs.shape)
    random = np.random.default_rng(seed)
    layer.set_weights([random.normal(0, 0.5, weight.shape) for weight in layer.get_weights()])
    of_last = random.normal(size=(rows, units)).astype(np.float32)
    with tf.GradientTape() as tape:
        watched = tf.constant(inputs)
        tape.watch(watched)
        expected = layer(watched)
    of_inputs, *of_weights = tape.gradient(expected, [watched, *layer.trainable_variables], of_last)

    last = processes.forward_steps(inputs, *layer.get_weights())
    reads, of_reads, *weights = processes.backward(of_last)
    found = np.zeros_like(inputs)
    found.reshape(-1, features)[reads] = of_reads
    assert np.allclose(last, expected, atol=NOISE)
    assert np.allclose(found, of_inputs, atol=NOISE * 10)
    for ours, theirs in zip(weights, of_weights, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-4, atol=NOISE * 10)


@given(
    rows=st.integers(1, 8), steps=st.integers(1, 12), features=st.integers(1, 3), seed=st.integers(0, 2**20)
)
@settings(deadline=None)
def test_shared_steps_are_equal_and_the_next_one_differs(
    rows: int, steps: int, features: int, seed: int
) -> None:
    inputs = make_inputs(rows, steps, features, seed)
    order, shared = find_shared_steps(inputs)
    assert sorted(order) == list(range(rows))
    assert list(shared) == sorted(shared)
    assert shared[0] == 0
    reference = inputs[order[0]]
    for row, count in zip(inputs[order[1:]], shared[1:], strict=True):
        assert np.array_equal(row[:count], reference[:count])
        assert count == steps - 1 or not np.array_equal(row[count], reference[count])


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.recipe is None])
def test_an_epoch_on_padded_reviews_gives_the_weights_that_plain_keras_code_gives(name: str) -> None:
    random = np.random.default_rng(0)
    ids = random.integers(0, 5000, (150, 500)).astype(np.int32)
    for row in ids:
        row[: random.integers(0, 500)] = 0
    rows = LabelledReviews(ids, (ids[:, -1] % 2).astype(np.float32))
    trained = train_variant(find_variant(name), rows, rows, seed=5, epochs=1)
    keras.utils.set_random_seed(5)
    plain = plain_keras.build(name)
    plain.fit(rows.ids, rows.positive, batch_size=64, epochs=1, verbose=0)
    pairs = zip(trained.model.get_weights(), plain.get_weights(), strict=True)
    assert max(np.abs(ours - theirs).max() for ours, theirs in pairs) < NOISE


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [keras.layers.Embedding(9, 4, mask_zero=True), keras.layers.LSTM(3)],
        lambda: [keras.layers.Embedding(9, 4), keras.layers.LSTM(3, activation="relu")],
        lambda: [keras.layers.Embedding(9, 4), keras.layers.LSTM(3, recurrent_dropout=0.1)],
        lambda: [
            keras.layers.Embedding(9, 4),
            keras.layers.LSTM(3, return_sequences=True),
            keras.layers.LSTM(3),
        ],
        lambda: [keras.layers.Embedding(9, 4), keras.layers.Bidirectional(keras.layers.LSTM(3))],
        lambda: [keras.layers.Embedding(9, 4), keras.layers.GRU(3)],
        lambda: [keras.layers.Embedding(9, 4), keras.layers.LSTM(3, activity_regularizer="l2")],
        lambda: [keras.layers.Embedding(9, 4), OtherLstm(3)],
    ],
    ids=["mask", "activation", "recurrent dropout", "two", "bidirectional", "gru", "activity", "own class"],
)
def test_a_model_that_cant_be_computed_so_trains_as_it_is(layers: Any) -> None:
    model = keras.Sequential([keras.Input((6,), dtype="int32"), *layers(), keras.layers.Dense(1)])
    model.compile("adam", "binary_crossentropy")
    with share_steps(model) as trained:
        assert trained is model


def test_a_regularizer_of_the_weights_counts_as_in_keras() -> None:
    def train(faster: bool) -> Any:
        keras.utils.set_random_seed(0)
        layers = [
            keras.layers.Embedding(9, 4),
            keras.layers.LSTM(3, kernel_regularizer="l2"),
            keras.layers.Dense(1),
        ]
        model = keras.Sequential([keras.Input((6,), dtype="int32"), *layers])
        model.compile("sgd", "mse")
        ids = np.random.default_rng(0).integers(0, 9, (32, 6)).astype(np.int32)
        with share_steps(model) if faster else nullcontext(model) as trained:
            trained.fit(ids, ids[:, :1].astype(np.float32), batch_size=8, verbose=0)
        return model.get_weights()

    for ours, theirs in zip(train(True), train(False), strict=True):
        assert np.allclose(ours, theirs, atol=NOISE)


def test_a_process_that_was_killed_is_named_as_the_cause() -> None:
    before = set(psutil.Process().children())
    with LstmProcesses(1) as processes:
        (helper,) = set(psutil.Process().children()) - before
        helper.kill()
        helper.wait()
        with pytest.raises(RuntimeError, match="computes the LSTM ended"):
            processes.forward_steps(
                np.zeros((2, 3, 1), np.float32),
                *(np.zeros(shape, np.float32) for shape in ((1, 4), (1, 4), 4)),
            )


def test_no_process_outlives_a_training_that_is_killed() -> None:
    code = (
        "import time, psutil; from models.lstm.lstm_process import LstmProcesses; p = LstmProcesses(2)\n"
        "print(*[c.pid for c in psutil.Process().children()], flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as training:
        assert training.stdout is not None
        helpers = [psutil.Process(int(pid)) for pid in training.stdout.readline().split()]
        training.kill()
    assert len(helpers) == 2
    _, alive = psutil.wait_procs(helpers, timeout=20)
    assert not [helper for helper in alive if helper.status() != psutil.STATUS_ZOMBIE]
