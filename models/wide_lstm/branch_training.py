"""Training of the LSTM path of the wide LSTM on windows of words. Needs TensorFlow.

A batch holds some reviews with all their windows side by side, so that nothing but the ends of windows is padding.
Training is adversarial (Miyato, Dai and Goodfellow, 2017): every batch is learnt twice at once, as it is and with its
words' vectors moved a little to where the loss rises most, so that the path does not hang on single words.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.training.fit import pass_epoch
from models.training.types import Epoch, LabelledReviews, TrainingReviews, Variant
from models.wide_lstm.layers import VECTOR_READER, VECTORS, pool_values
from models.wide_lstm.windows import cut_windows

if TYPE_CHECKING:
    import keras

LEARNING_RATE = 1e-3
WARM_UP_STEPS = 200
"""Steps in which the learning rate rises from 0, or a tenth of all where that is less.

All the while it falls to 0 along half a cosine.
"""
PERTURBATION_NORM = 0.7
"""Euclidean norm of what is added to the vectors of a review, all together: the paper's epsilon.

The vectors' values have a standard deviation of 0.3 (`models.wide_lstm.recipe.VECTOR_SPREAD`).
"""
_RATE_ROWS = 128


@dataclass(frozen=True)
class LstmPath:
    """The LSTM path of a wide LSTM: what reads windows, and what makes a logit of what was read."""

    variant: Variant
    reader: "keras.Model"
    head: "keras.Model"

    def rate(self, windows: Any, review: Any, count: Any) -> Any:
        """Give the logits [count] of reviews whose windows are [w, window], `review` [w] telling whose each is."""
        return self.judge(self.reader(windows, training=False), review, count, training=False)

    def judge(self, read: Any, review: Any, count: Any, *, training: bool) -> Any:
        """Give the logits [count] of reviews of whose windows the reader gave `read`."""
        import tensorflow as tf

        highest, total, steps = read
        last = tf.math.unsorted_segment_max(tf.range(tf.shape(review)[0]), review, count)
        views = [
            (
                tf.math.unsorted_segment_max(highest, review, count),
                tf.math.unsorted_segment_sum(total, review, count),
                tf.math.unsorted_segment_sum(steps, review, count),
            ),
            tuple(tf.gather(part, last) for part in (highest, total, steps)),
        ]
        pooled = [part for view in views for part in pool_values(*view)]
        return self.head(tf.concat(pooled, axis=-1), training=training)[:, 0]

    def weights(self) -> list[Any]:
        """Give the variables that training moves."""
        return [*self.reader.trainable_variables, *self.head.trainable_variables]


def make_rate(path: LstmPath) -> Callable[[NDArray[np.int32]], NDArray[np.float64]]:
    """Make the function from reviews as ids [n, length] to their logits [n]."""
    import tensorflow as tf

    window = path.variant.window
    compute = tf.function(path.rate, input_signature=_sign(window, tf.TensorSpec((), tf.int32)))

    def rate(ids: NDArray[np.int32]) -> NDArray[np.float64]:
        parts = [ids[start : start + _RATE_ROWS] for start in range(0, len(ids), _RATE_ROWS)]
        return np.concatenate([compute(*_lay_out(part, window), len(part)).numpy() for part in parts]).astype(
            float
        )

    return rate


def _sign(window: int, *more: Any) -> list[Any]:
    import tensorflow as tf

    return [tf.TensorSpec((None, window), tf.int32), tf.TensorSpec((None,), tf.int32), *more]


def _lay_out(ids: NDArray[np.int32], window: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    windows, review = cut_windows(ids, window)
    return windows, review.astype(np.int32)


def fit_path(
    path: LstmPath, reviews: TrainingReviews, *, epochs: int, seed: int, report: Callable[[int], None]
) -> list[Epoch]:
    """Train the path; labels to train on may lie between 0 and 1. Otherwise as `models.training.types.Recipe`."""
    train, validation, variant = reviews.train, reviews.validation, path.variant
    generator = np.random.default_rng(seed)
    rate, step = make_rate(path), _make_step(path)
    rates = _plan_rates(epochs * -(-len(train.ids) // variant.batch_size))
    history = []
    for _ in range(epochs):
        losses, right = 0.0, 0
        for rows in _shuffle(len(train.ids), variant.batch_size, generator):
            positive = train.positive[rows]
            loss, logit = step(*_lay_out(train.ids[rows], variant.window), positive, next(rates))
            losses += float(loss) * len(rows)
            right += int(((logit.numpy() > 0) == (positive > 0.5)).sum())
            report(len(rows))
        history.append(
            _judge(losses / len(train.ids), right / len(train.ids), rate(validation.ids), validation)
        )
        pass_epoch()
    return history


def _make_step(path: LstmPath) -> Callable[..., Any]:
    """Build the training step: update the weights, return the mean loss and the logits of the clean batch."""
    import keras
    import tensorflow as tf

    window = path.variant.window
    variables = path.weights()
    optimizer = keras.optimizers.Adam()
    optimizer.build(variables)
    table, read_vectors = (path.reader.get_layer(name) for name in (VECTORS, VECTOR_READER))

    def find_loss(windows: Any, vectors: Any, review: Any, positive: Any) -> Any:
        read = read_vectors([windows, vectors], training=True)
        logit = path.judge(read, review, tf.shape(positive)[0], training=True)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(positive, logit)), logit

    @tf.function(
        input_signature=_sign(window, *(tf.TensorSpec(shape, tf.float32) for shape in ((None,), ())))
    )  # type: ignore[untyped-decorator]
    def step(windows: Any, review: Any, positive: Any, learning_rate: Any) -> Any:
        with tf.GradientTape() as tape:
            vectors = table(windows)
            loss, logit = find_loss(windows, vectors, review, positive)
        rising, *gradients = tape.gradient(loss, [vectors, *variables])
        perturbation = _scale_reviews(rising, review, tf.shape(positive)[0], PERTURBATION_NORM)
        with tf.GradientTape() as tape:
            perturbed_loss, _ = find_loss(windows, table(windows) + perturbation, review, positive)
        both = zip(gradients, tape.gradient(perturbed_loss, variables), strict=True)
        optimizer.learning_rate.assign(learning_rate)
        optimizer.apply([(tf.convert_to_tensor(a) + tf.convert_to_tensor(b)) / 2 for a, b in both], variables)
        return loss, logit

    return step  # type: ignore[no-any-return]


def _scale_reviews(values: Any, review: Any, count: Any, norm: float) -> Any:
    """Scale values [w, words, size] so that those of all windows of a review have this norm, where it isn't 0."""
    import tensorflow as tf

    squares = tf.math.unsorted_segment_sum(tf.reduce_sum(values * values, (1, 2)), review, count)
    factors = tf.math.divide_no_nan(norm, tf.sqrt(squares))
    return values * tf.gather(factors, review)[:, None, None]


def _plan_rates(steps: int) -> Iterator[np.float32]:
    """Give the learning rate of each step."""
    rising = min(WARM_UP_STEPS, 1 + steps // 10)
    for step in range(steps):
        warm_up = min(1.0, (step + 1) / rising)
        yield np.float32(LEARNING_RATE * warm_up * (1 + np.cos(np.pi * step / steps)) / 2)


def _shuffle(count: int, size: int, generator: np.random.Generator) -> list[NDArray[np.intp]]:
    order = generator.permutation(count)
    return [order[start : start + size] for start in range(0, count, size)]


def _judge(loss: float, accuracy: float, logit: NDArray[np.float64], validation: LabelledReviews) -> Epoch:
    signed = np.where(validation.positive > 0.5, logit, -logit)
    return Epoch(loss, accuracy, float(np.logaddexp(0, -signed).mean()), float((signed > 0).mean()))
