"""Trains one variant, by default with Keras's `fit`, keeping the best epoch. Needs TensorFlow."""

from collections.abc import Callable
from typing import Any

from data_contracts.storage.faults import pass_fault_point
from models.tensorflow import load_tensorflow
from models.training.types import Epoch, Recipe, TrainedModel, TrainingReviews, Variant


def train_variant(
    variant: Variant,
    reviews: TrainingReviews,
    *,
    seed: int,
    epochs: int,
    report: Callable[[int], None] = lambda rows: None,
) -> TrainedModel:
    """Train `variant` by its recipe; without one, by Keras's `fit`, keeping the epoch of the lowest validation loss.

    The same seed on the same machine with the same number of cores gives the same weights. `report` is called with the
    number of training rows processed since its last call; they add up to `epochs * len(reviews.train.ids)`.
    """
    load_tensorflow()
    train: Recipe = _fit if variant.recipe is None else variant.recipe
    return train(variant, reviews, seed=seed, epochs=epochs, report=report)


def _fit(
    variant: Variant, reviews: TrainingReviews, *, seed: int, epochs: int, report: Callable[[int], None]
) -> TrainedModel:
    """Train a variant by Keras's `fit`."""
    import keras

    train, validation = reviews.train, reviews.validation
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
    """Pass the fault point at the end of an epoch; a recipe calls this after each of its epochs."""
    pass_fault_point("train: after an epoch")


def _make_best_epoch_keeper() -> Any:
    """Build the Keras callback that keeps the figures of each epoch and the weights of the best one."""
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
    """Build the Keras callback that reports the rows of each batch that was trained on."""
    import keras

    class ReportRows(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            report(min(batch_size, rows - batch * batch_size))

    return ReportRows()
