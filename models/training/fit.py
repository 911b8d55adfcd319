"""Training of one variant: Keras's `fit`, the best of its epochs kept. Needs TensorFlow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.faults import pass_fault_point
from models.tensorflow import load_tensorflow
from models.variants import Variant

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class LabelledReviews:
    """Encoded reviews with their labels; n is the number of reviews."""

    ids: NDArray[np.int32]
    """[n, sequence_length] word ids, padded in front with 0."""
    positive: NDArray[np.float32]
    """[n] 1 where the review is positive, else 0."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch ended with; losses are binary cross-entropy in nats."""

    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, its learning curve and which epoch's weights it holds."""

    model: "keras.Model"
    history: tuple[Epoch, ...]
    kept_epoch: int
    """Counted from 1; by Keras's `fit` the epoch with the lowest validation loss."""


def train_variant(
    variant: Variant,
    train: LabelledReviews,
    validation: LabelledReviews,
    unlabelled: NDArray[np.int32] | None = None,
    *,
    seed: int,
    epochs: int,
    report: Callable[[int], None] = lambda rows: None,
) -> TrainedModel:
    """Train `variant` by its recipe, or by Keras's `fit` with the epoch of the lowest validation loss kept.

    `unlabelled` are the reviews without a label as ids [m, sequence_length], for a variant that reads them.
    The same seed on the same machine with as many cores gives the same weights. `report` is told of the training
    rows done since its last call, `epochs * len(train.ids)` in all.
    """
    load_tensorflow()
    if variant.recipe is not None:
        others = np.zeros((0, train.ids.shape[1]), np.int32) if unlabelled is None else unlabelled
        return variant.recipe(variant, train, validation, others, seed=seed, epochs=epochs, report=report)
    import keras

    keras.utils.set_random_seed(seed)
    model = variant.build(variant)
    best = _make_best_epoch_keeper()
    model.fit(
        train.ids,
        train.positive,
        batch_size=variant.batch_size,
        epochs=epochs,
        verbose=0,
        validation_data=(validation.ids, validation.positive),
        callbacks=[best, _make_reporter(len(train.ids), variant.batch_size, report)],
    )
    model.set_weights(best.weights)
    return TrainedModel(model, tuple(best.history), best.kept_epoch)


def pass_epoch() -> None:
    """Tell that an epoch is over: a recipe calls it after each of its own, for `make faults`."""
    pass_fault_point("train: after an epoch")


def _make_best_epoch_keeper() -> Any:
    """Make the callback that remembers each epoch's figures and the weights of the best."""
    import keras

    class KeepBestEpoch(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Any = None) -> None:
            self.history: list[Epoch] = []
            self.kept_epoch, self.weights = 0, self.model.get_weights()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            figures = Epoch(*(float(logs[key]) for key in ("loss", "accuracy", "val_loss", "val_accuracy")))
            lowest = min((past.validation_loss for past in self.history), default=float("inf"))
            self.history.append(figures)
            pass_epoch()
            if figures.validation_loss < lowest:
                self.kept_epoch, self.weights = epoch + 1, self.model.get_weights()

    return KeepBestEpoch()


def _make_reporter(rows: int, batch_size: int, report: Callable[[int], None]) -> Any:
    import keras

    class ReportRows(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            report(min(batch_size, rows - batch * batch_size))

    return ReportRows()
