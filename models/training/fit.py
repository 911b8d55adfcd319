"""Trains one variant, by default with Keras's `fit`, keeping the best epoch. Needs TensorFlow."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.storage.faults import pass_fault_point
from models.tensorflow import load_tensorflow
from models.training.journal import QUIET, Journal, assign_values, list_values, name_epoch
from models.training.kind_of_model import Recipe, Variant
from models.training.reviews import TrainingReviews
from models.training.trained_model import Epoch, TrainedModel

PART = "fit"
"""The name of the checkpoints of `fit`, one after each epoch."""


def train_variant(
    variant: Variant, reviews: TrainingReviews, *, seed: int, epochs: int, journal: Journal = QUIET
) -> TrainedModel:
    """Train `variant` by its recipe; without one, by Keras's `fit`, keeping the epoch of the lowest validation loss.

    The same seed on the same machine with the same number of cores, without a GPU, gives the same weights, also if the
    training goes on from checkpoints of the journal. See `models.training.kind_of_model.Recipe` for what it reports.
    """
    load_tensorflow()
    train: Recipe = _fit if variant.recipe is None else variant.recipe
    return train(variant, reviews, seed=seed, epochs=epochs, journal=journal)


def pass_epoch() -> None:
    """Pass the fault point at the end of an epoch; a recipe calls this after each of its epochs."""
    pass_fault_point("train: after an epoch")


@dataclass(frozen=True)
class _Course:
    """What `fit` has done: the figures of its epochs, and the best of them with its weights."""

    weights: Sequence[NDArray[Any]]
    kept_epoch: int = 0
    history: tuple[Epoch, ...] = ()

    def add(self, figures: Epoch, model: Any) -> "_Course":
        """Add an epoch; keep the weights of the model if it is the best one."""
        lowest = min((past.validation_loss for past in self.history), default=float("inf"))
        history = (*self.history, figures)
        if figures.validation_loss < lowest:
            return _Course(model.get_weights(), len(history), history)
        return replace(self, history=history)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return it for a checkpoint."""
        best = {f"best_{number}": weights for number, weights in enumerate(self.weights)}
        figures = np.array([astuple(epoch) for epoch in self.history])
        return {**best, "history": figures, "kept_epoch": np.array(self.kept_epoch)}


def _fit(
    variant: Variant, reviews: TrainingReviews, *, seed: int, epochs: int, journal: Journal
) -> TrainedModel:
    """Train a variant by Keras's `fit`."""
    import keras

    train, validation = reviews.train, reviews.validation
    keras.utils.set_random_seed(seed)
    model = variant.build(variant)
    course = _begin(model, journal, reviews, epochs)
    done, callback = len(course.history), _make_callback(course, journal, len(train.ids), variant.batch_size)
    if done < epochs:
        model.fit(
            train.ids,
            train.positive,
            batch_size=variant.batch_size,
            epochs=epochs,
            verbose=0,
            validation_data=(validation.ids, validation.positive),
            validation_freq=list(range(done + 1, epochs + 1)),
            callbacks=[callback],
        )
    course = callback.course
    model.set_weights(course.weights)
    return TrainedModel(model, course.history, course.kept_epoch)


def _begin(model: Any, journal: Journal, reviews: TrainingReviews, epochs: int) -> _Course:
    """Return what was done at the last checkpoint, and give the model the state that it had then."""
    # The variables that the first step of `fit` would make are there before: it would be traced twice. It also asks for
    # metrics after an epoch that is skipped.
    model.optimizer.build(model.trainable_variables)
    nothing = np.zeros((1, 1), np.float32)
    model.compute_metrics(None, nothing, nothing)
    model.reset_metrics()
    checkpoint, weights = journal.load(PART), model.get_weights()
    if checkpoint is None:
        return _Course(weights)
    assign_values(_list_state(model), checkpoint.arrays)
    journal.report(checkpoint.done * len(reviews.train.ids))
    journal.go_on(name_epoch(checkpoint.done, epochs), checkpoint.saved_at)
    history = tuple(Epoch(*map(float, figures)) for figures in checkpoint.arrays["history"])
    best = [checkpoint.arrays[f"best_{number}"] for number in range(len(weights))]
    return _Course(best, int(checkpoint.arrays["kept_epoch"]), history)


def _list_state(model: Any) -> list[Any]:
    """Return all variables that change while `fit` runs: weights, the states of dropout, and the optimizer's."""
    return [*model.variables, *model.optimizer.variables]


def _make_callback(begun: _Course, journal: Journal, rows: int, batch_size: int) -> Any:
    """Build the Keras callback that adds each epoch to its `course`, saves a checkpoint, and reports trained rows.

    The epochs that are done pass without training. `fit` shuffles the rows of every epoch by one generator, whose state
    can't be saved. So the rows of these epochs are shuffled again, and those of the next one come in the order that
    they would have had.
    """
    import keras

    done = len(begun.history)

    def draw_batch(iterator: Any) -> dict[str, Any]:
        next(iterator)
        return {}

    class FollowTraining(keras.callbacks.Callback):  # type: ignore[misc]
        course = begun

        def on_train_begin(self, logs: Any = None) -> None:
            self.train = self.model.train_function

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.trains = epoch >= done
            self.model.train_function = self.train if self.trains else draw_batch

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.trains:
                journal.report(min(batch_size, rows - batch * batch_size))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if not self.trains:
                return
            figures = Epoch(*(float(logs[key]) for key in ("loss", "accuracy", "val_loss", "val_accuracy")))
            self.course = self.course.add(figures, self.model)
            journal.save(PART, epoch + 1, {**self.course.to_arrays(), **list_values(_list_state(self.model))})
            pass_epoch()

    return FollowTraining()
