"""Trains the LSTM branch of the wide LSTM on windows of words. Needs TensorFlow.

A batch holds some reviews, with all their windows side by side: windows without a known word are not in it, so little
of it is padding. Training is adversarial (Miyato, Dai and Goodfellow, 2017): each step averages the gradients of the
clean batch and of the same batch with its word vectors moved a little in the direction in which the loss rises most.
So the branch does not depend on single words.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.training.fit import pass_epoch
from models.training.journal import QUIET, Journal, assign_values, list_values, name_epoch
from models.training.kind_of_model import Variant
from models.training.reviews import LabelledReviews, TrainingReviews
from models.training.trained_model import Epoch
from models.wide_lstm.layers import VECTOR_READER, VECTORS, pool_values
from models.wide_lstm.windows import cut_windows

if TYPE_CHECKING:
    import keras

PART = "lstm"
"""The name of the checkpoints of the branch."""
LEARNING_RATE = 1e-3
WARM_UP_STEPS = 200
"""Steps of warm-up, in which the learning rate rises from 0; at most a tenth of all steps.

The rate is also multiplied by half a cosine, from 1 at the first step to 0 after the last.
"""
PERTURBATION_NORM = 0.7
"""Euclidean norm of the perturbation of all word vectors of a review together: the paper's epsilon.

The vectors' values have a standard deviation of 0.3 (`models.wide_lstm.training_recipe.VECTOR_SPREAD`).
"""
_BATCH_ROWS = 128
"""Reviews in one call when logits are computed without training."""


@dataclass(frozen=True)
class LstmBranch:
    """The LSTM branch while it is trained alone: the reader of windows, and the head that makes a review's logit."""

    variant: Variant
    reader: "keras.Model"
    head: "keras.Model"

    @cached_property
    def rate(self) -> Callable[[NDArray[np.int32]], NDArray[np.float64]]:
        """A compiled function from reviews, as ids [n, length], to their logits [n] by the present weights."""
        return _compile_logits(self)

    def compute_logits(self, windows: Any, review: Any, count: Any) -> Any:
        """Return the logits [count] of reviews cut into `windows` [w, window]; `review` [w] is the review of each."""
        return self.apply_head(self.reader(windows, training=False), review, count, training=False)

    def apply_head(self, read: Any, review: Any, count: Any, *, training: bool) -> Any:
        """Return the logits [count] of reviews from `read`, the reader's outputs for their windows."""
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

    def list_variables(self) -> list[Any]:
        """Return the variables that training updates."""
        return [*self.reader.trainable_variables, *self.head.trainable_variables]

    def list_state(self, optimizer: Any) -> list[Any]:
        """Return all variables that change in training: also the optimizer's, and the random states of dropout."""
        return [*self.reader.variables, *self.head.variables, *optimizer.variables]


def _compile_logits(branch: LstmBranch) -> Callable[[NDArray[np.int32]], NDArray[np.float64]]:
    """Compile `LstmBranch.compute_logits` as a function of reviews."""
    import tensorflow as tf

    window = branch.variant.window
    signature = _list_inputs(window, tf.TensorSpec((), tf.int32))
    compute = tf.function(branch.compute_logits, input_signature=signature, autograph=False)

    def compute_all(ids: NDArray[np.int32]) -> NDArray[np.float64]:
        parts = [ids[start : start + _BATCH_ROWS] for start in range(0, len(ids), _BATCH_ROWS)]
        logits = [compute(*_cut_batch(part, window), len(part)).numpy() for part in parts]
        return np.concatenate(logits).astype(float)

    return compute_all


def _list_inputs(window: int, *more: Any) -> list[Any]:
    """Return the input signature of a batch, windows [w, window] and review [w], followed by `more`."""
    import tensorflow as tf

    return [tf.TensorSpec((None, window), tf.int32), tf.TensorSpec((None,), tf.int32), *more]


def _cut_batch(ids: NDArray[np.int32], window: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Cut a batch of training reviews into windows, with the review of each."""
    windows, review = cut_windows(ids, window)
    return windows, review.astype(np.int32)


@dataclass(frozen=True)
class _Course:
    """How far the training of the branch is: the epochs that are done, and the batches of the present one."""

    history: tuple[Epoch, ...] = ()
    batches: int = 0
    loss: float = 0.0
    """Of the reviews of these batches, added up."""
    right: int = 0
    """Reviews of these batches that were classified correctly."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return it for a checkpoint."""
        history = np.array([astuple(epoch) for epoch in self.history]).reshape(-1, len(fields(Epoch)))
        return {"history": history, "present": np.array([self.batches, self.loss, self.right])}

    def end_epoch(self, rows: int, logits: NDArray[np.float64], validation: LabelledReviews) -> "_Course":
        """Return the course after the present epoch of `rows` reviews, with these validation logits."""
        signed = np.where(validation.positive > 0.5, logits, -logits)
        on_validation = float(np.logaddexp(0, -signed).mean()), float((signed > 0).mean())
        return _Course((*self.history, Epoch(self.loss / rows, self.right / rows, *on_validation)))


def fit_branch(
    branch: LstmBranch, reviews: TrainingReviews, *, epochs: int, seed: int, journal: Journal = QUIET
) -> tuple[Epoch, ...]:
    """Train the branch and return the figures of each epoch; see `models.training.kind_of_model.Recipe`.

    Training labels may lie between 0 and 1. A checkpoint is saved after each epoch, and within one that takes long.
    """
    import keras

    rows, size = len(reviews.train.ids), branch.variant.batch_size
    steps, optimizer = -(-rows // size), keras.optimizers.Adam()
    optimizer.build(branch.list_variables())
    train = _make_trainer(branch, optimizer, reviews.train)
    state = branch.list_state(optimizer)
    course, save = _go_on(state, journal, rows, size, epochs), _make_saver(state, journal, steps)
    rates = islice(_plan_rates(epochs * steps), len(course.history) * steps + course.batches, None)
    # The orders of the epochs that are done are drawn too: all come from one generator.
    for batches in islice(_shuffle_epochs(rows, size, epochs, seed), len(course.history), None):
        for chosen in batches[course.batches :]:
            course = train(course, chosen, next(rates))
            journal.report(len(chosen))
            save(course)
        course = course.end_epoch(rows, branch.rate(reviews.validation.ids), reviews.validation)
        save(course)
        pass_epoch()
    return course.history


def _go_on(state: Sequence[Any], journal: Journal, rows: int, size: int, epochs: int) -> _Course:
    """Return how far the training was at the last checkpoint, and give the variables the values that they had then."""
    checkpoint = journal.load(PART)
    if checkpoint is None:
        return _Course()
    assign_values(state, checkpoint.arrays)
    batches, loss, right = checkpoint.arrays["present"].tolist()
    history = tuple(Epoch(*figures) for figures in checkpoint.arrays["history"].tolist())
    course, done = _Course(history, int(batches), loss, int(right)), len(history)
    journal.report(done * rows + min(course.batches * size, rows))
    within = f", after {course.batches} of its batches" if course.batches else ""
    journal.go_on(f"{name_epoch(done, epochs)}{within}", checkpoint.saved_at)
    return course


def _make_saver(state: Sequence[Any], journal: Journal, steps: int) -> Callable[[_Course], None]:
    """Return a function that saves a checkpoint after an epoch of `steps` batches, and every `journal.save_seconds`."""
    saved = time.monotonic()

    def save(course: _Course) -> None:
        nonlocal saved
        if course.batches and time.monotonic() - saved < journal.save_seconds:
            return
        done = len(course.history) * steps + course.batches
        journal.save(PART, done, {**course.to_arrays(), **list_values(state)})
        saved = time.monotonic()

    return save


def _make_trainer(
    branch: LstmBranch, optimizer: Any, train: LabelledReviews
) -> Callable[[_Course, NDArray[np.intp], np.float32], _Course]:
    """Return a function that trains on the reviews at some positions, and adds them to the course."""
    step, window = _make_step(branch, optimizer), branch.variant.window

    def train_batch(course: _Course, rows: NDArray[np.intp], rate: np.float32) -> _Course:
        positive = train.positive[rows]
        loss, logit = step(*_cut_batch(train.ids[rows], window), positive, rate)
        right = int(((logit.numpy() > 0) == (positive > 0.5)).sum())
        added = course.loss + float(loss) * len(rows), course.right + right
        return _Course(course.history, course.batches + 1, *added)

    return train_batch


def _make_step(branch: LstmBranch, optimizer: Any) -> Callable[..., Any]:
    """Build the training step: update the weights, return the mean loss and the logits of the clean batch."""
    import tensorflow as tf

    window = branch.variant.window
    variables = branch.list_variables()
    table, read_vectors = (branch.reader.get_layer(name) for name in (VECTORS, VECTOR_READER))

    def find_loss(windows: Any, vectors: Any, review: Any, positive: Any) -> Any:
        read = read_vectors([windows, vectors], training=True)
        logit = branch.apply_head(read, review, tf.shape(positive)[0], training=True)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(positive, logit)), logit

    labels_and_rate = (tf.TensorSpec(shape, tf.float32) for shape in ((None,), ()))

    @tf.function(input_signature=_list_inputs(window, *labels_and_rate), autograph=False)  # type: ignore[untyped-decorator]
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
    """Scale `values` [w, words, size] so that all values of a review together have this norm; zeros stay zeros."""
    import tensorflow as tf

    squares = tf.math.unsorted_segment_sum(tf.reduce_sum(values * values, (1, 2)), review, count)
    factors = tf.math.divide_no_nan(norm, tf.sqrt(squares))
    return values * tf.gather(factors, review)[:, None, None]


def _plan_rates(steps: int) -> Iterator[np.float32]:
    """Yield the learning rate of each step."""
    rising = min(WARM_UP_STEPS, 1 + steps // 10)
    for step in range(steps):
        warm_up = min(1.0, (step + 1) / rising)
        yield np.float32(LEARNING_RATE * warm_up * (1 + np.cos(np.pi * step / steps)) / 2)


def _shuffle_epochs(count: int, size: int, epochs: int, seed: int) -> Iterator[list[NDArray[np.intp]]]:
    """Yield the batches of each epoch of training: positions of the reviews, in a random order."""
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(count)
        yield [order[start : start + size] for start in range(0, count, size)]
